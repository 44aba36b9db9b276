//! Where users leave their samples until the collector takes them.
//!
//! Each user writes to one of a few shards, so that two threads seldom meet at a lock; what the
//! collector takes is a whole shard at once, in exchange for an empty one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::sample::{ArrivalSample, StepSample};

/// What one shard held.
#[derive(Debug, Default)]
pub struct Batch {
    pub arrivals: Vec<ArrivalSample>,
    pub steps: Vec<StepSample>,
}

#[derive(Debug)]
pub struct SampleBuffers {
    shards: Vec<Mutex<Batch>>,
}

impl SampleBuffers {
    /// `shards`: as many as there are threads that write.
    pub fn new(shards: usize) -> Self {
        Self {
            shards: (0..shards.max(1)).map(|_| Mutex::default()).collect(),
        }
    }

    /// Keeps the samples of one arrival. `writer` is any number that spreads over the writers.
    pub fn push(&self, writer: usize, arrival: ArrivalSample, steps: &[StepSample]) {
        let mut batch = lock(&self.shards[writer % self.shards.len()]);
        batch.arrivals.push(arrival);
        batch.steps.extend_from_slice(steps);
    }

    pub(super) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// Exchanges a shard's samples for `empty`'s, whose memory it goes on with.
    pub(super) fn take(&self, shard: usize, empty: &mut Batch) {
        empty.arrivals.clear();
        empty.steps.clear();
        std::mem::swap(&mut *lock(&self.shards[shard]), empty);
    }
}

/// A panic elsewhere leaves whole samples behind: they stay good.
fn lock(shard: &Mutex<Batch>) -> MutexGuard<'_, Batch> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
