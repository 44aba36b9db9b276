//! Counts the writes to keys, so that a load that began before a write does not keep what it got.
//!
//! Keys share counters: a write to another key may cost a load its place in the cache, never the reverse.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};

const COUNTERS: usize = 1_024;

#[derive(Debug)]
pub(super) struct Generations(Box<[AtomicU64]>);

/// How often each key had been written to at some moment.
#[derive(Debug)]
pub struct Moment(Box<[u64]>);

impl Moment {
    pub(super) fn of(&self, key: &str) -> u64 {
        self.0[index(key)]
    }
}

impl Generations {
    pub(super) fn new() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU64::new(0)).collect())
    }

    pub(super) fn of(&self, key: &str) -> u64 {
        self.counter(key).load(Ordering::SeqCst)
    }

    pub(super) fn advance(&self, key: &str) {
        self.counter(key).fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn advance_all(&self) {
        for counter in &self.0 {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    pub(super) fn moment(&self) -> Moment {
        let counters = self.0.iter();
        Moment(
            counters
                .map(|counter| counter.load(Ordering::SeqCst))
                .collect(),
        )
    }

    fn counter(&self, key: &str) -> &AtomicU64 {
        &self.0[index(key)]
    }
}

fn index(key: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() as usize % COUNTERS
}
