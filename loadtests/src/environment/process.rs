//! One server process of the lab: started, signalled, started again, and watched.
//!
//! Every process leads a group of its own (the terminal's Ctrl-C is not for it), carries the run's
//! mark, and is entered with the keeper. A thread waits for its end; an end that nobody asked for
//! is remembered as such.

use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::error::EnvironmentError;
use super::keeper::{KeeperEntry, Order};
use super::launch::Launch;
use super::process_table;

const POLL: Duration = Duration::from_millis(5);

/// An end that nobody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnexpectedExit {
    pub process: &'static str,
    pub at: Instant,
    pub status: String,
}

#[derive(Debug)]
pub struct ServerProcess {
    launch: Launch,
    keeper: KeeperEntry,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    pid: Option<i32>,
    /// Its end has been asked for.
    expected: bool,
    last_status: Option<String>,
    ended_at: Option<Instant>,
    succeeded: bool,
    unexpected: Vec<UnexpectedExit>,
    /// CPU time of those that ran before the present one.
    cpu_before: Duration,
    /// What the present one had used when its end was asked for.
    cpu_at_end: Duration,
    /// What a pause has stopped, and nothing has let go on since.
    paused: Vec<i32>,
}

pub type Pipes = Option<(ChildStdin, ChildStdout)>;

impl ServerProcess {
    pub fn start(launch: Launch, keeper: KeeperEntry) -> Result<(Self, Pipes), EnvironmentError> {
        let process = Self {
            launch,
            keeper,
            shared: Arc::default(),
        };
        let pipes = process.spawn()?;
        Ok((process, pipes))
    }

    /// Starts it (again); it must not be running.
    pub fn spawn(&self) -> Result<Pipes, EnvironmentError> {
        let mut command = self.launch.command()?;
        // Held until the process is entered, so that its end cannot be noticed before.
        let mut state = self.state();
        let mut child = command.spawn().map_err(|source| EnvironmentError::Spawn {
            program: self.launch.program.display().to_string(),
            source,
        })?;
        let pid = child.id().cast_signed();
        let entered = self.keeper.enter(Order::Watch {
            pid,
            stop_by: self.launch.stop_by,
        });
        let pipes = child.stdin.take().zip(child.stdout.take());
        state.pid = Some(pid);
        state.expected = false;
        drop(state);
        self.watch(child);
        entered?;
        Ok(pipes)
    }

    fn watch(&self, mut child: Child) {
        let shared = Arc::clone(&self.shared);
        let keeper = self.keeper.clone();
        let process = self.launch.name;
        thread::spawn(move || {
            let pid = child.id().cast_signed();
            let (status, succeeded) = match child.wait() {
                Ok(status) => (status.to_string(), status.success()),
                Err(error) => (error.to_string(), false),
            };
            // The keeper may be gone because everything is being stopped.
            let _ = keeper.enter(Order::Forget { pid });
            let mut state = shared.lock();
            state.pid = None;
            state.last_status = Some(status.clone());
            state.ended_at = Some(Instant::now());
            state.succeeded = succeeded;
            let used = std::mem::take(&mut state.cpu_at_end);
            state.cpu_before += used;
            if !state.expected {
                state.unexpected.push(UnexpectedExit {
                    process,
                    at: Instant::now(),
                    status,
                });
            }
            shared.ended.notify_all();
        });
    }

