//! Bounds how many calls per second are made to a dependency, for one that permits only so many.
//!
//! A token bucket; who finds none waits in a row, as long as the wait is bounded: who would wait longer is
//! told so at once, instead of after it.
//!
//! Why not `governor`: its waiters are not in a row and wait without a bound, its rate is fixed when it is
//! made, and it has a clock of its own, which tests on paused time cannot move. What is left of it would be
//! the arithmetic of a bucket. `tower::limit::rate` counts in fixed windows, so that twice the rate
//! passes around the edge of one.
//!
//! Invariant: over any stretch at most `burst` + rate x time calls pass, in the order of asking; who leaves
//! the row takes no token.

mod meters;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use self::meters::{Meters, Reason};
use super::bucket::{Bucket, TOKEN};
use crate::section::{OutOfRange, Settings};

/// A change reaches those who wait: at a higher rate they pass earlier. What they may wait stays.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `false`: every call passes. Default false.
    pub enabled: bool,
    /// Calls per second in the long run. 0: none beyond the burst. Default 100.
    pub per_second: f64,
    /// Calls that may pass at once after a pause. At least 1; a timer wakes waiting calls to the
    /// millisecond, so what comes due within some milliseconds must fit, else the rate is not reached.
    /// Default 10.
    pub burst: u32,
    /// How long a call waits for its turn. `"0s"`: not at all. Default 500ms.
    #[serde(with = "crate::duration")]
    pub max_wait: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            per_second: 100.0,
            burst: 10,
            max_wait: Duration::from_millis(500),
        }
    }
}

impl Config {
    fn burst(&self) -> f64 {
        f64::from(self.burst.max(1))
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), OutOfRange> {
        OutOfRange::unless(
            self.per_second.is_finite() && self.per_second >= 0.0,
            "per_second",
            "a rate is 0 or more",
        )?;
        OutOfRange::unless(self.burst >= 1, "burst", "at least one call passes at once")
    }
}

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitError {
    /// `retry_after`: when a call could pass without waiting longer than it may, if nobody else came;
    /// `None`: never at this rate.
    #[error("more calls wait than the permitted rate lets through in time")]
    TooMany { retry_after: Option<Duration> },
    #[error("the turn would not come before the caller's deadline")]
    Deadline,
}

#[derive(Debug)]
pub struct RateLimit {
    state: Mutex<State>,
    /// Who holds it is next; tokio's mutex is given in the order of asking.
    row: tokio::sync::Mutex<()>,
    changed: Notify,
    meters: Meters,
}

#[derive(Debug)]
struct State {
    config: Config,
    bucket: Bucket,
    waiting: u32,
}

impl RateLimit {
    /// `name` is the dependency, as it is shown in the metrics.
    pub fn new(name: &'static str, config: Config) -> Self {
        let now = Instant::now();
        let bucket = Bucket::new(config.per_second, config.burst(), now);
        let limit = Self {
            state: Mutex::new(State {
                config,
                bucket,
                waiting: 0,
            }),
            row: tokio::sync::Mutex::new(()),
            changed: Notify::new(),
            meters: Meters::new(name),
        };
        limit.show(&mut limit.state(), now);
        limit
    }

    pub fn apply(&self, config: Config) {
        let now = Instant::now();
        let mut state = self.state();
        state.config = config;
        let burst = config.burst();
        state.bucket.change(config.per_second, burst, now);
        self.show(&mut state, now);
        drop(state);
        self.changed.notify_waiters();
    }

    /// Waits for a token, at most as long as configured and until the caller's deadline.
    pub async fn acquire(&self, deadline: Option<Instant>) -> Result<(), RateLimitError> {
        let began = Instant::now();
        let acquired = self.take_or_wait(began, deadline).await;
        self.meters.wait_time.record(began.elapsed());
        match acquired {
            Ok(()) => self.meters.passed.increment(1),
            Err(RateLimitError::TooMany { .. }) => self.meters.rejected(Reason::TooMany),
            Err(RateLimitError::Deadline) => self.meters.rejected(Reason::Deadline),
        }
        acquired
    }

    async fn take_or_wait(
        &self,
        began: Instant,
        deadline: Option<Instant>,
    ) -> Result<(), RateLimitError> {
        let Some((_waiting, max_wait)) = self.take_or_queue(began, deadline)? else {
            return Ok(());
        };
        let end = began + max_wait;
        let ends_with_deadline = deadline.filter(|deadline| *deadline < end);
        // The wait was foreseen to be short enough; a rate that is lowered meanwhile makes it longer.
        timeout_at(ends_with_deadline.unwrap_or(end), self.take_in_turn())
            .await
            .map_err(|_| match ends_with_deadline {
                Some(_) => RateLimitError::Deadline,
                None => RateLimitError::TooMany { retry_after: None },
            })
    }

    /// A token at once (`None`), or a place in the row.
    fn take_or_queue(
        &self,
        now: Instant,
        deadline: Option<Instant>,
    ) -> Result<Option<(Waiting<'_>, Duration)>, RateLimitError> {
        if deadline.is_some_and(|deadline| deadline <= now) {
            return Err(RateLimitError::Deadline);
        }
        let mut state = self.state();
        if state.waiting == 0 && self.try_take(&mut state, now) {
            return Ok(None);
        }
        let (max_wait, before) = (state.config.max_wait, u64::from(state.waiting));
        let wait = state.bucket.until((before + 1) * TOKEN, now);
        match wait {
            Some(wait) if wait <= max_wait => {
                if deadline.is_some_and(|deadline| now + wait > deadline) {
                    return Err(RateLimitError::Deadline);
                }
            }
            _ => {
                let retry_after = wait.map(|wait| wait.saturating_sub(max_wait));
                return Err(RateLimitError::TooMany { retry_after });
            }
        }
        state.waiting += 1;
        self.meters.waiting.set(state.waiting);
        Ok(Some((Waiting(self), max_wait)))
    }

    async fn take_in_turn(&self) {
        let _first_in_the_row = self.row.lock().await;
        loop {
            // Made before looking, so that no change is missed between looking and waiting.
            let changed = self.changed.notified();
            let until_next = {
                let now = Instant::now();
                let mut state = self.state();
                if self.try_take(&mut state, now) {
                    return;
                }
                state.bucket.until(TOKEN, now)
            };
            match until_next {
                Some(wait) => tokio::select! {
                    () = sleep(wait) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    fn try_take(&self, state: &mut State, now: Instant) -> bool {
        let taken = !state.config.enabled || state.bucket.take(TOKEN, now);
        self.show(state, now);
        taken
    }

    fn show(&self, state: &mut State, now: Instant) {
        let tokens = state.bucket.level(now) as f64 / TOKEN as f64;
        self.meters.tokens.set(tokens);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call in the row, also when it is dropped there.
struct Waiting<'a>(&'a RateLimit);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.waiting -= 1;
        self.0.meters.waiting.set(state.waiting);
    }
}

#[cfg(test)]
mod tests;
