//! What a load leaves behind.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::judge::GeneratorAccount;
use crate::measure::Lateness;
use crate::record::{PhaseHistograms, PhaseRecord, SecondRecord, Told};

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
    /// What clients were told of their payments, where there is a gateway.
    pub told: Option<Vec<Told>>,
    /// The addresses of those who were told that they are registered.
    pub registered: Vec<String>,
}

/// What the generator knows of itself.
#[derive(Debug, Clone, Default)]
pub struct GeneratorFacts {
    /// Arrivals that found no idle user when they were released.
    pub waited_for_user: u64,
    /// Resources that it ran out of, in words; each makes the trial invalid.
    pub exhausted: Vec<String>,
    /// By phase: within this time 99 of 100 arrivals that found an idle user were taken up by it.
    pub start_lag_p99_ms: Vec<Option<f64>>,
    /// The same over all judged phases together.
    pub lateness: Lateness,
    /// The share of this machine's processor time that its host took while the load ran, where that is told.
    pub stolen_share: Option<f64>,
    /// CPU seconds of this process while the load ran.
    pub cpu_seconds: f64,
    /// Retries that the retry budget did not pay for.
    pub retries_denied: u64,
    /// Lines of the samples file that were left out because the disk was too slow.
    pub lines_left_out: u64,
    /// Why the samples file is incomplete, if it is.
    pub samples_error: Option<String>,
}

impl GeneratorFacts {
    /// What the samples file lacks, in words.
    pub fn missing_samples(&self) -> Option<String> {
        let left_out = (self.lines_left_out > 0).then(|| {
            let lines = self.lines_left_out;
            format!("{lines} arrivals came faster than they could be written")
        });
        let error = self.samples_error.clone();
        left_out.or(error)
    }

    /// What the judge asks; which scrapes were missed is known elsewhere.
    pub fn account(&self) -> GeneratorAccount {
        GeneratorAccount {
            waited_for_user: self.waited_for_user,
            release_lag_p99_ms: self.lateness.release_p99_ms,
            start_lag_p99_ms: self.lateness.start_p99_ms,
            phase_start_lag_p99_ms: self.start_lag_p99_ms.clone(),
            stolen_share: self.stolen_share,
            exhausted: self.exhausted.clone(),
            incomplete: BTreeMap::new(),
        }
    }
}
