//! What a load leaves behind.

use std::time::{Duration, Instant};

use crate::measure::FoldedLoad;
use crate::record::{PhaseHistograms, PhaseRecord, SecondRecord};

/// The client's side of a trial.
#[derive(Debug)]
pub struct LoadMeasurements {
    /// The start of the timeline.
    pub zero: Instant,
    /// How far the timeline came; its whole length unless the run was interrupted.
    pub covered: Duration,
    pub interrupted: bool,
    /// One per phase, without server figures.
    pub phases: Vec<PhaseRecord>,
    pub histograms: Vec<PhaseHistograms>,
    pub seconds: Vec<SecondRecord>,
    pub generator: GeneratorFacts,
}

/// What the generator knows of itself.
#[derive(Debug, Clone, Default)]
pub struct GeneratorFacts {
    /// Arrivals that found no idle user when they were released.
    pub waited_for_user: u64,
    /// Resources that it ran out of, in words, processor time among them; each makes the trial invalid.
    pub exhausted: Vec<String>,
    /// By phase: within this time 99 of 100 arrivals that found an idle user were taken up by it.
    pub start_lag_p99_ms: Vec<Option<f64>>,
    /// CPU seconds of this process while the load ran.
    pub cpu_seconds: f64,
    /// Retries that the retry budget did not pay for.
    pub retries_denied: u64,
    /// Lines of the samples file that were left out because the disk was too slow.
    pub lines_left_out: u64,
    /// Why the samples file is incomplete, if it is.
    pub samples_error: Option<String>,
}

/// The latest that 99 of 100 arrivals may be taken up by users that were idle.
const START_LAG_P99_MS: f64 = 5.0;

impl GeneratorFacts {
    /// Users that are not run in time are as bad as tickets that are not released in time: what they
    /// add to response times is not the service's.
    pub(super) fn note_late_starts(&mut self, folded: &FoldedLoad) {
        self.start_lag_p99_ms.clone_from(&folded.start_lag_p99_ms);
        for (phase, lag) in folded.phases.iter().zip(&folded.start_lag_p99_ms) {
            if let Some(lag) = lag.filter(|lag| *lag > START_LAG_P99_MS) {
                let words = format!(
                    "processor time: arrivals of {} were begun late, p99 {lag:.1} ms, more than {START_LAG_P99_MS} ms",
                    phase.name
                );
                self.exhausted.push(words);
            }
        }
    }
}
