//! How often work is accepted, whatever becomes of it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Requests may come this much ahead of the even pace of the limit, so that chance arrivals at the
/// permitted rate are hardly refused.
const AHEAD: Duration = Duration::from_millis(100);

/// Remembers when the last accepted request would have come at the even pace.
#[derive(Debug, Default)]
pub struct RateLimit {
    next: Mutex<Option<Instant>>,
}

impl RateLimit {
    /// `per_second` of 0 accepts everything.
    pub fn accepts(&self, per_second: u32, now: Instant) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if per_second == 0 {
            *next = None;
            return true;
        }
        let due = next.map_or(now, |next| next.max(now));
        if due > now + AHEAD {
            return false;
        }
        *next = Some(due + Duration::from_secs(1) / per_second);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of 10 seconds' requests, evenly spread, are accepted.
    fn accepted(limit: u32, offered_per_second: u32) -> usize {
        let limiter = RateLimit::default();
        let zero = Instant::now();
        (0..10 * offered_per_second)
            .filter(|index| {
                let at = zero + Duration::from_secs(1) * *index / offered_per_second;
                limiter.accepts(limit, at)
            })
            .count()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_accepted_is_the_limit_and_no_more() {
        for limit in [5, 100, 2_000] {
            let count = accepted(limit, 4_000);
            let most = 10 * limit as usize;
            assert!(
                (most..=most + most / 50 + 2).contains(&count),
                "{limit}: {count}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn below_the_limit_and_without_one_nothing_is_refused() {
        assert_eq!(accepted(100, 90), 900);
        assert_eq!(accepted(0, 5_000), 50_000);
    }
}
