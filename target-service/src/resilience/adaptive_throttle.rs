//! Refuses calls here that the dependency would most likely refuse there.
//!
//! Saying no costs an overloaded dependency something too; callers that go on asking can keep it busy with
//! nothing else. Each caller therefore refuses calls itself with the probability
//!
//! p = max(0, (requests - K accepts) / (requests + 1))
//!
//! over the last two minutes (Google, "Site Reliability Engineering", 2016, chapter 21, "Client-Side
//! Throttling"). Calls refused here count as requests, so that p goes on rising while the dependency accepts
//! less, and some calls always get through to notice when it accepts more. No crate has it.
//!
//! One difference to the book: a call that is made counts when its outcome is known. Counted when made, the
//! first hundred calls at once of a healthy service would look like a hundred that were not accepted.
//!
//! Invariant: a call counts once, as a request, and as an accept only if the dependency accepted it; one
//! that ended without telling counts as nothing.

use std::fmt;
use std::ops::AddAssign;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::Instant;

use super::window::TimeWindow;
use crate::section::{OutOfRange, Settings};

/// A change counts from the next call on; what was counted is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `false`: no call is refused; they are counted all the same. Default false.
    pub enabled: bool,
    /// K: so many requests are made for each accept before any is refused. At 2 an overloaded dependency
    /// still refuses as many calls as it accepts; lower spares it more and reacts to less. At least 1.
    /// Default 2.0.
    pub multiplier: f64,
    /// What is counted, to a tenth. Shorter forgets a bad time, and a good one, sooner. Default 2m.
    #[serde(with = "crate::duration")]
    pub window: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            multiplier: 2.0,
            window: Duration::from_mins(2),
        }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), OutOfRange> {
        OutOfRange::unless(
            self.multiplier.is_finite() && self.multiplier >= 1.0,
            "multiplier",
            "below 1, calls to a dependency that accepts all would be refused",
        )?;
        OutOfRange::unless(!self.window.is_zero(), "window", "a window has a length")
    }
}

#[derive(Debug, Error, Clone, Copy, PartialEq)]
#[error("refused here with probability {probability:.2}: the dependency accepts too few calls")]
pub struct Throttled {
    pub probability: f64,
}

#[derive(Debug)]
pub struct AdaptiveThrottle {
    state: Mutex<State>,
    meters: Meters,
}

#[derive(Debug)]
struct State {
    config: Config,
    counts: TimeWindow<Counts>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    requests: u64,
    accepts: u64,
}

impl Counts {
    fn refusal_probability(self, multiplier: f64) -> f64 {
        let (requests, accepts) = (self.requests as f64, self.accepts as f64);
        ((requests - multiplier * accepts) / (requests + 1.0)).max(0.0)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.accepts += other.accepts;
    }
}

/// A call that is made. Dropped without an outcome it counts as nothing.
#[derive(Debug)]
#[must_use = "without an outcome the call counts as nothing"]
pub struct Attempted<'a> {
    throttle: &'a AdaptiveThrottle,
    settled: bool,
}

impl AdaptiveThrottle {
    /// `name` is the dependency, as it is shown in the metrics.
    pub fn new(name: &'static str, config: Config) -> Self {
        let state = State {
            config,
            counts: TimeWindow::new(config.window, Instant::now()),
        };
        Self {
            state: Mutex::new(state),
            meters: Meters::new(name),
        }
    }

    pub fn apply(&self, config: Config) {
        let mut state = self.state();
        state.config = config;
        state.counts.resize(config.window, Instant::now());
    }

    /// Whether a call is made. Never waits.
    pub fn admit(&self) -> Result<Attempted<'_>, Throttled> {
        self.admit_by(rand::random())
    }

    /// The same with the draw, from [0, 1), given.
    fn admit_by(&self, draw: f64) -> Result<Attempted<'_>, Throttled> {
        let now = Instant::now();
        let mut state = self.state();
        let probability = self.probability(&mut state, now);
        if state.config.enabled && draw < probability {
            state.counts.current(now).requests += 1;
            drop(state);
            self.meters.calls[Fate::Throttled as usize].increment(1);
            return Err(Throttled { probability });
        }
        Ok(Attempted {
            throttle: self,
            settled: false,
        })
    }

    fn probability(&self, state: &mut State, now: Instant) -> f64 {
        let counts = state.counts.total(now);
        let probability = counts.refusal_probability(state.config.multiplier);
        self.meters.probability.set(probability);
        probability
    }

    fn count(&self, accepts: u64) {
        let now = Instant::now();
        let mut state = self.state();
        *state.counts.current(now) += Counts {
            requests: 1,
            accepts,
        };
        self.probability(&mut state, now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempted<'_> {
    /// The dependency did the work, whatever the answer was.
    pub fn accepted(mut self) {
        self.settle(Some(true));
    }

    /// The dependency had no room for it: 429, 503, or no answer in time.
    pub fn refused(mut self) {
        self.settle(Some(false));
    }

    fn settle(&mut self, accepted: Option<bool>) {
        self.settled = true;
        let fate = match accepted {
            Some(true) => Fate::Accepted,
            Some(false) => Fate::Refused,
            None => Fate::Cancelled,
        };
        if let Some(accepted) = accepted {
            self.throttle.count(u64::from(accepted));
        }
        self.throttle.meters.calls[fate as usize].increment(1);
    }
}

impl Drop for Attempted<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.settle(None);
        }
    }
}

/// What became of a call.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Accepted,
    Refused,
    Cancelled,
    /// Refused here.
    Throttled,
}

impl Fate {
    const ALL: [Self; 4] = [
        Self::Accepted,
        Self::Refused,
        Self::Cancelled,
        Self::Throttled,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Throttled => "throttled",
        }
    }
}

struct Meters {
    /// Also shown while it is switched off: what it would be.
    probability: Gauge,
    calls: [Counter; Fate::ALL.len()],
}

impl Meters {
    fn new(name: &'static str) -> Self {
        Self {
            probability: gauge!("target_adaptive_throttle_probability", "name" => name),
            calls: Fate::ALL.map(|fate| {
                counter!("target_adaptive_throttle_calls_total", "name" => name, "outcome" => fate.label())
            }),
        }
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Meters")
    }
}

#[cfg(test)]
#[path = "adaptive_throttle_tests.rs"]
mod tests;
