//! How a trial stands, for whoever shows it: written by the engine, read by anyone, without a lock.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::measure::LoadFold;

#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU64,
    elapsed_ms: AtomicU64,
    rate: AtomicU64,
    offered: AtomicU64,
    ok: AtomicU64,
    failed: AtomicU64,
    unsent: AtomicU64,
    /// As bits of a double; NaN while there is none.
    p99_ms: AtomicU64,
}

/// One reading; its numbers may be a few milliseconds apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProgressSnapshot {
    /// Index of the phase that runs.
    pub phase: usize,
    pub elapsed: Duration,
    /// Intended arrivals per second; 0 in a closed model.
    pub rate: f64,
    /// Arrivals that are due so far.
    pub offered: u64,
    pub ok: u64,
    pub failed: u64,
    pub unsent: u64,
    /// Response time of the phase that runs, as far as it has samples.
    pub p99_ms: Option<f64>,
}

impl Progress {
    pub fn snapshot(&self) -> ProgressSnapshot {
        let p99_ms = f64::from_bits(self.p99_ms.load(Relaxed));
        ProgressSnapshot {
            phase: usize::try_from(self.phase.load(Relaxed)).unwrap_or_default(),
            elapsed: Duration::from_millis(self.elapsed_ms.load(Relaxed)),
            rate: f64::from_bits(self.rate.load(Relaxed)),
            offered: self.offered.load(Relaxed),
            ok: self.ok.load(Relaxed),
            failed: self.failed.load(Relaxed),
            unsent: self.unsent.load(Relaxed),
            p99_ms: (p99_ms > 0.0).then_some(p99_ms),
        }
    }

    pub(super) fn set_place(&self, phase: usize, elapsed: Duration, rate: f64) {
        self.phase.store(phase as u64, Relaxed);
        self.elapsed_ms.store(
            u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            Relaxed,
        );
        self.rate.store(rate.to_bits(), Relaxed);
    }

    pub(super) fn add_offered(&self, more: usize) {
        self.offered.fetch_add(more as u64, Relaxed);
    }

    pub(super) fn set_results(&self, fold: &LoadFold) {
        let tally = fold.tally();
        self.ok.store(tally.ok, Relaxed);
        self.failed.store(tally.failed, Relaxed);
        self.unsent.store(tally.unsent, Relaxed);
        self.p99_ms
            .store(fold.latest_p99_ms().unwrap_or(f64::NAN).to_bits(), Relaxed);
    }
}
