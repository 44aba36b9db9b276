//! A bucket of tokens that fills at an even rate up to a brim.
//!
//! Invariant: over any stretch it gives at most what it held at the start plus rate times time; it counts in
//! whole millionths, so nothing is gained by rounding however often it is asked.

use std::time::Duration;

use tokio::time::Instant;

/// One token, in millionths.
pub(super) const TOKEN: u64 = 1_000_000;
const NANOS_PER_SECOND: u128 = 1_000_000_000;

#[derive(Debug)]
pub(super) struct Bucket {
    level: u64,
    brim: u64,
    per_second: u64,
    /// Up to when what flows in is in `level`.
    filled_at: Instant,
}

impl Bucket {
    /// Full at first. A rate that is no positive number means that nothing flows in.
    pub(super) fn new(per_second: f64, brim: f64, now: Instant) -> Self {
        Self {
            level: millionths(brim),
            brim: millionths(brim),
            per_second: millionths(per_second),
            filled_at: now,
        }
    }

    /// Another rate and brim from now on; what is in it stays, up to the brim.
    pub(super) fn change(&mut self, per_second: f64, brim: f64, now: Instant) {
        self.fill(now);
        self.per_second = millionths(per_second);
        self.brim = millionths(brim);
        self.level = self.level.min(self.brim);
        self.filled_at = now;
    }

    /// In millionths of a token.
    pub(super) fn level(&mut self, now: Instant) -> u64 {
        self.fill(now);
        self.level
    }

    /// Takes so many millionths, or nothing.
    pub(super) fn take(&mut self, amount: u64, now: Instant) -> bool {
        self.fill(now);
        match self.level.checked_sub(amount) {
            Some(rest) => {
                self.level = rest;
                true
            }
            None => false,
        }
    }

    /// How long until so many millionths have been there, if nobody else took any; `None`: never.
    pub(super) fn until(&mut self, amount: u64, now: Instant) -> Option<Duration> {
        self.fill(now);
        let missing = amount.saturating_sub(self.level);
        if missing == 0 {
            return Some(Duration::ZERO);
        }
        let from_fill = time_for(missing, self.per_second)?;
        Some(from_fill.saturating_sub(now.saturating_duration_since(self.filled_at)))
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.filled_at).as_nanos();
        let inflow = elapsed.saturating_mul(u128::from(self.per_second)) / NANOS_PER_SECOND;
        let inflow = u64::try_from(inflow).unwrap_or(u64::MAX);
        if self.level.saturating_add(inflow) >= self.brim {
            self.level = self.brim;
            self.filled_at = now.max(self.filled_at);
        } else if let Some(time) = time_for(inflow, self.per_second) {
            self.level += inflow;
            // Not `now`: the part of a millionth that is under way is not lost.
            self.filled_at += time;
        }
    }
}

/// Rounded up, so that a bucket asked after it holds the amount.
fn time_for(amount: u64, per_second: u64) -> Option<Duration> {
    let nanos = (u128::from(amount) * NANOS_PER_SECOND)
        .checked_add(u128::from(per_second).checked_sub(1)?)?
        / u128::from(per_second);
    Some(Duration::from_nanos(u64::try_from(nanos).ok()?))
}

/// Of a number of tokens. Nothing for what is negative or no number.
pub(super) fn millionths(tokens: f64) -> u64 {
    // A cast of a double saturates, and makes 0 of what is no number.
    (tokens * TOKEN as f64).round() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn it_is_full_at_first_and_then_fills_at_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::new(10.0, 2.0, start);
        assert!(bucket.take(TOKEN, start) && bucket.take(TOKEN, start));
        assert!(!bucket.take(TOKEN, start));
        assert_eq!(bucket.until(TOKEN, start), Some(100 * MS));
        assert!(!bucket.take(TOKEN, start + 99 * MS));
        assert!(bucket.take(TOKEN, start + 100 * MS));
        assert_eq!(bucket.level(start + 100_000 * MS), 2 * TOKEN);
    }

    #[test]
    fn a_rate_of_nothing_never_fills() {
        let start = Instant::now();
        for rate in [0.0, -1.0, f64::NAN] {
            let mut bucket = Bucket::new(rate, 1.0, start);
            assert!(bucket.take(TOKEN, start));
            assert_eq!(bucket.until(TOKEN, start + 1_000 * MS), None);
        }
    }

    #[test]
    fn another_rate_counts_from_the_change() {
        let start = Instant::now();
        let mut bucket = Bucket::new(1.0, 1.0, start);
        assert!(bucket.take(TOKEN, start));
        bucket.change(10.0, 1.0, start + 500 * MS);
        assert_eq!(bucket.until(TOKEN, start + 500 * MS), Some(50 * MS));
    }

    proptest! {
        #[test]
        fn however_often_it_is_asked_it_gives_what_flows_in(
            rate in 1_u32..5_000, steps in prop::collection::vec(1_u64..3_000_000, 1..200),
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::new(f64::from(rate), 1.0, start);
            let (mut now, mut taken) = (start, 0_u32);
            for nanos in steps {
                now += Duration::from_nanos(nanos);
                taken += u32::from(bucket.take(TOKEN, now));
            }
            let elapsed = now.duration_since(start).as_secs_f64();
            prop_assert!(f64::from(taken) <= 1.0 + elapsed * f64::from(rate) + 1e-6);
        }

        #[test]
        fn after_the_time_that_it_names_the_tokens_are_there(
            rate in 0.01_f64..10_000.0, early in 0_u64..1_000_000_000,
        ) {
            let start = Instant::now();
            let mut bucket = Bucket::new(rate, 5.0, start);
            while bucket.take(TOKEN, start) {}
            let asked = start + Duration::from_nanos(early);
            let until = bucket.until(3 * TOKEN, asked).unwrap();
            prop_assert!(bucket.take(3 * TOKEN, asked + until));
        }
    }
}
