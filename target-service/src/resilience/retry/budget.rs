//! What retries are paid from, so that they cannot multiply the load of a dependency that is in trouble.
//!
//! Each success deposits a fraction of a token, each retry costs one; a reserve that fills by itself lets a
//! service with little traffic retry too. With a ratio of 0.2 there are at most 1.2 attempts per success,
//! plus the reserve, however many attempts each caller was allowed: without a budget k retries make 1 + k.
//! The meaning and the defaults are those of Finagle and Linkerd (20 %, 10 per second, 10 s); Envoy bounds
//! the share of retries among the requests in flight instead.
//!
//! Why not `tower::retry::budget`: it cannot be changed while it runs, shows neither balance nor refusals,
//! rounds the ratio to one over a whole number (0.3 pays like 0.33), lets callers at the same moment overdraw
//! it, and does not take back the token of a caller who left before the retry.
//!
//! Invariant: over any stretch of time it pays at most ratio x successes (of the stretch and of one `ttl`
//! before) + the reserve's rate x time + one second's worth of reserve, at least one token.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, counter, gauge};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::resilience::bucket::{Bucket, TOKEN, millionths};
use crate::resilience::window::TimeWindow;
use crate::section::{OutOfRange, Settings};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `false`: every retry is paid for, the mistake behind retry storms. Default true.
    pub enabled: bool,
    /// Tokens that one success deposits: the retries per success that are sustained. 0.1 to 0.2 is
    /// sensible. Default 0.2.
    pub ratio: f64,
    /// Retries per second that are paid for whatever the successes; up to one second's worth, or one, is
    /// held ready. More than a small part of the dependency's capacity defeats the budget. Default 10.
    pub min_per_second: f64,
    /// How long a deposit can be spent: good times before are no credit for a storm now. Default 10s.
    #[serde(with = "crate::duration")]
    pub ttl: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            ratio: 0.2,
            min_per_second: 10.0,
            ttl: Duration::from_secs(10),
        }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), OutOfRange> {
        OutOfRange::unless(
            (0.0..=1.0).contains(&self.ratio),
            "ratio",
            "a success pays for 0 to 1 retries",
        )?;
        OutOfRange::unless(
            self.min_per_second.is_finite() && self.min_per_second >= 0.0,
            "min_per_second",
            "a rate is 0 or more",
        )?;
        OutOfRange::unless(!self.ttl.is_zero(), "ttl", "a deposit lasts for a while")
    }
}

impl Config {
    fn brim(&self) -> f64 {
        if self.min_per_second > 0.0 {
            self.min_per_second.max(1.0)
        } else {
            0.0
        }
    }
}

/// One for each dependency, shared by all that call it.
#[derive(Debug)]
pub struct Budget {
    purse: Mutex<Purse>,
    meters: Meters,
}

/// Amounts are millionths of a token.
#[derive(Debug)]
struct Purse {
    config: Config,
    saved: TimeWindow<u64>,
    reserve: Bucket,
}

/// A retry that is paid for. Dropped without being spent, the token goes back: that retry never was.
#[derive(Debug)]
pub(super) struct Token<'a> {
    budget: &'a Budget,
    owed: bool,
}

impl Budget {
    /// `name` is the dependency, as it is shown in the metrics.
    pub fn new(name: &'static str, config: Config) -> Self {
        let now = Instant::now();
        let purse = Purse {
            config,
            saved: TimeWindow::new(config.ttl, now),
            reserve: Bucket::new(config.min_per_second, config.brim(), now),
        };
        let budget = Self {
            purse: Mutex::new(purse),
            meters: Meters::new(name),
        };
        budget.show(&mut budget.purse(), now);
        budget
    }

    /// What is saved stays saved.
    pub fn apply(&self, config: Config) {
        let now = Instant::now();
        let mut purse = self.purse();
        purse.config = config;
        purse.saved.resize(config.ttl, now);
        let brim = config.brim();
        purse.reserve.change(config.min_per_second, brim, now);
        self.show(&mut purse, now);
    }

    /// A call succeeded.
    pub fn deposit(&self) {
        let now = Instant::now();
        let mut purse = self.purse();
        let amount = millionths(purse.config.ratio);
        *purse.saved.current(now) += amount;
        self.show(&mut purse, now);
    }

    /// The tokens that could be spent now.
    pub fn tokens(&self) -> f64 {
        self.purse().tokens(Instant::now())
    }

    /// `None`: this retry cannot be paid for.
    pub(super) fn withdraw(&self) -> Option<Token<'_>> {
        let now = Instant::now();
        let mut purse = self.purse();
        let owed = purse.config.enabled;
        if owed && !purse.pay(now) {
            self.meters.exhausted.increment(1);
            return None;
        }
        self.show(&mut purse, now);
        Some(Token { budget: self, owed })
    }

    fn give_back(&self) {
        let now = Instant::now();
        let mut purse = self.purse();
        *purse.saved.current(now) += TOKEN;
        self.show(&mut purse, now);
    }

    fn show(&self, purse: &mut Purse, now: Instant) {
        self.meters.tokens.set(purse.tokens(now));
    }

    fn purse(&self) -> MutexGuard<'_, Purse> {
        self.purse.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Purse {
    /// Takes one token, from the oldest deposits first, and what they lack from the reserve.
    fn pay(&mut self, now: Instant) -> bool {
        let from_saved = self.saved.total(now).min(TOKEN);
        if !self.reserve.take(TOKEN - from_saved, now) {
            return false;
        }
        let mut due = from_saved;
        for deposits in self.saved.slots(now) {
            let part = due.min(*deposits);
            *deposits -= part;
            due -= part;
        }
        true
    }

    fn tokens(&mut self, now: Instant) -> f64 {
        (self.saved.total(now) + self.reserve.level(now)) as f64 / TOKEN as f64
    }
}

impl Token<'_> {
    /// The retry is made.
    pub(super) fn spend(mut self) {
        self.owed = false;
    }
}

impl Drop for Token<'_> {
    fn drop(&mut self) {
        if self.owed {
            self.budget.give_back();
        }
    }
}

struct Meters {
    tokens: Gauge,
    exhausted: Counter,
}

impl Meters {
    fn new(name: &'static str) -> Self {
        Self {
            tokens: gauge!("target_retry_budget_tokens", "name" => name),
            exhausted: counter!("target_retry_budget_exhausted_total", "name" => name),
        }
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Meters")
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
