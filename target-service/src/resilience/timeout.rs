//! How long each step of an outgoing call may take.
//!
//! An error says which bound it was, because they mean different things: after `connect` nothing was sent;
//! after `read` nobody knows whether the work was done; at the caller's own deadline nothing is known about
//! the dependency at all. `tower::timeout` has one fixed limit and one error for all of them.
//!
//! Invariant: a step whose caller's deadline has passed is not begun.

use std::fmt;
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::{Counter, counter};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::section::{OutOfRange, Settings};

/// `"0s"` anywhere: no limit but the caller's deadline. A change counts for steps that begin after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long opening a connection may take. A host that is down, or a firewall that swallows packets,
    /// is noticed by nothing else. Default 3s.
    #[serde(with = "crate::duration")]
    pub connect: Duration,
    /// From the sent request to the first byte of the answer. Shorter than the dependency's work makes work
    /// that was done look failed. Default 5s.
    #[serde(with = "crate::duration")]
    pub read: Duration,
    /// Between two pieces of the answer's body. Without it an answer of one byte per second is read for as
    /// long as `total` allows. Default 5s.
    #[serde(with = "crate::duration")]
    pub gap: Duration,
    /// One attempt from beginning to end. Default 0s.
    #[serde(with = "crate::duration")]
    pub total: Duration,
    /// How long an attempt waits for a place in a pool of connections. Long only moves the queue from the
    /// callers into this service. Default 1s.
    #[serde(with = "crate::duration")]
    pub place: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(5),
            gap: Duration::from_secs(5),
            total: Duration::ZERO,
            place: Duration::from_secs(1),
        }
    }
}

impl Settings for Config {
    /// Every duration has its meaning.
    fn check(&self) -> Result<(), OutOfRange> {
        Ok(())
    }
}

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Connect,
    Read,
    Gap,
    Total,
    Place,
    /// The caller's own deadline was nearer than the limit of the step.
    Deadline,
}

impl Bound {
    const ALL: [Self; 6] = [
        Self::Connect,
        Self::Read,
        Self::Gap,
        Self::Total,
        Self::Place,
        Self::Deadline,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Read => "read",
            Self::Gap => "gap",
            Self::Total => "total",
            Self::Place => "place",
            Self::Deadline => "deadline",
        }
    }

    /// Zero: none.
    fn limit(self, config: &Config) -> Duration {
        match self {
            Self::Connect => config.connect,
            Self::Read => config.read,
            Self::Gap => config.gap,
            Self::Total => config.total,
            Self::Place => config.place,
            Self::Deadline => Duration::ZERO,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("timed out after {after:?} ({bound})")]
pub struct TimedOut {
    pub bound: Bound,
    /// How long the step was given.
    pub after: Duration,
}

#[derive(Debug)]
pub struct Timeouts {
    config: ArcSwap<Config>,
    meters: Meters,
}

impl Timeouts {
    /// `name` is the dependency, as it is shown in the metrics.
    pub fn new(name: &'static str, config: Config) -> Self {
        Self {
            config: ArcSwap::from_pointee(config),
            meters: Meters::new(name),
        }
    }

    pub fn apply(&self, config: Config) {
        self.config.store(config.into());
    }

    /// Runs a step within its limit and the caller's deadline, whichever ends first. The step is dropped
    /// when its time is over.
    pub async fn within<F: Future>(
        &self,
        bound: Bound,
        deadline: Option<Instant>,
        step: F,
    ) -> Result<F::Output, TimedOut> {
        let now = Instant::now();
        let limit = bound.limit(&self.config.load());
        let limit = (!limit.is_zero()).then(|| now + limit);
        let (bound, ends) = match (limit, deadline) {
            (None, None) => return Ok(step.await),
            (Some(limit), None) => (bound, limit),
            (Some(limit), Some(deadline)) if limit <= deadline => (bound, limit),
            (_, Some(deadline)) => (Bound::Deadline, deadline),
        };
        let in_time = if ends > now {
            timeout_at(ends, step).await.ok()
        } else {
            None
        };
        in_time.ok_or_else(|| {
            self.meters.timeouts[bound as usize].increment(1);
            TimedOut {
                bound,
                after: ends.saturating_duration_since(now),
            }
        })
    }
}

struct Meters {
    timeouts: [Counter; Bound::ALL.len()],
}

impl Meters {
    fn new(name: &'static str) -> Self {
        Self {
            timeouts: Bound::ALL.map(
                |bound| counter!("target_timeouts_total", "name" => name, "bound" => bound.label()),
            ),
        }
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Meters")
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::sleep;

    use super::super::recorded::recorded;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_step_that_takes_too_long_says_which_limit_it_was() {
        let config = Config {
            total: 9_000 * MS,
            ..Config::default()
        };
        let (timeouts, shown) = recorded(|| Timeouts::new("gateway", config));
        for (bound, after) in [
            (Bound::Connect, 3_000 * MS),
            (Bound::Read, 5_000 * MS),
            (Bound::Gap, 5_000 * MS),
            (Bound::Total, 9_000 * MS),
            (Bound::Place, 1_000 * MS),
        ] {
            let began = Instant::now();
            let result = timeouts.within(bound, None, pending::<()>()).await;
            assert_eq!(result, Err(TimedOut { bound, after }));
            assert_eq!(began.elapsed(), after);
            let name = format!("target_timeouts_total{{name=\"gateway\",bound=\"{bound}\"}}");
            assert_eq!(shown.value(&name), 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_in_time_gives_its_value() {
        let timeouts = Timeouts::new("gateway", Config::default());
        let step = async {
            sleep(4_999 * MS).await;
            7
        };
        assert_eq!(timeouts.within(Bound::Read, None, step).await, Ok(7));
    }

    #[tokio::test(start_paused = true)]
    async fn the_callers_deadline_counts_where_it_is_nearer() {
        let timeouts = Timeouts::new("gateway", Config::default());
        let within = |left: Duration| {
            let deadline = Some(Instant::now() + left);
            timeouts.within(Bound::Read, deadline, pending::<()>())
        };
        let near = within(100 * MS).await.unwrap_err();
        assert_eq!((near.bound, near.after), (Bound::Deadline, 100 * MS));
        let far = within(6_000 * MS).await.unwrap_err();
        assert_eq!((far.bound, far.after), (Bound::Read, 5_000 * MS));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_begun_after_the_deadline() {
        let timeouts = Timeouts::new("gateway", Config::default());
        let result = timeouts
            .within(Bound::Read, Some(Instant::now()), ready(()))
            .await;
        assert_eq!(result.unwrap_err().bound, Bound::Deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn zero_is_no_limit_and_a_change_counts_for_what_begins_after_it() {
        let timeouts = Timeouts::new("gateway", Config::default());
        let unlimited = Config {
            read: Duration::ZERO,
            ..Config::default()
        };
        let begun_before = timeouts.within(Bound::Read, None, sleep(6_000 * MS));
        let (before, after) = tokio::join!(begun_before, async {
            timeouts.apply(unlimited);
            timeouts.within(Bound::Read, None, sleep(60_000 * MS)).await
        });
        assert!(before.is_err());
        assert!(after.is_ok());
    }
}
