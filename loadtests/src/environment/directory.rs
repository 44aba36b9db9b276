//! Directories on disk: the root under which everything of ours lies, and one for each run.
//!
//! A run's directory lies on the file system of the cached data directories, so that those can be
//! cloned into it. It is locked for as long as its run lives; what a crash of the machine left
//! behind is unlocked, and removed by the next start.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use tempfile::TempDir;

use super::account::Account;
use super::error::EnvironmentError;

const MEGABYTE: u64 = 1 << 20;
const RUN_PREFIX: &str = "run-";
const KEPT_PREFIX: &str = "kept-";
const LOCK: &str = "lock";

/// Where everything of ours lies; the servers' account can reach it.
#[derive(Debug, Clone)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// `$XDG_CACHE_HOME/squall` or `~/.cache/squall`, or one under `/var/tmp` where the servers'
    /// account could not reach those.
    pub fn open(account: Account) -> Result<Self, EnvironmentError> {
        let own = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
            .filter(|cache| account.is_own() || others_can_reach(cache))
            .map(|cache| cache.join("squall"));
        let path = own.unwrap_or_else(|| PathBuf::from(format!("/var/tmp/squall-{}", geteuid())));
        Self::at(path, account)
    }

    /// A root at a place of the caller's choice.
    pub fn at(path: PathBuf, account: Account) -> Result<Self, EnvironmentError> {
        let mode = if account.is_own() { 0o700 } else { 0o711 };
        let created = DirBuilder::new().recursive(true).mode(mode).create(&path);
        created.map_err(EnvironmentError::file("creating", &path))?;
        // Anybody may have made a directory of this name in /var/tmp before us.
        let found =
            fs::symlink_metadata(&path).map_err(EnvironmentError::file("reading", &path))?;
        if !found.is_dir() || found.uid() != geteuid().as_raw() {
            return Err(EnvironmentError::ForeignDirectory { directory: path });
        }
        Ok(Self { path })
    }

    /// A directory of this name under the root.
    pub fn directory(&self, name: &str) -> Result<PathBuf, EnvironmentError> {
        let path = self.path.join(name);
        make(&path)?;
        Ok(path)
    }

    /// Fails unless this much is free.
    pub fn require_space(&self, bytes: u64) -> Result<(), EnvironmentError> {
        let available = fs2::available_space(&self.path).map_err(EnvironmentError::file(
            "reading the free space of",
            &self.path,
        ))?;
        if available < bytes {
            return Err(EnvironmentError::NoSpace {
                directory: self.path.clone(),
                available_mb: available / MEGABYTE,
                needed_mb: bytes.div_ceil(MEGABYTE),
            });
        }
        Ok(())
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The directory of one run. The keeper removes it, unless it is to be kept.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    _lock: File,
}

impl RunDirectory {
    pub fn create(root: &Root, keep: bool) -> Result<Self, EnvironmentError> {
        let runs = root.directory("runs")?;
        // Between its creation and its locking a new directory looks like one that was left behind.
        let _creating = lock(&runs.join(LOCK))?;
        remove_left_behind(&runs);
        let path = tempfile::Builder::new()
            .prefix(if keep { KEPT_PREFIX } else { RUN_PREFIX })
            .permissions(fs::Permissions::from_mode(0o711))
            .tempdir_in(&runs)
            .map(TempDir::keep)
            .map_err(EnvironmentError::file("creating a directory in", &runs))?;
        let lock = hold(&path).map_err(EnvironmentError::file("locking", &path))?;
        Ok(Self { path, _lock: lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A directory in it that belongs to `account` alone.
    pub fn part(&self, name: &str, account: Account) -> Result<PathBuf, EnvironmentError> {
        let path = self.path.join(name);
        let created = DirBuilder::new().mode(0o700).create(&path);
        created.map_err(EnvironmentError::file("creating", &path))?;
        account.own(&path)?;
        Ok(path)
    }
}

/// Marks a run's directory as in use until the file is dropped. The harness and the keeper both do.
pub fn hold(run: &Path) -> io::Result<File> {
    let file = open_lock(&run.join(LOCK))?;
    file.lock_shared()?;
    Ok(file)
}

/// Waits until nobody else holds the lock, and holds it until the file is dropped.
fn lock(path: &Path) -> Result<File, EnvironmentError> {
    let failed = |error| EnvironmentError::file("locking", path)(error);
    let file = open_lock(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// The file behind a lock. It is never removed: somebody may be waiting for it.
pub fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

/// Bytes in all files below, without following links.
pub fn size_of(path: &Path) -> io::Result<u64> {
    let meta = fs::symlink_metadata(path)?;
    if !meta.is_dir() {
        return Ok(meta.len());
    }
    let mut total = 0;
    for item in fs::read_dir(path)? {
        total += size_of(&item?.path())?;
    }
    Ok(total)
}

fn remove_left_behind(runs: &Path) {
    let Ok(items) = fs::read_dir(runs) else {
        return;
    };
    for item in items.flatten() {
        let is_run = item.file_name().to_string_lossy().starts_with(RUN_PREFIX);
        if is_run && !is_locked(&item.path().join(LOCK)) {
            // Another start may be removing it, too.
            let _ = fs::remove_dir_all(item.path());
        }
    }
}

fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_err())
}

fn make(path: &Path) -> Result<(), EnvironmentError> {
    let created = DirBuilder::new().recursive(true).mode(0o711).create(path);
    created.map_err(EnvironmentError::file("creating", path))
}

/// Whether any account may pass through `path`, or the part of it that exists.
fn others_can_reach(path: &Path) -> bool {
    path.ancestors()
        .filter_map(|ancestor| fs::metadata(ancestor).ok())
        .all(|meta| meta.permissions().mode() & 0o001 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_left_behind_is_removed_and_a_living_run_is_not() {
        let place = tempfile::tempdir().unwrap();
        let root = Root::at(place.path().join("squall"), Account::OWN).unwrap();
        let living = RunDirectory::create(&root, false).unwrap();
        let dead = RunDirectory::create(&root, false)
            .unwrap()
            .path()
            .to_path_buf();
        let _next = RunDirectory::create(&root, false).unwrap();
        assert!(living.path().exists());
        assert!(!dead.exists());
        let kept = RunDirectory::create(&root, true)
            .unwrap()
            .path()
            .to_path_buf();
        let _after = RunDirectory::create(&root, false).unwrap();
        assert!(kept.exists());
    }

    #[test]
    fn a_full_disk_is_told_with_what_is_needed() {
        let place = tempfile::tempdir().unwrap();
        let root = Root::at(place.path().join("squall"), Account::OWN).unwrap();
        root.require_space(1).unwrap();
        let message = root.require_space(u64::MAX / 2).unwrap_err().to_string();
        assert!(message.contains("MB are free"), "{message}");
        assert!(message.contains("XDG_CACHE_HOME"), "{message}");
    }

    #[test]
    fn a_link_in_place_of_the_root_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("squall");
        std::os::unix::fs::symlink("/tmp", &link).unwrap();
        let error = Root::at(link, Account::OWN).unwrap_err();
        assert!(matches!(error, EnvironmentError::ForeignDirectory { .. }));
    }

    #[test]
    fn a_private_directory_is_not_reachable_for_others() {
        let place = tempfile::tempdir().unwrap();
        let below = place.path().join("below");
        for (mode, is_reachable) in [(0o700, false), (0o711, true)] {
            fs::set_permissions(place.path(), fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(others_can_reach(&below), is_reachable);
        }
    }
}
