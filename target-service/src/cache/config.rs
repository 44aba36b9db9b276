//! The configuration of the caches (`cache.`). All of it are knobs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::section::{OutOfRange, Settings};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where values are kept. `redis` and `two_level` need `redis.url`. Default `off`.
    pub tier: Tier,
    /// What is done when a value has run out and many ask for it at once. Default `none`.
    pub guard: Guard,
    /// How long a value is fresh. Default 30s.
    #[serde(with = "crate::duration")]
    pub ttl: Duration,
    /// Each value lives shorter than `ttl` by a random share of up to this, so that what was loaded together
    /// does not run out together; from 0 to 0.9. It does nothing for one hot key. Default 0.1.
    pub ttl_jitter: f64,
    /// How long after it has run out a value may still be served by the guards `lock` and
    /// `stale_while_revalidate`. Default 30s.
    #[serde(with = "crate::duration")]
    pub stale_for: Duration,
    /// With `two_level`: the longest that an instance goes by its own copy before it asks Redis again. It
    /// bounds how long instances disagree when invalidations are lost. `"0s"`: as long as the value is
    /// fresh. Default 0s.
    #[serde(with = "crate::duration")]
    pub local_ttl: Duration,
    /// Most values that an instance keeps of each cache. Default 10,000.
    pub max_entries: u64,
    /// Which value goes when there are too many. Default `tiny_lfu`.
    pub eviction: Eviction,
    /// What a write does to the cached value. Default `look_aside`.
    pub write: WritePolicy,
    /// How far it is told that a value has changed. Default `everywhere`.
    pub invalidate: Invalidate,
    /// With the guard `early`: how eager it is; 1 is the optimum of the paper, more is earlier. Default 1.
    pub early_beta: f64,
    /// With the guard `lock`: after so long somebody else may load, whatever became of the first. Longer
    /// than a load takes, or there will be several. Default 5s.
    #[serde(with = "crate::duration")]
    pub lock_lease: Duration,
    /// With the guard `lock`: who has waited so long for another's load does it himself. Default 2s.
    #[serde(with = "crate::duration")]
    pub lock_wait: Duration,
    /// Added to each load, holding no database connection: stands for a value that is slow to compute.
    /// Default 0s.
    #[serde(with = "crate::duration")]
    pub recompute_delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Every request loads.
    #[default]
    Off,
    /// In the memory of each instance.
    Local,
    /// In Redis, for all instances.
    Redis,
    /// In memory, and behind it in Redis.
    TwoLevel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// The mistake: everybody who finds nothing loads.
    #[default]
    None,
    /// One loads, of all instances that share a Redis; the others take the old value or wait.
    Lock,
    /// One of each instance loads, the others wait for it.
    SingleFlight,
    /// Loads before the value has run out, with a probability that grows towards that moment. Whoever loads
    /// waits for it, everybody else is served. A value that is not there at all is loaded by everybody.
    Early,
    /// Everybody is served the old value while one of each instance loads in the background.
    StaleWhileRevalidate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eviction {
    /// The value used least recently.
    Lru,
    /// A value that is asked for seldom does not push out one that is asked for often.
    #[default]
    TinyLfu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WritePolicy {
    /// The value is removed; who asks next loads it.
    #[default]
    LookAside,
    /// The new value is put in its place at once.
    WriteThrough,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invalidate {
    /// The mistake: nobody is told, and old values are served until they run out.
    Off,
    /// The instance that wrote, and Redis. Other instances go on with their own copies.
    Own,
    /// Every instance, by a message over Redis.
    #[default]
    Everywhere,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tier: Tier::default(),
            guard: Guard::default(),
            ttl: Duration::from_secs(30),
            ttl_jitter: 0.1,
            stale_for: Duration::from_secs(30),
            local_ttl: Duration::ZERO,
            max_entries: 10_000,
            eviction: Eviction::default(),
            write: WritePolicy::default(),
            invalidate: Invalidate::default(),
            early_beta: 1.0,
            lock_lease: Duration::from_secs(5),
            lock_wait: Duration::from_secs(2),
            recompute_delay: Duration::ZERO,
        }
    }
}

impl Tier {
    pub fn is_local(self) -> bool {
        matches!(self, Self::Local | Self::TwoLevel)
    }

    pub fn is_remote(self) -> bool {
        matches!(self, Self::Redis | Self::TwoLevel)
    }
}

impl Guard {
    /// Whether values are kept beyond their time, to be served while a new one is loaded.
    pub fn serves_stale(self) -> bool {
        matches!(self, Self::Lock | Self::StaleWhileRevalidate)
    }
}

impl Config {
    /// What [`Settings::check`] says, and that there is a Redis where one is needed.
    pub fn check_with(&self, has_redis: bool) -> Result<(), OutOfRange> {
        self.check()?;
        OutOfRange::unless(
            has_redis || !self.tier.is_remote(),
            "tier",
            "the tiers `redis` and `two_level` need a Redis: set redis.url",
        )
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), OutOfRange> {
        let require = OutOfRange::unless;
        require(!self.ttl.is_zero(), "ttl", "nothing is fresh for no time")?;
        require(
            (0.0..=0.9).contains(&self.ttl_jitter),
            "ttl_jitter",
            "the share is from 0 to 0.9",
        )?;
        require(
            self.max_entries > 0,
            "max_entries",
            "a cache of nothing is `cache.tier = \"off\"`",
        )?;
        require(
            self.early_beta.is_finite() && self.early_beta > 0.0,
            "early_beta",
            "the factor is above 0",
        )?;
        require(
            !self.lock_lease.is_zero(),
            "lock_lease",
            "a lock is held for longer than no time",
        )
    }
}
