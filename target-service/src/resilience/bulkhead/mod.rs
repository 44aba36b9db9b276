//! Bounds how many calls to one dependency are under way, so that a slow one cannot take all of the
//! service's connections, memory and patience.
//!
//! Who finds no place waits in a room that is bounded too, for a bounded time: more would only answer callers
//! who have gone. `tower::limit` bounds the calls but neither the room nor the wait, and its size is fixed.
//!
//! Invariant: never more calls than places are let in, places are given in the order of asking, and who
//! leaves the waiting room, however it leaves, frees its place there.

mod meters;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use self::meters::{Meters, Reason};
use super::places::{Places, Taken, UNLIMITED};
use crate::section::{OutOfRange, Settings};

/// A change lets waiting calls in at once where there are more places; where there are fewer, the calls
/// under way end in peace and their places are not given again. Who waits already waits as long as it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `false`: as many calls as there are, nobody waits. Default false.
    pub enabled: bool,
    /// Calls under way at once. By Little's law calls per second x seconds per call are needed; the share
    /// of the service that one dependency may take is the upper end. 0: none. Default 20.
    pub max_concurrent: u32,
    /// Calls that wait for a place. 0: who finds none is refused at once. Default 20.
    pub max_waiting: u32,
    /// How long a call waits for a place. `"0s"`: not at all. Default 500ms.
    #[serde(with = "crate::duration")]
    pub max_wait: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            max_concurrent: 20,
            max_waiting: 20,
            max_wait: Duration::from_millis(500),
        }
    }
}

impl Config {
    fn places(&self) -> usize {
        if self.enabled {
            self.max_concurrent as usize
        } else {
            UNLIMITED
        }
    }

    fn room(&self) -> u32 {
        if self.max_wait.is_zero() {
            0
        } else {
            self.max_waiting
        }
    }
}

impl Settings for Config {
    /// Every number has its meaning.
    fn check(&self) -> Result<(), OutOfRange> {
        Ok(())
    }
}

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum BulkheadError {
    #[error("all places are taken and nobody else may wait for one")]
    Full,
    #[error("no place became free within {after:?}")]
    WaitedTooLong { after: Duration },
    #[error("no place became free before the caller's deadline")]
    Deadline,
}

#[derive(Debug)]
pub struct Bulkhead {
    places: Arc<Places>,
    room: Mutex<Room>,
    meters: Arc<Meters>,
}

#[derive(Debug)]
struct Room {
    config: Config,
    waiting: u32,
}

/// The right to have one call under way, until it is dropped.
#[derive(Debug)]
#[must_use = "the place is free again as soon as this is dropped"]
pub struct Place {
    _taken: Taken,
    meters: Arc<Meters>,
}

impl Bulkhead {
    /// `name` is the dependency, as it is shown in the metrics.
    pub fn new(name: &'static str, config: Config) -> Self {
        let meters = Arc::new(Meters::new(name));
        meters.max(&config);
        Self {
            places: Places::new(config.places()),
            room: Mutex::new(Room { config, waiting: 0 }),
            meters,
        }
    }

    pub fn apply(&self, config: Config) {
        let mut room = self.room();
        room.config = config;
        self.places.resize(config.places());
        self.meters.max(&config);
    }

    /// Waits for a place, at most as long as configured and until the caller's deadline.
    pub async fn enter(&self, deadline: Option<Instant>) -> Result<Place, BulkheadError> {
        let began = Instant::now();
        let entered = self.take_or_wait(began, deadline).await;
        self.meters.wait_time.record(began.elapsed());
        match entered {
            Ok(taken) => Ok(self.place(taken)),
            Err(error) => {
                self.meters.rejected(match error {
                    BulkheadError::Full => Reason::Full,
                    BulkheadError::WaitedTooLong { .. } => Reason::Timeout,
                    BulkheadError::Deadline => Reason::Deadline,
                });
                Err(error)
            }
        }
    }

    async fn take_or_wait(
        &self,
        began: Instant,
        deadline: Option<Instant>,
    ) -> Result<Taken, BulkheadError> {
        if deadline.is_some_and(|deadline| deadline <= began) {
            return Err(BulkheadError::Deadline);
        }
        if let Some(taken) = self.places.try_take() {
            return Ok(taken);
        }
        let (_waiting, max_wait) = self.begin_to_wait()?;
        let end = began + max_wait;
        let ends_with_deadline = deadline.filter(|deadline| *deadline < end);
        timeout_at(ends_with_deadline.unwrap_or(end), self.places.take())
            .await
            .map(|taken| taken.expect("a bulkhead gives places as long as it is there"))
            .map_err(|_| match ends_with_deadline {
                Some(_) => BulkheadError::Deadline,
                None => BulkheadError::WaitedTooLong { after: max_wait },
            })
    }

    fn begin_to_wait(&self) -> Result<(Waiting<'_>, Duration), BulkheadError> {
        let mut room = self.room();
        if room.waiting >= room.config.room() {
            return Err(BulkheadError::Full);
        }
        room.waiting += 1;
        self.meters.waiting.set(room.waiting);
        Ok((Waiting(self), room.config.max_wait))
    }

    fn place(&self, taken: Taken) -> Place {
        self.meters.in_use.increment(1);
        Place {
            _taken: taken,
            meters: Arc::clone(&self.meters),
        }
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.meters.in_use.decrement(1);
    }
}

/// One call in the waiting room, also when it is dropped there.
struct Waiting<'a>(&'a Bulkhead);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut room = self.0.room();
        room.waiting -= 1;
        self.0.meters.waiting.set(room.waiting);
    }
}

#[cfg(test)]
mod tests;
