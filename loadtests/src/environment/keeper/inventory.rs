//! What there is to clean up, and how: stop processes first, then remove what they used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::environment::directory::hold;
use crate::environment::process_table;

/// How long a server may take to end by itself when its way of ending allows for that.
const GRACE: Duration = Duration::from_secs(8);
const POLL: Duration = Duration::from_millis(5);
/// Data directories lie in the parts of a run's directory.
const DEPTH_OF_PID_FILES: u32 = 2;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The run's directory, to be removed at the end or kept for its reader.
    Directory { path: PathBuf, remove: bool },
    /// A process that was started.
    Watch { pid: i32, stop_by: StopBy },
    /// A process that has ended.
    Forget { pid: i32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopBy {
    /// SIGKILL: for what holds nothing worth keeping.
    Kill,
    /// SIGQUIT, by which PostgreSQL ends at once with all its backends and frees its shared memory.
    Quit,
}

#[derive(Debug, Default)]
pub(super) struct Inventory {
    directory: Option<(PathBuf, bool)>,
    /// Shows other harnesses that the directory is still in use.
    held: Option<File>,
    processes: BTreeMap<i32, StopBy>,
}

impl Inventory {
    pub(super) fn apply(&mut self, order: Order) {
        match order {
            Order::Directory { path, remove } => {
                self.held = hold(&path).ok();
                self.directory = Some((path, remove));
            }
            Order::Watch { pid, stop_by } => {
                self.processes.insert(pid, stop_by);
            }
            Order::Forget { pid } => {
                self.processes.remove(&pid);
            }
        }
    }

    /// Stops and removes everything; what is gone already is passed over.
    pub(super) fn clear(&mut self) {
        self.stop_processes();
        if let Some((directory, is_to_be_removed)) = &self.directory {
            kill_strays(directory);
            remove_shared_memory(directory, DEPTH_OF_PID_FILES);
            if *is_to_be_removed {
                remove(directory);
            }
        }
        *self = Self::default();
    }

    fn stop_processes(&self) {
        let mut alive: BTreeSet<i32> = BTreeSet::new();
        for (&pid, stop_by) in &self.processes {
            match stop_by {
                StopBy::Kill => signal(pid, Signal::SIGKILL),
                StopBy::Quit => {
                    let tree = process_table::tree(pid);
                    signal(pid, Signal::SIGQUIT);
                    // A paused process takes no other signal before it continues.
                    for entry in &tree {
                        signal(entry.pid, Signal::SIGCONT);
                    }
                    alive.extend(tree.iter().map(|entry| entry.pid));
                }
            }
            alive.insert(pid);
        }
        if !wait_for_end(&mut alive, GRACE) {
            for &pid in &alive {
                signal(pid, Signal::SIGKILL);
            }
            wait_for_end(&mut alive, GRACE);
        }
    }
}

fn signal(pid: i32, signal: Signal) {
    // The process may have ended in the meantime, which is what is wanted.
    let _ = kill(Pid::from_raw(pid), signal);
}

/// Removes what has ended from `pids`; whether all have within the time.
fn wait_for_end(pids: &mut BTreeSet<i32>, limit: Duration) -> bool {
    let start = Instant::now();
    loop {
        pids.retain(|&pid| process_table::is_alive(pid));
        if pids.is_empty() {
            return true;
        }
        if start.elapsed() > limit {
            return false;
        }
        thread::sleep(POLL);
    }
}

/// Kills what belongs to the run and was never entered, or whose parent is gone: it carries the
/// run's mark, or works in the run's data directory (PostgreSQL's processes write their titles over
/// the mark, and those that are paused outlive their server). Somebody's shell that looks at the
/// logs is neither. Only Linux shows this of other processes.
fn kill_strays(directory: &Path) {
    let mark = format!("{}={}", super::RUN_MARK, directory.display());
    let is_marked = |pid: i32| {
        fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environ| {
            environ
                .split(|byte| *byte == 0)
                .any(|item| item == mark.as_bytes())
        })
    };
    let works_there = |pid: i32| {
        fs::read_link(format!("/proc/{pid}/cwd"))
            .is_ok_and(|folder| folder.starts_with(directory) && folder.join("PG_VERSION").exists())
    };
    let is_keeper = |pid: i32| u32::try_from(pid) == Ok(std::process::id());
    // Again until nothing is left: such a process may be starting others.
    for _ in 0..100 {
        let mut strays: BTreeSet<i32> = process_table::snapshot()
            .iter()
            .filter(|entry| !entry.zombie && !is_keeper(entry.pid))
            .map(|entry| entry.pid)
            .filter(|&pid| is_marked(pid) || works_there(pid))
            .collect();
        if strays.is_empty() {
            return;
        }
        for &pid in &strays {
            signal(pid, Signal::SIGKILL);
        }
        wait_for_end(&mut strays, GRACE);
    }
}

