//! The outcomes that a closed breaker judges by.

use std::collections::VecDeque;
use std::ops::AddAssign;

use tokio::time::Instant;

use super::config::{Config, WindowKind};
use crate::resilience::window::TimeWindow;

/// One outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub failed: bool,
    pub slow: bool,
}

/// Outcomes, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub calls: u32,
    failed: u32,
    slow: u32,
}

impl Tally {
    pub(super) fn add(&mut self, verdict: Verdict) {
        self.calls += 1;
        self.failed += u32::from(verdict.failed);
        self.slow += u32::from(verdict.slow);
    }

    fn remove(&mut self, verdict: Verdict) {
        self.calls -= 1;
        self.failed -= u32::from(verdict.failed);
        self.slow -= u32::from(verdict.slow);
    }

    /// Whether failures or slow calls reach their share of so many calls.
    pub(super) fn reaches(&self, config: &Config, of_calls: u32) -> bool {
        let share = |part: u32| f64::from(part) / f64::from(of_calls);
        (self.failed > 0 && share(self.failed) >= config.error_share)
            || (self.slow > 0 && share(self.slow) >= config.slow_share)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.failed = self.failed.saturating_add(other.failed);
        self.slow = self.slow.saturating_add(other.slow);
    }
}

#[derive(Debug)]
pub(super) enum Window {
    Count {
        last: VecDeque<Verdict>,
        tally: Tally,
    },
    Time(TimeWindow<Tally>),
}

impl Window {
    pub(super) fn new(config: &Config, now: Instant) -> Self {
        match config.window {
            WindowKind::Count => Self::Count {
                last: VecDeque::new(),
                tally: Tally::default(),
            },
            WindowKind::Time => Self::Time(TimeWindow::new(config.window_time, now)),
        }
    }

    pub(super) fn record(&mut self, verdict: Verdict, config: &Config, now: Instant) {
        match self {
            Self::Count { last, tally } => {
                last.push_back(verdict);
                tally.add(verdict);
                shorten(last, tally, config.window_calls());
            }
            Self::Time(window) => window.current(now).add(verdict),
        }
    }

    pub(super) fn tally(&mut self, now: Instant) -> Tally {
        match self {
            Self::Count { tally, .. } => *tally,
            Self::Time(window) => window.total(now),
        }
    }

    /// Keeps what was counted; begins anew where the kind changes, because calls cannot be dated afterwards.
    pub(super) fn resize(&mut self, config: &Config, now: Instant) {
        match (&mut *self, config.window) {
            (Self::Count { last, tally }, WindowKind::Count) => {
                shorten(last, tally, config.window_calls());
            }
            (Self::Time(window), WindowKind::Time) => window.resize(config.window_time, now),
            _ => *self = Self::new(config, now),
        }
    }
}

fn shorten(last: &mut VecDeque<Verdict>, tally: &mut Tally, most: u32) {
    while last.len() > most as usize
        && let Some(oldest) = last.pop_front()
    {
        tally.remove(oldest);
    }
}
