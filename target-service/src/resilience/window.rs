//! Sums over the last stretch of time.
//!
//! Time is cut into slots of a tenth of the span; a slot is forgotten as a whole, so the sum covers between
//! nine and ten tenths of the span. Memory does not depend on how much is counted.

use std::collections::VecDeque;
use std::ops::AddAssign;
use std::time::Duration;

use tokio::time::Instant;

const SLOTS: u32 = 10;

#[derive(Debug)]
pub(super) struct TimeWindow<T> {
    slot: Duration,
    began: Instant,
    /// Number of the slot since the beginning, and what was counted in it; oldest first.
    slots: VecDeque<(u64, T)>,
}

impl<T: Copy + Default + AddAssign> TimeWindow<T> {
    pub(super) fn new(span: Duration, now: Instant) -> Self {
        Self {
            slot: slot(span),
            began: now,
            slots: VecDeque::new(),
        }
    }

    /// What is being counted now.
    pub(super) fn current(&mut self, now: Instant) -> &mut T {
        let number = self.forget(now);
        if self.slots.back().is_none_or(|(newest, _)| *newest < number) {
            self.slots.push_back((number, T::default()));
        }
        let newest = self.slots.len() - 1;
        &mut self.slots[newest].1
    }

    /// The counts that still matter, the oldest first.
    pub(super) fn slots(&mut self, now: Instant) -> impl Iterator<Item = &mut T> {
        self.forget(now);
        self.slots.iter_mut().map(|(_, counted)| counted)
    }

    pub(super) fn total(&mut self, now: Instant) -> T {
        let mut total = T::default();
        for counted in self.slots(now) {
            total += *counted;
        }
        total
    }

    /// Another span from now on. What is counted so far is kept and counts as of now.
    pub(super) fn resize(&mut self, span: Duration, now: Instant) {
        if slot(span) == self.slot {
            return;
        }
        let total = self.total(now);
        *self = Self::new(span, now);
        *self.current(now) = total;
    }

    /// Drops what is too old; the number of the slot that it is now.
    fn forget(&mut self, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.began).as_nanos();
        let number = u64::try_from(elapsed / self.slot.as_nanos()).unwrap_or(u64::MAX);
        while let Some((oldest, _)) = self.slots.front()
            && oldest + u64::from(SLOTS) <= number
        {
            self.slots.pop_front();
        }
        number
    }
}

fn slot(span: Duration) -> Duration {
    (span / SLOTS).max(Duration::from_nanos(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_older_than_the_span_is_forgotten() {
        let start = Instant::now();
        let mut window = TimeWindow::<u32>::new(10 * SECOND, start);
        *window.current(start) += 1;
        *window.current(start + 5 * SECOND) += 2;
        assert_eq!(window.total(start + 9 * SECOND), 3);
        assert_eq!(window.total(start + 10 * SECOND), 2);
        assert_eq!(window.total(start + 60 * SECOND), 0);
    }

    #[test]
    fn the_slots_come_oldest_first() {
        let start = Instant::now();
        let mut window = TimeWindow::<u32>::new(10 * SECOND, start);
        for second in 0..15 {
            *window.current(start + second * SECOND) = second;
        }
        let slots: Vec<u32> = window.slots(start + 14 * SECOND).map(|s| *s).collect();
        assert_eq!(slots, (5..15).collect::<Vec<_>>());
    }

    #[test]
    fn another_span_keeps_what_was_counted() {
        let start = Instant::now();
        let mut window = TimeWindow::<u32>::new(10 * SECOND, start);
        *window.current(start) = 3;
        window.resize(2 * SECOND, start + SECOND);
        assert_eq!(window.total(start + 2 * SECOND), 3);
        assert_eq!(window.total(start + 3 * SECOND), 0);
    }

    #[test]
    fn a_span_of_nothing_forgets_at_once() {
        let start = Instant::now();
        let mut window = TimeWindow::<u32>::new(Duration::ZERO, start);
        *window.current(start) = 3;
        assert_eq!(window.total(start + SECOND), 0);
    }
}