/// A PostgreSQL server that was killed leaves a System V segment behind, named in its pid file.
fn remove_shared_memory(directory: &Path, depth: u32) {
    if let Ok(pid_file) = fs::read_to_string(directory.join("postmaster.pid"))
        && let Some(id) = shared_memory_id(&pid_file)
    {
        // A segment that its server has freed after all is not there any more.
        let _ = Command::new("ipcrm")
            .args(["-m", id])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
    if depth > 0 {
        for item in fs::read_dir(directory).into_iter().flatten().flatten() {
            if item.file_type().is_ok_and(|kind| kind.is_dir()) {
                remove_shared_memory(&item.path(), depth - 1);
            }
        }
    }
}

/// The seventh line is `key id`.
fn shared_memory_id(pid_file: &str) -> Option<&str> {
    pid_file.lines().nth(6)?.split_ascii_whitespace().nth(1)
}

fn remove(directory: &Path) {
    // A process that is just ending may still add a file while its directory is being emptied.
    for _ in 0..20 {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => thread::sleep(POLL * 10),
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shared_memory_of_a_killed_server_is_found_in_its_pid_file() {
        let file =
            "4242\n/data\n1700000000\n20001\n/run\n127.0.0.1\n  1234567     98304\nready   \n";
        assert_eq!(shared_memory_id(file), Some("98304"));
        assert_eq!(shared_memory_id("4242\n/data\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_works_on_the_runs_data_ends_with_it_even_when_paused_and_a_readers_shell_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("PG_VERSION"), "15").unwrap();
        let sleep_in = |folder: &Path| {
            let mut sleep = Command::new("sleep");
            sleep.arg("60").current_dir(folder).spawn().unwrap()
        };
        let (mut backend, mut shell) = (sleep_in(&data), sleep_in(directory.path()));
        let pid = |child: &std::process::Child| i32::try_from(child.id()).unwrap();
        signal(pid(&backend), Signal::SIGSTOP);
        let mut inventory = Inventory::default();
        inventory.apply(Order::Directory {
            path: directory.path().to_owned(),
            remove: false,
        });
        inventory.clear();
        assert!(!process_table::is_alive(pid(&backend)));
        assert!(process_table::is_alive(pid(&shell)));
        shell.kill().unwrap();
        shell.wait().unwrap();
        backend.wait().unwrap();
    }

    #[test]
    fn a_forgotten_process_is_left_alone() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let mut inventory = Inventory::default();
        inventory.apply(Order::Watch {
            pid,
            stop_by: StopBy::Kill,
        });
        inventory.apply(Order::Forget { pid });
        inventory.clear();
        assert!(process_table::is_alive(pid));
        inventory.apply(Order::Watch {
            pid,
            stop_by: StopBy::Kill,
        });
        inventory.clear();
        assert!(!process_table::is_alive(pid));
        child.wait().unwrap();
    }
}
