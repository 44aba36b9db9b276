//! A port that somebody else took in the moment between choosing and binding: another one is tried.
//!
//! The servers are the real ones. A script in their place sends the first of them to a port that is
//! taken, which is what losing that race comes to.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::playground::{Place, settings};

/// A place of programs, and a port on which somebody listens for as long as it lives.
struct Race {
    place: Place,
    listener: TcpListener,
}

impl Race {
    fn new() -> Self {
        let place = Place::new();
        fs::create_dir(place.path("bin")).unwrap();
        // Servers of another account say here that they have lost.
        fs::create_dir(place.path("lost")).unwrap();
        fs::set_permissions(place.path("lost"), fs::Permissions::from_mode(0o777)).unwrap();
        Self {
            place,
            listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(),
        }
    }

    /// `lose`: how the shell starts the program `$real` on the port `$taken`, with its arguments.
    fn add(&self, name: &str, real: &Path, serves: &str, lose: &str) {
        let script = format!(
            "#!/bin/sh\nreal='{real}'\ntaken={taken}\n\
             case \"$*\" in *'{serves}'*) if mkdir '{lost}' 2>/dev/null; then {lose}; fi ;; esac\n\
             exec \"$real\" \"$@\"\n",
            real = real.display(),
            taken = self.listener.local_addr().unwrap().port(),
            lost = self.place.path("lost").join(name).display(),
        );
        let path = self.bin().join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn bin(&self) -> PathBuf {
        self.place.path("bin")
    }

    fn was_lost_by(&self, name: &str) -> bool {
        self.place.path("lost").join(name).exists()
    }

    fn squall(&self) -> Command {
        let mut squall = Command::new(settings().programs.harness());
        squall
            .env("XDG_CACHE_HOME", self.place.path(""))
            .stdin(Stdio::null());
        squall
    }
}

#[test]
fn redis_and_postgres_come_up_on_another_port() {
    let race = Race::new();
    let programs = settings().programs;
    let lose = "exec \"$real\" \"$@\" --port $taken";
    race.add("redis-server", &programs.redis().unwrap(), "--port", lose);
    let install = programs.postgres().unwrap();
    for program in fs::read_dir(&install.bin).unwrap().flatten() {
        if program.file_name() != "postgres" {
            symlink(program.path(), race.bin().join(program.file_name())).unwrap();
        }
    }
    // The newest of all, and so the one that is taken.
    let lose = "exec \"$real\" \"$@\" -c port=$taken";
    race.add("postgres", &install.program("postgres"), "port=", lose);
    let script = fs::read_to_string(race.bin().join("postgres")).unwrap();
    let version = "case \"$1\" in --version) echo 'postgres (PostgreSQL) 999.0'; exit ;; esac";
    let script = script.replacen('\n', &format!("\n{version}\n"), 1);
    fs::write(race.bin().join("postgres"), script).unwrap();

    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = [race.bin()].into_iter().chain(std::env::split_paths(&path));
    let output = race
        .squall()
        .args([
            "services",
            "--",
            "sh",
            "-c",
            "echo $DATABASE_URL $REDIS_URL",
        ])
        .env("PATH", std::env::join_paths(dirs).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    for name in ["redis-server", "postgres"] {
        assert!(race.was_lost_by(name), "{name}: {output:?}");
    }
    let addresses = String::from_utf8(output.stdout).unwrap();
    let taken = race.listener.local_addr().unwrap().to_string();
    assert!(addresses.contains("redis://"), "{addresses}");
    assert!(!addresses.contains(&taken), "{addresses}");
}

#[test]
fn the_service_comes_up_on_another_port() {
    let race = Race::new();
    let real = settings().programs.target_service().unwrap();
    let lose = "export TARGET_SERVICE__HTTP__LISTEN=127.0.0.1:$taken; exec \"$real\" \"$@\"";
    race.add("target-service", &real, "serve ", lose);
    let text = "name = \"mine\"\n[environment]\ndataset = { members = 100, posts = 300 }\n\
                [[phases]]\nname = \"base\"\nduration = \"1s\"\nrate = 5\n";
    fs::write(race.place.path("mine.toml"), text).unwrap();
    let output = race
        .squall()
        .args(["run", "mine.toml", "--quick", "--out", "out"])
        .current_dir(race.place.path(""))
        .env("SQUALL_BIN_DIR", race.bin())
        .output()
        .unwrap();
    assert!(race.was_lost_by("target-service"), "{output:?}");
    assert!(race.place.path("out/record.json").is_file(), "{output:?}");
}
