//! Where the programs are that an environment consists of.
//!
//! Servers are looked for on PATH and where Debian, Red Hat and Homebrew put them; Squall's own
//! programs beside each other.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use super::error::EnvironmentError;

/// Names the directory of Squall's own programs, for those that run from elsewhere.
pub const BIN_DIR_VARIABLE: &str = "SQUALL_BIN_DIR";

/// PostgreSQL's extension that counts statements, and its library.
pub const STATEMENT_COUNTER: &str = "pg_stat_statements";

#[derive(Debug, Clone)]
pub struct Programs {
    /// Directories of servers, in order.
    server_dirs: Vec<PathBuf>,
    /// Directories of Squall's own programs, in order.
    own_dirs: Vec<PathBuf>,
    harness: PathBuf,
    /// Looked for once: each of several versions is a process to start.
    postgres: Arc<OnceLock<Option<PostgresInstall>>>,
}

/// PostgreSQL's programs, all of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresInstall {
    pub bin: PathBuf,
    /// As the server tells it, for example `15.13 (Debian 15.13-0+deb12u1)`.
    pub version: String,
}

impl PostgresInstall {
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// Whether it comes with the extension that counts statements, which some systems package apart.
    pub fn counts_statements(&self) -> bool {
        // As the server itself finds its libraries: from where it really lies.
        let server = self.program("postgres");
        let server = server.canonicalize().unwrap_or(server);
        let Some(prefix) = server.parent().and_then(Path::parent) else {
            return false;
        };
        let libraries = ["lib", "lib/postgresql", "lib64/pgsql", "lib/pgsql"];
        libraries.iter().any(|library| {
            let files = ["so", "dylib"].map(|ending| format!("{STATEMENT_COUNTER}.{ending}"));
            let mut paths = files.iter().map(|file| prefix.join(library).join(file));
            paths.any(|path| path.is_file())
        })
    }
}

impl Programs {
    pub fn discover() -> Result<Self, EnvironmentError> {
        let current = std::env::current_exe().map_err(EnvironmentError::file(
            "finding the program's own path,",
            ".",
        ))?;
        let own_dirs = own_dirs(
            &current,
            std::env::var_os(BIN_DIR_VARIABLE).map(PathBuf::from),
        );
        // Tests and other people's binaries have another name; `squall` itself needs no search.
        let harness = if current.file_stem().is_some_and(|stem| stem == "squall") {
            current
        } else {
            find(&own_dirs, "squall").unwrap_or(current)
        };
        Ok(Self {
            server_dirs: server_dirs(),
            own_dirs,
            harness,
            postgres: Arc::default(),
        })
    }

    /// The program that plays the keeper and the fault proxy when it is told to.
    pub fn harness(&self) -> &Path {
        &self.harness
    }

    /// The newest PostgreSQL.
    pub fn postgres(&self) -> Result<PostgresInstall, EnvironmentError> {
        self.postgres
            .get_or_init(|| self.newest_postgres())
            .clone()
            .ok_or_else(|| missing("postgres", &self.server_dirs, "the package postgresql"))
    }

    fn newest_postgres(&self) -> Option<PostgresInstall> {
        self.server_dirs
            .iter()
            .filter(|dir| is_program(&dir.join("postgres")) && is_program(&dir.join("initdb")))
            .filter_map(|dir| {
                let version = version_of(&dir.join("postgres"))?;
                let version = version
                    .rsplit_once("(PostgreSQL) ")
                    .map(|(_, v)| v.to_owned())?;
                Some(PostgresInstall {
                    bin: dir.clone(),
                    version,
                })
            })
            .max_by_key(|install| leading_numbers(&install.version))
    }

    pub fn redis(&self) -> Result<PathBuf, EnvironmentError> {
        ["redis-server", "valkey-server"]
            .iter()
            .find_map(|name| find(&self.server_dirs, name))
            .ok_or_else(|| missing("redis-server", &self.server_dirs, "the package redis"))
    }

    pub fn haproxy(&self) -> Result<PathBuf, EnvironmentError> {
        find(&self.server_dirs, "haproxy")
            .ok_or_else(|| missing("haproxy", &self.server_dirs, "the package haproxy"))
    }

    pub fn target_service(&self) -> Result<PathBuf, EnvironmentError> {
        let package =
            "this repository: `cargo build --release -p target-service --features fault-points`";
        find(&self.own_dirs, "target-service")
            .ok_or_else(|| missing("target-service", &self.own_dirs, package))
    }

    pub fn mock_gateway(&self) -> Result<PathBuf, EnvironmentError> {
        let package = "this repository: `cargo build --release -p squall --bins`";
        find(&self.own_dirs, "mock-gateway")
            .ok_or_else(|| missing("mock-gateway", &self.own_dirs, package))
    }

