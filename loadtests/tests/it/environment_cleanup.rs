//! Nothing is left behind: however the harness ends, and at whatever moment.
//!
//! The traces are read from /proc, so that these tests are for Linux alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use squall::environment::{Services, process_table};

use crate::playground::{Place, eventually, settings};

/// A harness that runs `services` with a command that would go on for long.
struct Harness {
    process: Child,
    place: Place,
}

/// What was there while it ran.
struct Traces {
    processes: Vec<i32>,
    directory: PathBuf,
    shared_memory: Vec<String>,
}

impl Harness {
    fn start() -> Self {
        let place = Place::new();
        let process = Command::new(settings().programs.harness())
            .args(["services", "--", "sh", "-c"])
            .arg("echo $SQUALL_RUN_DIRECTORY > \"$NOTE.new\"; mv \"$NOTE.new\" \"$NOTE\"; exec sleep 600")
            .env("NOTE", place.path("note"))
            .env("XDG_CACHE_HOME", place.path(""))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, place }
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.process.id()).unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits until its command runs.
    fn traces(&self) -> Traces {
        let note = self.place.path("note");
        let directory = eventually("the command runs", || fs::read_to_string(&note).ok());
        let directory = PathBuf::from(directory.trim());
        let tree = process_table::tree(self.pid());
        // Itself, the keeper, PostgreSQL with its helpers, Redis, the command.
        assert!(tree.len() > 6, "{tree:?}");
        assert!(!shared_memory(&directory).is_empty());
        Traces {
            processes: tree.iter().map(|entry| entry.pid).collect(),
            shared_memory: shared_memory(&directory),
            directory,
        }
    }

    fn wait(&mut self) -> ExitStatus {
        self.process.wait().unwrap()
    }
}

impl Traces {
    fn assert_gone(&self) {
        eventually("every process has ended", || {
            let alive = self
                .processes
                .iter()
                .any(|pid| process_table::is_alive(*pid));
            (!alive).then_some(())
        });
        eventually("the directory is removed", || {
            (!self.directory.exists()).then_some(())
        });
        assert_no_shared_memory(&self.shared_memory);
    }
}

fn assert_no_shared_memory(ids: &[String]) {
    let listed = Command::new("ipcs").arg("-m").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let is_left = |id: &String| {
        listed
            .lines()
            .any(|line| line.split_whitespace().nth(1) == Some(id))
    };
    assert!(!ids.iter().any(is_left), "{ids:?} are left in\n{listed}");
}

/// The segments that PostgreSQL names in the pid files of a run.
fn shared_memory(run: &Path) -> Vec<String> {
    let parts = fs::read_dir(run).into_iter().flatten().flatten();
    parts
        .filter_map(|part| fs::read_to_string(part.path().join("data/postmaster.pid")).ok())
        .filter_map(|file| Some(file.lines().nth(6)?.split_whitespace().nth(1)?.to_owned()))
        .collect()
}

#[test]
fn after_an_ordinary_end() {
    let mut harness = Harness::start();
    let traces = harness.traces();
    // The command ends, and with it everything.
    let command = traces.processes.iter().find(|pid| is_sleep(**pid)).unwrap();
    kill(Pid::from_raw(*command), Signal::SIGTERM).unwrap();
    assert_eq!(harness.wait().code(), Some(128 + Signal::SIGTERM as i32));
    traces.assert_gone();
}

#[test]
fn after_an_interrupt() {
    let mut harness = Harness::start();
    let traces = harness.traces();
    harness.signal(Signal::SIGINT);
    harness.wait();
    traces.assert_gone();
}

#[test]
fn after_a_request_to_terminate() {
    let mut harness = Harness::start();
    let traces = harness.traces();
    harness.signal(Signal::SIGTERM);
    harness.wait();
    traces.assert_gone();
}

#[test]
fn after_the_harness_was_killed() {
    let mut harness = Harness::start();
    let traces = harness.traces();
    harness.signal(Signal::SIGKILL);
    harness.wait();
    traces.assert_gone();
}

#[test]
fn after_the_harness_was_killed_while_its_database_stood_still() {
    let mut harness = Harness::start();
    let traces = harness.traces();
    for pid in &traces.processes {
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if command.trim() == "postgres" {
            kill(Pid::from_raw(*pid), Signal::SIGSTOP).unwrap();
        }
    }
    harness.signal(Signal::SIGKILL);
    harness.wait();
    traces.assert_gone();
}

#[test]
fn after_the_harness_was_killed_while_it_was_starting() {
    for delay_ms in [0, 5, 20, 50, 100, 200, 400, 700, 1000] {
        let mut harness = Harness::start();
        thread::sleep(Duration::from_millis(delay_ms));
        let shared: Vec<String> = harness
            .place
            .runs()
            .iter()
            .flat_map(|run| shared_memory(run))
            .collect();
        harness.signal(Signal::SIGKILL);
        harness.wait();
        let place = harness.place.path("squall").display().to_string();
        eventually("nothing of it runs", || {
            let runs = process_table::snapshot()
                .iter()
                .any(|entry| mentions(entry.pid, &place));
            (!runs).then_some(())
        });
        eventually("no directory of it is left", || {
            harness.place.runs().is_empty().then_some(())
        });
        assert_no_shared_memory(&shared);
    }
}

#[test]
fn after_the_keeper_was_killed_first() {
    let mut harness = Harness::start();
    let traces = harness.traces();
    let keeper = traces
        .processes
        .iter()
        .find(|pid| mentions(**pid, "keeper"))
        .unwrap();
    kill(Pid::from_raw(*keeper), Signal::SIGKILL).unwrap();
    harness.signal(Signal::SIGTERM);
    harness.wait();
    traces.assert_gone();
}

#[test]
fn after_a_panic() {
    let place = Place::new();
    let settings = place.settings();
    let panicked = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let services = runtime.block_on(Services::start(&settings)).unwrap();
        assert!(services.database_url().is_empty(), "this is the panic");
    });
    assert!(panicked.join().is_err());
    assert!(place.runs().is_empty());
    let root = place.path("squall").display().to_string();
    assert!(
        !process_table::snapshot()
            .iter()
            .any(|entry| mentions(entry.pid, &root))
    );
}

fn is_sleep(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep")
}

/// Whether the living process's command line or environment holds the text.
fn mentions(pid: i32, text: &str) -> bool {
    let holds = |file: &str| {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(text)
    };
    process_table::is_alive(pid)
        && pid != std::process::id().cast_signed()
        && (holds("cmdline") || holds("environ"))
}
