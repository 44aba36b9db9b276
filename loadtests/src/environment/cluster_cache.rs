//! Data directories that are made once and copied for every run.
//!
//! An entry is complete or absent: it is built elsewhere and renamed into its place. Builders of
//! one entry take turns under its lock, in this process and in others; users hold the lock shared
//! while they copy, and what nobody holds may be evicted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::directory::{open_lock, size_of};
use super::error::EnvironmentError;
use super::postgres::Cluster;
use super::run::{Run, arguments};

const POLL: Duration = Duration::from_millis(50);
/// What is kept besides the entry in use: the most recently used.
const MOST_ENTRIES: usize = 8;
const MOST_BYTES: u64 = 12 << 30;
/// What a server writes during a run, roughly.
const WORKING_SPACE: u64 = 512 << 20;

const DATA: &str = "data";
const PASSWORD: &str = "password";

/// Everything that an entry's content follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    pub fn of(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // With its length, so that no two lists of parts read the same.
            hash.update(part.len().to_le_bytes());
            hash.update(part.as_bytes());
        }
        // Half of the digest tells enough apart.
        let digest = hash.finalize();
        let number = digest
            .iter()
            .take(16)
            .fold(0, |number: u128, byte| (number << 8) | u128::from(*byte));
        Self(format!("{number:032x}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug)]
pub struct ClusterCache {
    directory: PathBuf,
}

/// The right to use or to make an entry.
#[derive(Debug)]
pub enum Claim {
    /// It is there, and stays while this is held.
    Present(Present),
    /// It is not there, and nobody else makes it while this is held.
    Absent(Absent),
}

#[derive(Debug)]
pub struct Present {
    entry: PathBuf,
    _shared: File,
}

#[derive(Debug)]
pub struct Absent {
    entry: PathBuf,
    exclusive: File,
}

impl ClusterCache {
    pub fn open(run: &Run) -> Result<Self, EnvironmentError> {
        let directory = run.root().directory("clusters")?;
        Ok(Self { directory })
    }

    /// Waits while others make the entry.
    pub async fn claim(&self, key: &Key, run: &Run) -> Result<Claim, EnvironmentError> {
        let entry = self.directory.join(&key.0);
        let lock_path = lock_path(&entry);
        let failed = |error| EnvironmentError::file("locking", &lock_path)(error);
        let mut waited = false;
        loop {
            let lock = open_lock(&lock_path).map_err(failed)?;
            if is_complete(&entry) && lock.try_lock_shared().is_ok() {
                // It may have been evicted before the lock was held.
                if is_complete(&entry) {
                    let _ = lock.set_modified(SystemTime::now());
                    return Ok(Claim::Present(Present {
                        entry,
                        _shared: lock,
                    }));
                }
            } else if lock.try_lock().is_ok() && !is_complete(&entry) {
                return Ok(Claim::Absent(Absent {
                    entry,
                    exclusive: lock,
                }));
            } else if !waited {
                run.say("waiting for another start to prepare the database");
                waited = true;
            }
            drop(lock);
            tokio::time::sleep(POLL).await;
        }
    }

    /// Removes what has not been used for longest, beyond what is kept.
    pub fn evict(&self) {
        let mut kept_bytes = 0;
        for (index, entry) in self.by_last_use().into_iter().enumerate() {
            kept_bytes += size_of(&entry).unwrap_or(0);
            if index >= MOST_ENTRIES || kept_bytes > MOST_BYTES {
                evict(&entry);
            }
        }
    }

    /// The most recently used first.
    fn by_last_use(&self) -> Vec<PathBuf> {
        let Ok(items) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        let mut entries: Vec<(SystemTime, PathBuf)> = items
            .flatten()
            .map(|item| item.path())
            .filter(|path| path.is_dir())
            .map(|path| {
                let used = fs::metadata(lock_path(&path)).and_then(|meta| meta.modified());
                (used.unwrap_or(SystemTime::UNIX_EPOCH), path)
            })
            .collect();
        entries.sort();
        entries.into_iter().rev().map(|(_, path)| path).collect()
    }
}

impl Present {
    /// Copies the entry to `data`, which does not exist yet, by cloning where the file system can.
    pub async fn copy_to(&self, data: PathBuf, run: &Run) -> Result<Cluster, EnvironmentError> {
        let source = self.entry.join(DATA);
        let size = size_of(&source).map_err(EnvironmentError::file("reading", &source))?;
        run.root().require_space(size + WORKING_SPACE)?;
        copy(&source, &data, run).await?;
        let password = self.entry.join(PASSWORD);
        let password =
            fs::read_to_string(&password).map_err(EnvironmentError::file("reading", &password))?;
        Ok(Cluster { data, password })
    }
}

impl Absent {
    /// Makes the finished data directory of a stopped server the entry.
    pub fn fill(self, cluster: &Cluster, run: &Run) -> Result<(), EnvironmentError> {
        let staged = run.directory().part("cache-entry", Account::OWN)?;
        let moved = |path: &Path| EnvironmentError::file("moving into the cache:", path.to_owned());
        let password = staged.join(PASSWORD);
        write_private(&password, &cluster.password)?;
        fs::rename(&cluster.data, staged.join(DATA)).map_err(moved(&cluster.data))?;
        fs::rename(&staged, &self.entry).map_err(moved(&self.entry))?;
        // What others have used while it was being made does not push it out again.
        let _ = self.exclusive.set_modified(SystemTime::now());
        Ok(())
    }
}

/// A file that only its owner can read.
pub fn write_private(path: &Path, text: &str) -> Result<(), EnvironmentError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(EnvironmentError::file("writing", path))
}

async fn copy(source: &Path, target: &Path, run: &Run) -> Result<(), EnvironmentError> {
    let clone: &[&str] = if cfg!(target_os = "macos") {
        &["-c", "-R", "-p"]
    } else {
        &["-a", "--reflink=auto"]
    };
    let plain: &[&str] = &["-R", "-p"];
    let copied = run_cp(clone, source, target, run).await;
    if copied.is_ok() {
        return Ok(());
    }
    // A `cp` that does not know the option, or a file system that cannot clone.
    let _ = fs::remove_dir_all(target);
    run_cp(plain, source, target, run).await
}

async fn run_cp(
    options: &[&str],
    source: &Path,
    target: &Path,
    run: &Run,
) -> Result<(), EnvironmentError> {
    let mut launch = run.launch("cp", Path::new("cp"));
    launch.arguments = options.iter().map(Into::into).collect();
    launch.arguments.extend(arguments([&source, &target]));
    run.complete(launch).await
}

fn lock_path(entry: &Path) -> PathBuf {
    entry.with_extension("lock")
}

fn is_complete(entry: &Path) -> bool {
    entry.is_dir()
}

fn evict(entry: &Path) {
    let Ok(lock) = open_lock(&lock_path(entry)) else {
        return;
    };
    if lock.try_lock().is_ok() {
        // Renamed first, so that what is left of it after a crash is no entry.
        let doomed = entry.with_extension("evicted");
        if fs::rename(entry, &doomed).is_ok() {
            let _ = fs::remove_dir_all(doomed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_apart_what_only_reads_alike_when_joined() {
        assert_ne!(Key::of(&["ab", "c"]), Key::of(&["a", "bc"]));
        assert_eq!(Key::of(&["ab", "c"]), Key::of(&["ab", "c"]));
    }

    #[test]
    fn the_least_recently_used_goes_and_what_is_in_use_stays() {
        let place = tempfile::tempdir().unwrap();
        let cache = ClusterCache {
            directory: place.path().to_path_buf(),
        };
        let start = SystemTime::now() - Duration::from_secs(1000);
        let entries: Vec<PathBuf> = (0..MOST_ENTRIES + 2)
            .map(|index| {
                let entry = place.path().join(format!("e{index}"));
                fs::create_dir(&entry).unwrap();
                let lock = open_lock(&lock_path(&entry)).unwrap();
                lock.set_modified(start + Duration::from_secs(index as u64))
                    .unwrap();
                entry
            })
            .collect();
        let in_use = open_lock(&lock_path(&entries[0])).unwrap();
        in_use.lock_shared().unwrap();
        cache.evict();
        assert!(entries[0].exists());
        assert!(!entries[1].exists());
        assert!(entries[2..].iter().all(|entry| entry.exists()));
    }
}
