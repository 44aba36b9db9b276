//! How long to wait before another attempt.
//!
//! Retries that wait equally long come back together and hit the dependency as one wave; jitter spreads
//! them. The formulas are those of Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog,
//! 2015, with n = 0 for the first retry and u drawn evenly from [0, 1):
//!
//! | strategy | wait |
//! |---|---|
//! | none | 0 |
//! | exponential | min(cap, base 2^n) |
//! | full jitter | u min(cap, base 2^n) |
//! | decorrelated jitter | min(cap, base + u (3 previous - base)), the first time with previous = base |
//!
//! Everything here is pure: the draw is an argument. The crates that have these formulas also own the
//! sleeping and the random numbers, which [`super::retry`] has to own because of deadlines and budgets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Default `full_jitter`.
    pub strategy: Strategy,
    /// The scale of the first wait. About the time that one healthy call takes. Default 50ms.
    #[serde(with = "crate::duration")]
    pub base: Duration,
    /// The longest wait. Default 1s.
    #[serde(with = "crate::duration")]
    pub cap: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The mistake: every retry comes at once.
    None,
    /// Waits grow, but callers that failed together come back together.
    Exponential,
    FullJitter,
    DecorrelatedJitter,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            strategy: Strategy::FullJitter,
            base: Duration::from_millis(50),
            cap: Duration::from_secs(1),
        }
    }
}

impl Config {
    /// The wait before the retry number `retry`, counted from 0. `previous`: the wait before the retry
    /// before that, `None` at the first. `draw`: from [0, 1).
    pub fn wait(&self, retry: u32, previous: Option<Duration>, draw: f64) -> Duration {
        match self.strategy {
            Strategy::None => Duration::ZERO,
            Strategy::Exponential => self.ceiling(retry),
            Strategy::FullJitter => self.ceiling(retry).mul_f64(draw).min(self.cap),
            Strategy::DecorrelatedJitter => {
                let previous = previous.unwrap_or(self.base).min(self.cap);
                let spread = previous.saturating_mul(3).saturating_sub(self.base);
                self.base.saturating_add(spread.mul_f64(draw)).min(self.cap)
            }
        }
    }

    fn ceiling(&self, retry: u32) -> Duration {
        let factor = 1_u32.checked_shl(retry).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    // By name, because proptest has one too.
    use super::Strategy;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn config(strategy: Strategy) -> Config {
        Config {
            strategy,
            ..Config::default()
        }
    }

    #[test]
    fn exponential_doubles_up_to_the_cap() {
        let backoff = config(Strategy::Exponential);
        let waits = [0, 1, 2, 4, 5, 31, 32, 1_000].map(|retry| backoff.wait(retry, None, 0.5));
        let expected = [50, 100, 200, 800, 1_000, 1_000, 1_000, 1_000].map(|ms| ms * MS);
        assert_eq!(waits, expected);
    }

    #[test]
    fn full_jitter_draws_from_zero_to_the_exponential_wait() {
        let backoff = config(Strategy::FullJitter);
        assert_eq!(backoff.wait(2, None, 0.0), Duration::ZERO);
        assert_eq!(backoff.wait(2, None, 0.5), 100 * MS);
        assert_eq!(backoff.wait(20, None, 0.5), 500 * MS);
    }

    #[test]
    fn decorrelated_jitter_draws_from_the_base_to_three_times_the_last_wait() {
        let backoff = config(Strategy::DecorrelatedJitter);
        assert_eq!(backoff.wait(0, None, 0.0), 50 * MS);
        assert_eq!(backoff.wait(0, None, 0.5), 100 * MS);
        assert_eq!(backoff.wait(1, Some(100 * MS), 0.5), 175 * MS);
        assert_eq!(backoff.wait(9, Some(900 * MS), 0.9), 1_000 * MS);
    }

    #[test]
    fn without_backoff_nobody_waits() {
        assert_eq!(config(Strategy::None).wait(3, None, 0.9), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_cap(
            strategy in prop::sample::select(vec![
                Strategy::None, Strategy::Exponential, Strategy::FullJitter, Strategy::DecorrelatedJitter,
            ]),
            base in any::<u64>(), cap in any::<u64>(), retry in any::<u32>(),
            previous in any::<Option<u64>>(), draw in 0.0..1.0_f64,
        ) {
            let (base, cap) = (Duration::from_nanos(base), Duration::from_nanos(cap));
            let previous = previous.map(Duration::from_nanos);
            let wait = Config { strategy, base, cap }.wait(retry, previous, draw);
            prop_assert!(wait <= cap, "{wait:?}");
        }
    }
}
