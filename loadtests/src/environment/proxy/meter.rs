//! How many bytes may pass an edge in one direction, over all its connections.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Connections share the line in turns of this length.
const TURN: Duration = Duration::from_millis(5);

/// The line is busy until a moment; each piece is sent after those before it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    busy_until: Mutex<Option<Instant>>,
}

impl Meter {
    /// How much of `bytes` goes in one turn.
    pub(super) fn turn(bytes: usize, per_second: u64) -> usize {
        let turn = (per_second as f64 * TURN.as_secs_f64()) as usize;
        bytes.min(turn.max(1))
    }

    /// When the last of `bytes` has passed, behind everything that was reserved before.
    pub(super) fn reserve(&self, bytes: usize, per_second: u64, now: Instant) -> Instant {
        let mut busy_until = self
            .busy_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let start = busy_until.map_or(now, |until| until.max(now));
        let takes = Duration::from_secs_f64(bytes as f64 / per_second.max(1) as f64);
        let end = start + takes;
        *busy_until = Some(end);
        end
    }

    /// Forgets what was reserved under an earlier limit.
    pub(super) fn reset(&self) {
        *self
            .busy_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_in_a_second_is_the_limit_however_many_share_it() {
        let meter = Meter::default();
        let now = Instant::now();
        let mut end = now;
        for _ in 0..100 {
            end = meter.reserve(10, 1_000, now);
        }
        assert_eq!((end - now).as_millis(), 1_000);
    }

    #[test]
    fn an_idle_line_saves_nothing_up() {
        let meter = Meter::default();
        let now = Instant::now();
        meter.reserve(10, 1_000, now);
        let later = now + Duration::from_secs(10);
        assert_eq!(
            meter.reserve(100, 1_000, later),
            later + Duration::from_millis(100)
        );
    }

    #[test]
    fn a_change_of_the_limit_clears_the_line() {
        let meter = Meter::default();
        let now = Instant::now();
        meter.reserve(1_000_000, 1, now);
        meter.reset();
        assert_eq!(
            meter.reserve(1_000, 1_000, now),
            now + Duration::from_secs(1)
        );
    }

    #[test]
    fn even_the_narrowest_line_moves() {
        assert_eq!(Meter::turn(100, 1), 1);
        assert_eq!(Meter::turn(100, 1_000_000), 100);
    }
}
