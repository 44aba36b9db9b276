//! Another attempt, where it may help and can be paid for.
//!
//! A retry is made when the failure may pass ([`Conditions`]), attempts are left, the dependency does not ask
//! for too long a pause, the wait ends before the caller's deadline, and the [`Budget`] pays. In this order, so that nothing is paid for a retry that is not
//! made. `tower::retry` leaves all of it to its policy and needs requests that can be cloned; an attempt here
//! is a closure, so that each one can sign, trace and bound its request anew.
//!
//! Invariant: it never sleeps up to or past the deadline, and every retry has spent one token.

mod budget;
mod failure;
mod meters;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::{Instant, sleep};

pub use budget::{Budget, Config as BudgetConfig};
pub use failure::{Classify, Conditions, Failure, Repeat};

use self::budget::Token;
use self::meters::Meters;
use super::backoff;
use crate::section::{OutOfRange, Settings};

/// A change counts for every decision that is made after it, also for calls that are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Attempts after the first. 0: none. Without a budget each one multiplies the load of a dependency that
    /// fails: up to 1 + this. At most 10. Default 2.
    pub max_retries: u32,
    pub backoff: backoff::Config,
    /// The longest `Retry-After` that is waited for; a call that is told to wait longer gives up, so that a
    /// dependency cannot hold whoever has no deadline. Default 5s.
    #[serde(with = "crate::duration")]
    pub max_retry_after: Duration,
    pub on: Conditions,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_retries: 2,
            backoff: backoff::Config::default(),
            max_retry_after: Duration::from_secs(5),
            on: Conditions::default(),
        }
    }
}

/// More attempts than these are an outage that nobody is told about.
const MAX_RETRIES: u32 = 10;

impl Settings for Config {
    fn check(&self) -> Result<(), OutOfRange> {
        OutOfRange::unless(
            self.max_retries <= MAX_RETRIES,
            "max_retries",
            "there are at most 10 retries",
        )
    }
}

/// What is known about a call before it is made.
#[derive(Debug, Clone, Copy)]
pub struct Call {
    pub repeat: Repeat,
    /// When nobody waits for the result any more.
    pub deadline: Option<Instant>,
}

/// The last attempt's error, and why there was not another one.
#[derive(Debug, Error)]
#[error("{error} (attempt {attempts}; no other: {stopped})")]
pub struct GaveUp<E: std::error::Error + 'static> {
    #[source]
    pub error: E,
    pub attempts: u32,
    pub stopped: Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The same would happen again, or might be done twice.
    NotWorthIt,
    /// All attempts were made.
    Attempts,
    /// The dependency asked for a longer pause than is waited for.
    RetryAfter,
    /// The wait would not have ended before the deadline.
    Deadline,
    /// The budget did not pay.
    Budget,
}

impl Stopped {
    const ALL: [Self; 5] = [
        Self::NotWorthIt,
        Self::Attempts,
        Self::RetryAfter,
        Self::Deadline,
        Self::Budget,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::NotWorthIt => "not_worth_it",
            Self::Attempts => "attempts",
            Self::RetryAfter => "retry_after",
            Self::Deadline => "deadline",
            Self::Budget => "budget",
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}

#[derive(Debug)]
pub struct Retry {
    config: ArcSwap<Config>,
    budget: Arc<Budget>,
    meters: Meters,
}

impl Retry {
    /// `name` is the dependency, as it is shown in the metrics.
    pub fn new(name: &'static str, config: Config, budget: Arc<Budget>) -> Self {
        Self {
            config: ArcSwap::from_pointee(config),
            budget,
            meters: Meters::new(name),
        }
    }

    pub fn apply(&self, config: Config) {
        self.config.store(config.into());
    }

    /// Calls `attempt` with the number of the attempt, from 1, until one succeeds or another is not to be
    /// made. The first is always made. A caller that is dropped while it waits gets its token back.
    pub async fn run<T, E, Attempt, Outcome>(
        &self,
        call: Call,
        mut attempt: Attempt,
    ) -> Result<T, GaveUp<E>>
    where
        Attempt: FnMut(u32) -> Outcome,
        Outcome: Future<Output = Result<T, E>>,
        E: Classify + std::error::Error + 'static,
    {
        let (mut attempts, mut previous) = (1, None);
        loop {
            self.meters.attempted(attempts);
            let error = match attempt(attempts).await {
                Ok(value) => {
                    self.budget.deposit();
                    return Ok(value);
                }
                Err(error) => error,
            };
            let failure = error.failure();
            match self.another(call, attempts, previous, failure) {
                Ok((backoff, token)) => {
                    sleep(backoff.max(failure.retry_after())).await;
                    token.spend();
                    previous = Some(backoff);
                    attempts += 1;
                }
                Err(stopped) => {
                    self.meters.stopped(stopped);
                    return Err(GaveUp {
                        error,
                        attempts,
                        stopped,
                    });
                }
            }
        }
    }

    /// The backoff before another attempt, and what pays for it.
    fn another(
        &self,
        call: Call,
        attempts: u32,
        previous: Option<Duration>,
        failure: Failure,
    ) -> Result<(Duration, Token<'_>), Stopped> {
        let config = self.config.load();
        if !config.on.allow(failure, call.repeat) {
            return Err(Stopped::NotWorthIt);
        }
        if attempts > config.max_retries {
            return Err(Stopped::Attempts);
        }
        if failure.retry_after() > config.max_retry_after {
            return Err(Stopped::RetryAfter);
        }
        let backoff = config
            .backoff
            .wait(attempts - 1, previous, rand::random::<f64>());
        let wait = backoff.max(failure.retry_after());
        let ends_in_time = |deadline: Instant| {
            let left = deadline.saturating_duration_since(Instant::now());
            wait < left
        };
        if !call.deadline.is_none_or(ends_in_time) {
            return Err(Stopped::Deadline);
        }
        let token = self.budget.withdraw().ok_or(Stopped::Budget)?;
        Ok((backoff, token))
    }
}

#[cfg(test)]
mod tests;
