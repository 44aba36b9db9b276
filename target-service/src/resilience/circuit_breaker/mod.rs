//! Stops calling a dependency that fails or has become slow, and tries it again after a while.
//!
//! Callers fail at once instead of waiting for a timeout, and the dependency gets time to recover. What
//! counts as a failure is the caller's to say: a dependency that answers 404 or "declined" is well. A call
//! that tells nothing (its caller left, its deadline was nearer than the timeout, another part refused it)
//! counts as nothing.
//!
//! The states are those of Nygard, "Release It!", and of resilience4j; tower has no breaker.
//!
//! Invariant: of all callers that come at the half-open moment exactly `half_open_calls` are let through,
//! and one that is dropped without an outcome frees its place for another.

mod config;
mod machine;
mod meters;
mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

pub use config::{Config, WindowKind};
pub use machine::State;

use self::machine::{Machine, Refusal};
use self::meters::{Fate, Meters};
use self::window::Verdict;

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum BreakerError {
    #[error("the circuit breaker is open for another {retry_after:?}")]
    Open { retry_after: Duration },
    #[error("the circuit breaker waits for the outcome of its trial calls")]
    Probing,
}

#[derive(Debug)]
pub struct CircuitBreaker {
    name: &'static str,
    machine: Mutex<Machine>,
    meters: Meters,
}

/// The right to make one call. It ends with its outcome; dropped without one, it counts as nothing.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once counts as a call that was cancelled"]
pub struct Permit {
    breaker: Arc<CircuitBreaker>,
    generation: u64,
    began: Instant,
    settled: bool,
}

impl CircuitBreaker {
    /// `name` is the dependency, as it is shown in the metrics.
    pub fn new(name: &'static str, config: Config) -> Arc<Self> {
        let meters = Meters::new(name);
        meters.is_in(State::Closed);
        Arc::new(Self {
            name,
            machine: Mutex::new(Machine::new(config, Instant::now())),
            meters,
        })
    }

    /// Calls that are out keep their permits. Switching it off or on closes it and begins anew.
    pub fn apply(&self, config: Config) {
        self.change(|machine, now| machine.apply(config, now));
    }

    pub fn state(&self) -> State {
        self.machine().state()
    }

    /// For who would have to wait for something else before the call: an error while it is open. Nobody's
    /// place is taken by it, and [`Self::admit`] has to be asked all the same.
    pub fn refuse_while_open(&self) -> Result<(), BreakerError> {
        match self.machine().still_open(Instant::now()) {
            None => Ok(()),
            Some(retry_after) => {
                self.meters.call(Fate::Rejected, false);
                Err(BreakerError::Open { retry_after })
            }
        }
    }

    /// Whether a call may be made now. Never waits.
    pub fn admit(self: &Arc<Self>) -> Result<Permit, BreakerError> {
        let admitted = self.change(|machine, now| (machine.admit(now), now));
        match admitted {
            (Ok(generation), began) => Ok(Permit {
                breaker: Arc::clone(self),
                generation,
                began,
                settled: false,
            }),
            (Err(refusal), _) => {
                self.meters.call(Fate::Rejected, false);
                Err(match refusal {
                    Refusal::Open { retry_after } => BreakerError::Open { retry_after },
                    Refusal::Probing => BreakerError::Probing,
                })
            }
        }
    }

    /// Every change goes through here, so that none is missed in metrics and logs, nor shown out of order.
    fn change<T>(&self, change: impl FnOnce(&mut Machine, Instant) -> T) -> T {
        let mut machine = self.machine();
        let before = machine.state();
        let changed = change(&mut machine, Instant::now());
        let after = machine.state();
        if after != before {
            self.meters.transition(after);
            tracing::info!(
                breaker = self.name,
                from = before.label(),
                to = after.label(),
                "circuit breaker"
            );
        }
        changed
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The dependency did what it should.
    pub fn succeeded(self) {
        self.settle(false);
    }

    /// The dependency failed.
    pub fn failed(self) {
        self.settle(true);
    }

    fn settle(mut self, failed: bool) {
        self.settled = true;
        let slow = self.breaker.change(|machine, now| {
            let took = now.saturating_duration_since(self.began);
            let slow = machine.config().is_slow(took);
            machine.settle(self.generation, Some(Verdict { failed, slow }), now);
            slow
        });
        let fate = if failed {
            Fate::Failed
        } else {
            Fate::Succeeded
        };
        self.breaker.meters.call(fate, slow);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled {
            let generation = self.generation;
            self.breaker
                .change(|machine, now| machine.settle(generation, None, now));
            self.breaker.meters.call(Fate::Cancelled, false);
        }
    }
}

#[cfg(test)]
mod tests;