    #[cfg(test)]
    pub(super) fn nothing_installed() -> Self {
        Self {
            server_dirs: Vec::new(),
            own_dirs: Vec::new(),
            harness: PathBuf::from("squall"),
            postgres: Arc::default(),
        }
    }
}

/// What a program says to `--version`, in one line.
pub fn version_of(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

fn own_dirs(current: &Path, configured: Option<PathBuf>) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = configured.into_iter().collect();
    if let Some(beside) = current.parent() {
        // Cargo puts test binaries one directory below the programs.
        if beside.ends_with("deps") {
            dirs.extend(beside.parent().map(Path::to_path_buf));
        }
        dirs.push(beside.to_path_buf());
    }
    dirs
}

fn server_dirs() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for parent in ["/usr/lib/postgresql", "/usr/lib64/postgresql"] {
        dirs.extend(subdirectories(parent, ""));
    }
    dirs.extend(subdirectories("/usr", "pgsql-"));
    for prefix in ["/opt/homebrew", "/usr/local"] {
        dirs.extend(subdirectories(&format!("{prefix}/opt"), "postgresql"));
        dirs.push(PathBuf::from(prefix).join("opt/redis/bin"));
        dirs.push(PathBuf::from(prefix).join("bin"));
    }
    dirs.extend(["/usr/bin", "/usr/sbin", "/usr/local/pgsql/bin"].map(PathBuf::from));
    dirs
}

/// `parent/NAME/bin` for each NAME that begins with `prefix`.
fn subdirectories(parent: &str, prefix: &str) -> Vec<PathBuf> {
    let Ok(items) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    items
        .flatten()
        .filter(|item| item.file_name().to_string_lossy().starts_with(prefix))
        .map(|item| item.path().join("bin"))
        .collect()
}

fn find(dirs: &[PathBuf], name: &str) -> Option<PathBuf> {
    dirs.iter()
        .map(|dir| dir.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn leading_numbers(version: &str) -> Vec<u32> {
    version
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse().ok())
        .collect()
}

fn missing(program: &str, dirs: &[PathBuf], package: &'static str) -> EnvironmentError {
    let searched = if dirs.is_empty() {
        "no directory to look in".to_owned()
    } else {
        let shown: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
        format!("looked in {}", shown.join(", "))
    };
    EnvironmentError::MissingProgram {
        program: program.to_owned(),
        searched,
        package,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_versions_rank_higher_also_with_two_digits() {
        assert!(leading_numbers("15.13 (Debian)") > leading_numbers("9.6.24"));
        assert!(leading_numbers("18beta1") > leading_numbers("17.5"));
    }

    #[test]
    fn a_missing_server_is_named_with_its_package() {
        let message = Programs::nothing_installed()
            .postgres()
            .unwrap_err()
            .to_string();
        assert!(message.contains("postgres"), "{message}");
        assert!(message.contains("package postgresql"), "{message}");
        assert!(message.contains("./squall doctor"), "{message}");
        let message = Programs::nothing_installed()
            .target_service()
            .unwrap_err()
            .to_string();
        assert!(message.contains("cargo build"), "{message}");
    }

    #[test]
    fn the_counter_of_statements_is_found_from_where_the_server_really_lies() {
        for library in [
            "lib/pg_stat_statements.so",
            "lib64/pgsql/pg_stat_statements.so",
        ] {
            let place = tempfile::tempdir().unwrap();
            let [bin, linked] = ["15/bin", "linked"].map(|name| place.path().join(name));
            for directory in [&bin, &linked] {
                std::fs::create_dir_all(directory).unwrap();
            }
            std::fs::write(bin.join("postgres"), "").unwrap();
            std::os::unix::fs::symlink(bin.join("postgres"), linked.join("postgres")).unwrap();
            let installs = [bin, linked].map(|bin| PostgresInstall {
                bin,
                version: "15.1".to_owned(),
            });
            assert!(!installs.iter().any(PostgresInstall::counts_statements));
            let file = place.path().join("15").join(library);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
            assert!(
                installs.iter().all(PostgresInstall::counts_statements),
                "{library}"
            );
        }
    }

    #[test]
    fn test_binaries_find_the_programs_one_directory_up() {
        let dirs = own_dirs(
            Path::new("/t/debug/deps/it-1"),
            Some(PathBuf::from("/chosen")),
        );
        assert_eq!(dirs[0], Path::new("/chosen"));
        assert_eq!(dirs[1], Path::new("/t/debug"));
    }
}
