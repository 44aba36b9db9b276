//! When a failed attempt is made again, and after which pause.
//!
//! Retried is what may pass by itself: no connection, a broken one, no answer in time, 429 and the
//! statuses of 500 and above. Every method is retried: the policy is the scenario's choice, and
//! that a retry may double an effect is among the things that scenarios show.

use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::measure::Outcome;
use crate::scenario::{Backoff, Jitter, RetryPolicy};

/// The retries of one step of one arrival.
#[derive(Debug)]
pub(super) struct Retries<'a> {
    policy: &'a RetryPolicy,
    /// Statuses that may pass by themselves, beyond those that always may.
    passing: &'a [u16],
    made: u32,
    last_pause: Duration,
}

impl<'a> Retries<'a> {
    pub(super) fn new(policy: &'a RetryPolicy, passing: &'a [u16]) -> Self {
        Self {
            policy,
            passing,
            made: 0,
            last_pause: policy.backoff.base,
        }
    }

    /// The pause before the next attempt; `None`: the failure stands.
    pub(super) fn next(&mut self, failure: Outcome, rng: &mut ChaCha8Rng) -> Option<Duration> {
        if self.made >= self.policy.max || !self.is_passing(failure) {
            return None;
        }
        let pause = pause(&self.policy.backoff, self.made, self.last_pause, rng);
        self.made += 1;
        self.last_pause = pause;
        Some(pause)
    }

    fn is_passing(&self, failure: Outcome) -> bool {
        match failure {
            Outcome::Status(code) => code == 429 || code >= 500 || self.passing.contains(&code),
            Outcome::Timeout
            | Outcome::Connect
            | Outcome::Reset
            | Outcome::Protocol
            | Outcome::BodyCut => true,
            _ => false,
        }
    }
}

/// Exponential: `min(cap, base 2^n)`; full jitter: uniform below that; decorrelated:
/// `min(cap, uniform(base, 3 previous))`. The formulas are those of M. Brooker, "Exponential
/// Backoff And Jitter" (AWS, 2015).
fn pause(backoff: &Backoff, made: u32, last: Duration, rng: &mut ChaCha8Rng) -> Duration {
    if backoff.base.is_zero() {
        return Duration::ZERO;
    }
    let exponential = backoff
        .base
        .saturating_mul(2u32.saturating_pow(made))
        .min(backoff.cap);
    match backoff.jitter {
        Jitter::None => exponential,
        Jitter::Full => exponential.mul_f64(rng.random::<f64>()),
        Jitter::Decorrelated => {
            let longest = last.saturating_mul(3).max(backoff.base);
            let pause = backoff.base
                + longest
                    .saturating_sub(backoff.base)
                    .mul_f64(rng.random::<f64>());
            pause.min(backoff.cap)
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn pauses(jitter: Jitter, failure: Outcome) -> Vec<u128> {
        let backoff = Backoff {
            base: Duration::from_millis(50),
            cap: Duration::from_millis(300),
            jitter,
        };
        let policy = RetryPolicy {
            max: 5,
            backoff,
            budget: None,
        };
        let mut retries = Retries::new(&policy, &[409]);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        std::iter::from_fn(|| retries.next(failure, &mut rng))
            .map(|pause| pause.as_millis())
            .collect()
    }

    #[test]
    fn pauses_double_up_to_the_cap() {
        assert_eq!(
            pauses(Jitter::None, Outcome::Timeout),
            [50, 100, 200, 300, 300]
        );
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_varies() {
        let full = pauses(Jitter::Full, Outcome::Connect);
        assert!(
            full.iter()
                .zip([50, 100, 200, 300, 300])
                .all(|(pause, most)| *pause <= most),
            "{full:?}"
        );
        let decorrelated = pauses(Jitter::Decorrelated, Outcome::Connect);
        assert!(
            decorrelated.iter().all(|pause| (50..=300).contains(pause)),
            "{decorrelated:?}"
        );
        assert!(decorrelated.windows(2).any(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn only_what_may_pass_is_retried() {
        assert_eq!(pauses(Jitter::None, Outcome::Status(503)).len(), 5);
        assert_eq!(pauses(Jitter::None, Outcome::Status(429)).len(), 5);
        assert_eq!(pauses(Jitter::None, Outcome::Status(409)).len(), 5);
        assert_eq!(pauses(Jitter::None, Outcome::Status(422)).len(), 0);
        assert_eq!(pauses(Jitter::None, Outcome::Unexpected).len(), 0);
    }

    #[test]
    fn without_a_base_there_is_no_pause() {
        let backoff = Backoff {
            base: Duration::ZERO,
            cap: Duration::ZERO,
            jitter: Jitter::Full,
        };
        let policy = RetryPolicy {
            max: 2,
            backoff,
            budget: None,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert_eq!(
            Retries::new(&policy, &[]).next(Outcome::Reset, &mut rng),
            Some(Duration::ZERO)
        );
    }
}
