//! The one thread that folds samples while the load runs.
//!
//! Invariant: what users push is taken at least every [`INTERVAL`]; lines that cannot be written
//! as fast as they come are left out and counted, and the folding goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::fold::LoadFold;
use super::sample_buffers::{Batch, SampleBuffers};
use super::sample_file::{SampleFile, SampleLabels};

const INTERVAL: Duration = Duration::from_millis(50);
/// A batch of more samples than this has piled up behind a slow disk.
const MOST_LINES: usize = 200_000;

/// Where lines go, and what they say of their trial.
pub type Lines = (Arc<Mutex<SampleFile>>, SampleLabels);

/// What was folded when the collector ended.
pub struct Collected {
    pub fold: LoadFold,
    /// Lines that were left out because the disk was too slow.
    pub lines_left_out: u64,
}

pub struct Collector {
    ending: Ending,
    thread: JoinHandle<Collected>,
}

/// Dropped, whatever for, it has the thread end after one more round.
struct Ending(Arc<AtomicBool>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Collector {
    /// `begin` is what its thread does first; `watch` sees the fold after each round of folding.
    pub fn start(
        buffers: Arc<SampleBuffers>,
        fold: LoadFold,
        lines: Option<Lines>,
        begin: fn(),
        watch: impl Fn(&LoadFold) + Send + 'static,
    ) -> std::io::Result<Self> {
        let ending = Ending(Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&ending.0);
        let thread = thread::Builder::new()
            .name("squall-collector".into())
            .spawn(move || {
                begin();
                let mut work = Work {
                    buffers,
                    lines,
                    collected: Collected {
                        fold,
                        lines_left_out: 0,
                    },
                    batch: Batch::default(),
                };
                loop {
                    // Read before the round: whatever was pushed before the end was told is still folded.
                    let last = told.load(Ordering::Acquire);
                    work.round();
                    watch(&work.collected.fold);
                    if last {
                        return work.collected;
                    }
                    thread::park_timeout(INTERVAL);
                }
            })?;
        Ok(Self { ending, thread })
    }

    /// Folds what is left and ends. `None` when the thread panicked.
    pub fn finish(self) -> Option<Collected> {
        drop(self.ending);
        self.thread.thread().unpark();
        self.thread.join().ok()
    }
}

struct Work {
    buffers: Arc<SampleBuffers>,
    lines: Option<Lines>,
    collected: Collected,
    batch: Batch,
}

impl Work {
    fn round(&mut self) {
        for shard in 0..self.buffers.shards() {
            self.buffers.take(shard, &mut self.batch);
            for sample in &self.batch.arrivals {
                self.collected.fold.add(sample);
            }
            for sample in &self.batch.steps {
                self.collected.fold.add_step(sample);
            }
            self.write_lines();
        }
    }

    fn write_lines(&mut self) {
        let Some((file, labels)) = &self.lines else {
            return;
        };
        let (written, left_out) = self
            .batch
            .arrivals
            .split_at(self.batch.arrivals.len().min(MOST_LINES));
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        for sample in written {
            file.write(labels, sample);
        }
        self.collected.lines_left_out += left_out.len() as u64;
    }
}
