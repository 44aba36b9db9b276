//! The clock of a timeline: nanoseconds since its start.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Nanoseconds from the start of the timeline.
pub type Nanos = u64;

/// Counts from the moment the timeline starts; before that it stands at 0.
#[derive(Debug, Default)]
pub struct TimelineClock {
    zero: OnceLock<Instant>,
}

impl TimelineClock {
    /// Sets the start of the timeline; only the first call counts. Returns the start that holds.
    pub fn start_at(&self, zero: Instant) -> Instant {
        *self.zero.get_or_init(|| zero)
    }

    pub fn now(&self) -> Nanos {
        self.zero.get().map_or(0, |zero| nanos(zero.elapsed()))
    }

    /// The instant that lies `at` after the start; now, as long as there is no start.
    pub fn instant(&self, at: Nanos) -> Instant {
        self.zero.get().copied().unwrap_or_else(Instant::now) + Duration::from_nanos(at)
    }
}

/// A duration as nanoseconds; what does not fit (584 years) counts as the longest.
pub fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The distance of two moments in milliseconds; 0 when they are out of order.
pub fn offset_millis(from: Nanos, to: Nanos) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stands_still_until_its_start_and_keeps_the_first_one() {
        let clock = TimelineClock::default();
        assert_eq!(clock.now(), 0);
        let zero = Instant::now().checked_sub(Duration::from_secs(2)).unwrap();
        assert_eq!(clock.start_at(zero), zero);
        assert_eq!(clock.start_at(Instant::now()), zero);
        assert!(clock.now() >= 2_000_000_000);
        assert_eq!(clock.instant(3), zero + Duration::from_nanos(3));
    }
}
