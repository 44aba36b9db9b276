//! The configuration of locks that are held in Redis (`lock.`). All of it may change while the service runs:
//! a lock keeps what it was taken with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::section::{OutOfRange, Settings};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LockConfig {
    /// When a lock ends that nobody has released. A holder that takes longer loses it without knowing.
    /// Missing: it is `watchdog` long and prolonged for as long as its holder lives. Default: none.
    #[serde(with = "crate::duration::option")]
    pub lease: Option<Duration>,
    /// Without a `lease`: when the lock of a holder that died ends. It is prolonged each third of this.
    /// Default 30s.
    #[serde(with = "crate::duration")]
    pub watchdog: Duration,
    /// Whether a holder brings a fencing token, a number that grows from one holder to the next, and what is
    /// written under the lock is refused when a later holder has been there. Default false.
    pub fencing: bool,
    pub spin: SpinConfig,
    pub pubsub: PubsubConfig,
}

/// With `redis_spin`: whoever finds a lock held tries again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpinConfig {
    /// How often, after the first time. Default 300.
    pub retries: u32,
    /// How long after the time before. Short means many commands, long means that the lock lies idle.
    /// Default 10ms.
    #[serde(with = "crate::duration")]
    pub delay: Duration,
}

/// With `redis_pubsub`: whoever finds a lock held is told of its release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PubsubConfig {
    /// How long is waited in all. Default 3s.
    #[serde(with = "crate::duration")]
    pub wait: Duration,
    /// How long is waited for a message before the lock is tried without one: Redis keeps no messages, so
    /// one may be lost, and a holder that died sends none. Default 500ms.
    #[serde(with = "crate::duration")]
    pub recheck: Duration,
}

impl Default for LockConfig {
    fn default() -> Self {
        Self {
            lease: None,
            watchdog: Duration::from_secs(30),
            fencing: false,
            spin: SpinConfig::default(),
            pubsub: PubsubConfig::default(),
        }
    }
}

impl Default for SpinConfig {
    fn default() -> Self {
        Self {
            retries: 300,
            delay: Duration::from_millis(10),
        }
    }
}

impl Default for PubsubConfig {
    fn default() -> Self {
        Self {
            wait: Duration::from_secs(3),
            recheck: Duration::from_millis(500),
        }
    }
}

impl LockConfig {
    /// What a lock is taken for.
    pub(super) fn first_lease(&self) -> Duration {
        self.lease.unwrap_or(self.watchdog)
    }
}

impl Settings for LockConfig {
    fn check(&self) -> Result<(), OutOfRange> {
        let millisecond = Duration::from_millis(1);
        let unless = |holds, key, reason| OutOfRange::unless(holds, key, reason);
        unless(
            self.lease.is_none_or(|lease| lease >= millisecond),
            "lease",
            "Redis counts leases in milliseconds: the shortest is 1ms",
        )?;
        unless(
            self.watchdog >= 3 * millisecond,
            "watchdog",
            "it is prolonged each third of it: the shortest is 3ms",
        )?;
        unless(
            self.spin.delay >= millisecond,
            "spin.delay",
            "tries come at least 1ms apart",
        )?;
        unless(
            self.pubsub.recheck >= millisecond,
            "pubsub.recheck",
            "tries come at least 1ms apart",
        )
    }
}