    pub fn name(&self) -> &'static str {
        self.launch.name
    }

    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    pub fn pid(&self) -> Option<i32> {
        self.state().pid
    }

    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// How it ended when it last did.
    pub fn last_status(&self) -> String {
        let status = self.state().last_status.clone();
        status.unwrap_or_else(|| "still running".to_owned())
    }

    /// Whether it has ended, and with success.
    pub fn has_succeeded(&self) -> bool {
        let state = self.state();
        state.pid.is_none() && state.succeeded
    }

    /// From now on its end is no surprise.
    pub fn expect_exit(&self) {
        self.state().expected = true;
    }

    /// From now on it may end by itself, and is asked to by somebody else.
    pub fn let_end(&self) {
        let mut state = self.state();
        state.expected = true;
        // The last look at what it has used: what comes between now and its end is not known.
        state.cpu_at_end = state.pid.map_or(Duration::ZERO, tree_cpu);
    }

    /// It is to go on after all. `Err`: it has ended by itself, at this moment.
    pub fn let_go_on(&self) -> Result<(), Option<Instant>> {
        let mut state = self.state();
        if state.pid.is_none() {
            return Err(state.ended_at);
        }
        state.expected = false;
        state.cpu_at_end = Duration::ZERO;
        Ok(())
    }

    /// The ends that nobody asked for, each told once.
    pub fn take_unexpected_exits(&self) -> Vec<UnexpectedExit> {
        std::mem::take(&mut self.state().unexpected)
    }

    /// Sends SIGKILL to it and all that it started, and waits until it is gone.
    pub fn kill(&self) {
        self.kill_after(|| ());
    }

    /// As [`Self::kill`]; `look` is called when it does nothing any more and is not gone yet.
    pub fn kill_after<T>(&self, look: impl FnOnce() -> T) -> Option<T> {
        self.expect_exit();
        let pid = self.pid()?;
        self.remember_cpu(pid);
        // Stopped first, it cannot start another while its children are being counted.
        signal(pid, Signal::SIGSTOP);
        let seen = look();
        for entry in process_table::tree(pid).iter().rev() {
            signal(entry.pid, Signal::SIGKILL);
        }
        self.wait_until_ended(Duration::from_secs(10));
        Some(seen)
    }

    /// Asks it to end with `request`; kills it when it has not after `grace`.
    pub fn terminate(&self, request: Signal, grace: Duration) {
        self.expect_exit();
        if let Some(pid) = self.pid() {
            self.remember_cpu(pid);
            signal(pid, request);
            if !self.wait_until_ended(grace) {
                self.kill();
            }
        }
    }

    /// Stops it and all that it started from running, and remembers what that was.
    pub fn pause(&self) {
        let Some(root) = self.pid() else { return };
        let mut stopped = vec![root];
        signal(root, Signal::SIGSTOP);
        // Again until nothing new is seen: a child may be starting another while it is looked for.
        loop {
            let tree = process_table::tree(root);
            let running = tree.iter().map(|entry| entry.pid);
            let fresh: Vec<i32> = running.filter(|pid| !stopped.contains(pid)).collect();
            if fresh.is_empty() {
                break;
            }
            for &pid in &fresh {
                signal(pid, Signal::SIGSTOP);
            }
            stopped.extend(fresh);
        }
        self.state().paused.extend(stopped);
    }

    /// Lets go on what a pause has stopped, also what has lost its parent since.
    pub fn resume(&self) {
        let mut stopped = std::mem::take(&mut self.state().paused);
        let tree = self.pid().map(process_table::tree).unwrap_or_default();
        stopped.extend(tree.iter().map(|entry| entry.pid));
        // Each has a process group of its own where it is PostgreSQL's, so that a signal to the
        // group would not do.
        for pid in stopped {
            signal(pid, Signal::SIGCONT);
        }
    }

    /// Waits until `is_ready`; an end before that, or the passing of `limit`, is an error.
    pub async fn wait_until_ready(
        &self,
        limit: Duration,
        is_ready: impl AsyncFn() -> bool,
    ) -> Result<(), EnvironmentError> {
        let start = Instant::now();
        while !is_ready().await {
            if !self.is_running() {
                // Told as the error that it is, and not once more as a surprise.
                self.take_unexpected_exits();
                return Err(EnvironmentError::DiedAtStart {
                    server: self.launch.name,
                    status: self.last_status(),
                    log: self.log_tail(),
                });
            }
            if start.elapsed() > limit {
                return Err(EnvironmentError::NotReady {
                    server: self.launch.name,
                    waited_s: limit.as_secs(),
                    log: self.log_tail(),
                });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Whether it ended within the time.
    pub fn wait_until_ended(&self, limit: Duration) -> bool {
        let state = self.state();
        let waited = self
            .shared
            .ended
            .wait_timeout_while(state, limit, |state| state.pid.is_some());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.pid.is_none()
    }

    /// CPU time of it and all that it started, over its restarts.
    pub fn cpu_time(&self) -> Duration {
        let (pid, before, at_end) = {
            let state = self.state();
            (state.pid, state.cpu_before, state.cpu_at_end)
        };
        // One that is just being ended may be gone from the system's table already.
        before + pid.map_or(Duration::ZERO, |pid| tree_cpu(pid).max(at_end))
    }

    fn remember_cpu(&self, pid: i32) {
        let used = tree_cpu(pid);
        self.state().cpu_at_end = used;
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        self.launch.log_tail()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tree_cpu(pid: i32) -> Duration {
    process_table::tree(pid).iter().map(|entry| entry.cpu).sum()
}

fn signal(pid: i32, signal: Signal) {
    // It may have ended by itself in the meantime; its watcher tells.
    let _ = kill(Pid::from_raw(pid), signal);
}
