//! The keeper: a small process that outlives the harness by a moment, to clean up after it.
//!
//! It holds the reading end of a pipe whose writing end only the harness has. However the harness
//! ends (normally, by a panic, by `kill -9`), the pipe ends with it; then the keeper stops the
//! processes and removes the directory that were entered with it. An ordinary stop takes the same
//! way, so that there is one path to keep right.

mod inventory;

use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use inventory::{Order, StopBy};

use inventory::Inventory;

/// Set for every process of a run, to the run's directory: by this mark the keeper also finds what
/// was started in the very moment in which the harness died.
pub const RUN_MARK: &str = "SQUALL_RUN_DIRECTORY";

#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    #[error(
        "the keeper, which cleans up when the harness dies, could not be started from {program}: {source}"
    )]
    Spawn {
        program: String,
        source: std::io::Error,
    },
    #[error("the keeper, which cleans up when the harness dies, is gone: {0}")]
    Gone(std::io::Error),
}

/// The harness's side. Dropping it has everything stopped and removed, and waits for that.
#[derive(Debug)]
pub struct Keeper {
    process: Child,
    entry: KeeperEntry,
}

/// Enters processes and directories with the keeper; may be held by whoever starts processes.
#[derive(Debug, Clone)]
pub struct KeeperEntry {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    pipe: Option<ChildStdin>,
    /// The same list as the keeper's, for the case that the keeper is gone.
    inventory: Inventory,
}

impl Keeper {
    /// Starts `harness internal keeper`.
    pub fn start(harness: &Path) -> Result<Self, KeeperError> {
        let failed = |source| KeeperError::Spawn {
            program: harness.display().to_string(),
            source,
        };
        let mut process = Command::new(harness)
            .args(["internal", "keeper"])
            .env_remove(RUN_MARK)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // A group of its own: the terminal's Ctrl-C must not reach it.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let shared = Shared {
            pipe: process.stdin.take(),
            inventory: Inventory::default(),
        };
        let entry = KeeperEntry {
            shared: Arc::new(Mutex::new(shared)),
        };
        Ok(Self { process, entry })
    }

    pub fn entry(&self) -> KeeperEntry {
        self.entry.clone()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.entry.lock().pipe.take());
        let cleaned = self.process.wait().is_ok_and(|status| status.success());
        if !cleaned {
            self.entry.lock().inventory.clear();
        }
    }
}

impl KeeperEntry {
    pub fn enter(&self, order: Order) -> Result<(), KeeperError> {
        let mut line =
            serde_json::to_vec(&order).map_err(|error| KeeperError::Gone(error.into()))?;
        line.push(b'\n');
        let mut shared = self.lock();
        shared.inventory.apply(order);
        match &mut shared.pipe {
            Some(pipe) => pipe.write_all(&line).map_err(KeeperError::Gone),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The keeper's own life: takes orders until the pipe ends, then cleans up.
pub fn serve(orders: impl BufRead) {
    let mut inventory = Inventory::default();
    for line in orders.lines() {
        let Ok(line) = line else { break };
        // The last line is incomplete when the harness died while writing it.
        if let Ok(order) = serde_json::from_str(&line) {
            inventory.apply(order);
        }
    }
    inventory.clear();
}
