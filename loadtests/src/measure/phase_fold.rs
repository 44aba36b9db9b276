//! The samples of one phase, folded.

use std::collections::BTreeMap;
use std::sync::Arc;

use hdrhistogram::Histogram;

use crate::record::{Counts, PhaseHistograms, PhaseRecord, Quantiles, StepRecord, new_histogram};

use super::clock::Nanos;
use super::fold::PhasePlan;
use super::sample::{ArrivalSample, Outcome, StepSample};

pub(super) struct PhaseFold {
    counts: Counts,
    failures: BTreeMap<Outcome, u64>,
    pub(super) histograms: PhaseHistograms,
    /// How late users took up what had not to wait for one: the generator's own fault alone.
    pub(super) start_lag: Histogram<u64>,
    /// At the place of the step's number.
    steps: Vec<Option<StepFold>>,
}

struct StepFold {
    count: u64,
    failed: u64,
    response: Histogram<u64>,
}

impl PhaseFold {
    pub(super) fn new() -> Self {
        Self {
            counts: Counts::default(),
            failures: BTreeMap::new(),
            histograms: PhaseHistograms::empty(),
            start_lag: new_histogram(),
            steps: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, sample: &ArrivalSample, deadline: Nanos) {
        self.count(sample);
        let histograms = &mut self.histograms;
        record(&mut histograms.response, ranked_response(sample, deadline));
        if sample.outcome == Outcome::Ok {
            record(
                &mut histograms.ok,
                sample.ended.saturating_sub(sample.intended),
            );
        }
        if let Some(released) = sample.released {
            record(
                &mut histograms.release_lag,
                released.saturating_sub(sample.intended),
            );
            if let (Some(started), false) = (sample.started, sample.waited) {
                record(&mut self.start_lag, started.saturating_sub(sample.intended));
            }
        }
        let Some(sent) = sample.sent else { return };
        if sample.released.is_some() {
            record(
                &mut histograms.send_lag,
                sent.saturating_sub(sample.intended),
            );
        }
        if let Some(first_byte) = sample.first_byte {
            record(&mut histograms.ttfb, first_byte.saturating_sub(sent));
        }
        if let Some(last_byte) = sample.last_byte {
            record(&mut histograms.service, last_byte.saturating_sub(sent));
        }
    }

    fn count(&mut self, sample: &ArrivalSample) {
        let counts = &mut self.counts;
        counts.offered += 1;
        counts.attempts += u64::from(sample.attempts);
        counts.sent += u64::from(sample.sent.is_some());
        counts.checked_reads += u64::from(sample.reads.checked);
        counts.stale_reads += u64::from(sample.reads.stale);
        match sample.outcome {
            Outcome::Ok => counts.ok += 1,
            Outcome::Unsent => counts.unsent += 1,
            failure => {
                counts.failed += 1;
                *self.failures.entry(failure).or_default() += 1;
            }
        }
    }

    pub(super) fn add_step(&mut self, sample: &StepSample, deadline: Nanos) {
        let at = usize::from(sample.step);
        if self.steps.len() <= at {
            self.steps.resize_with(at + 1, || None);
        }
        let step = self.steps[at].get_or_insert_with(|| StepFold {
            count: 0,
            failed: 0,
            response: new_histogram(),
        });
        step.count += 1;
        let took = sample.ended.saturating_sub(sample.begun);
        let failed = sample.outcome != Outcome::Ok;
        step.failed += u64::from(failed);
        record(
            &mut step.response,
            if failed { took.max(deadline) } else { took },
        );
    }

    /// `covered_s`: how much of the phase the timeline reached.
    pub(super) fn finish(
        mut self,
        plan: &PhasePlan,
        covered_s: f64,
        names: &[Arc<str>],
    ) -> (PhaseRecord, PhaseHistograms) {
        let mut steps = BTreeMap::new();
        for (step, name) in std::mem::take(&mut self.steps).into_iter().zip(names) {
            let Some(step) = step else { continue };
            let figures = StepRecord {
                count: step.count,
                failed: step.failed,
                response_ms: Quantiles::of(&step.response),
            };
            steps.insert(name.to_string(), figures);
            self.histograms
                .steps
                .insert(name.to_string(), step.response);
        }
        let histograms = &self.histograms;
        let record = PhaseRecord {
            name: plan.name.clone(),
            warmup: plan.warmup,
            duration_s: covered_s,
            counts: self.counts,
            goodput: if covered_s > 0.0 {
                self.counts.ok as f64 / covered_s
            } else {
                0.0
            },
            failures: self
                .failures
                .iter()
                .map(|(outcome, count)| (outcome.label().into_owned(), *count))
                .collect(),
            response_ms: Quantiles::of(&histograms.response),
            ok_ms: Quantiles::of(&histograms.ok),
            service_ms: Quantiles::of(&histograms.service),
            ttfb_ms: Quantiles::of(&histograms.ttfb),
            release_lag_ms: Quantiles::of(&histograms.release_lag),
            send_lag_ms: Quantiles::of(&histograms.send_lag),
            steps,
            server: BTreeMap::new(),
        };
        (record, self.histograms)
    }
}

/// The response time by which an arrival is ranked: what failed or was never sent counts as at
/// least the deadline, so that failing fast improves no percentile.
pub(super) fn ranked_response(sample: &ArrivalSample, deadline: Nanos) -> Nanos {
    let took = sample.ended.saturating_sub(sample.intended);
    if sample.outcome == Outcome::Ok {
        took
    } else {
        took.max(deadline)
    }
}

/// Records in microseconds.
fn record(histogram: &mut Histogram<u64>, value: Nanos) {
    histogram
        .record(value / 1_000)
        .expect("histograms of records grow with their values");
}
