//! A threshold with the arm and phase that it is for, judged on response times from the intended time.

use std::collections::BTreeSet;

use hdrhistogram::Histogram;
use thiserror::Error;

use crate::record::figures::Unit;
use crate::record::{PhaseHistograms, PhaseRecord, ThresholdOutcome, TrialRecord, new_histogram};
use crate::scenario::suggestion;

use super::agreement::agreement;
use super::threshold::{Metric, Threshold, ThresholdError};
use super::vocabulary::{Vocabulary, known};

/// A compiled threshold.
#[derive(Debug)]
pub struct ThresholdRule {
    arm: Option<String>,
    phase: Option<String>,
    threshold: Threshold,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ThresholdRuleError {
    #[error("`{rule}`: {source}")]
    Syntax {
        rule: String,
        source: ThresholdError,
    },
    /// An arm, phase or step that the scenario does not have.
    #[error("`{rule}`: {problem}")]
    Name { rule: String, problem: String },
}

/// What the selected phases of one trial hold for a rule.
struct Samples {
    latencies: Histogram<u64>,
    requests: u64,
    failed: u64,
    /// What the error rate is taken of.
    counted: u64,
    seconds: f64,
}

impl ThresholdRule {
    pub fn compile(
        arm: Option<&str>,
        phase: Option<&str>,
        rule: &str,
        names: &Vocabulary,
    ) -> Result<Self, ThresholdRuleError> {
        let threshold = Threshold::parse(rule).map_err(|source| ThresholdRuleError::Syntax {
            rule: rule.to_owned(),
            source,
        })?;
        let no_name = |problem: String| ThresholdRuleError::Name {
            rule: rule.to_owned(),
            problem,
        };
        let found_arm = |written| {
            names
                .arm(written)
                .map(str::to_owned)
                .ok_or_else(|| no_name(names.no_arm(written)))
        };
        let found_phase = |written| {
            names
                .phase(written)
                .map(str::to_owned)
                .ok_or_else(|| no_name(names.no_phase(written)))
        };
        if let (Some(steps), Some(step)) = (&names.steps, &threshold.request)
            && !steps.contains(step)
        {
            return Err(no_name(format!(
                "there is no step `{step}`{}",
                suggestion(step, known(steps))
            )));
        }
        Ok(Self {
            arm: arm.map(found_arm).transpose()?,
            phase: phase.map(found_phase).transpose()?,
            threshold,
        })
    }

    /// One outcome for the arm that it names, or for each arm that has run.
    pub fn judge(&self, trials: &[TrialRecord], names: &Vocabulary) -> Vec<ThresholdOutcome> {
        let has_run = |arm: &String| trials.iter().any(|record| record.trial.arm == *arm);
        let wanted = |arm: &&String| {
            self.arm
                .as_ref()
                .map_or_else(|| has_run(arm), |wanted| wanted == *arm)
        };
        names
            .arms
            .iter()
            .filter(wanted)
            .map(|arm| self.judge_arm(arm, trials))
            .collect()
    }

    fn judge_arm(&self, arm: &str, trials: &[TrialRecord]) -> ThresholdOutcome {
        let of_arm = || trials.iter().filter(|record| record.trial.arm == arm);
        let rounds: BTreeSet<u32> = of_arm().map(|record| record.trial.round).collect();
        let mut holds = Vec::new();
        let mut observed = Vec::new();
        for record in of_arm() {
            let measured = self.measure(record);
            let shown = measured.map_or_else(|| "no samples".to_owned(), |value| self.show(value));
            let round = record.trial.round;
            observed.push(if rounds.len() > 1 {
                format!("round {round}: {shown}")
            } else {
                shown
            });
            holds.push(measured.map(|value| self.threshold.allows(value)));
        }
        ThresholdOutcome {
            arm: arm.to_owned(),
            phase: self.phase.clone(),
            rule: self.threshold.rule.clone(),
            holds: agreement(holds),
            observed: if observed.is_empty() {
                "not run".to_owned()
            } else {
                observed.join(" | ")
            },
        }
    }

    /// The measurement in the limit's unit; `None` without samples.
    fn measure(&self, record: &TrialRecord) -> Option<f64> {
        let samples = self.samples(record)?;
        let latencies = Some(&samples.latencies).filter(|latencies| !latencies.is_empty());
        match self.threshold.metric {
            Metric::Percentile(percent) => {
                latencies.map(|l| l.value_at_quantile(percent / 100.0) as f64)
            }
            Metric::Average => latencies.map(Histogram::mean),
            Metric::Maximum => latencies.map(|l| l.max() as f64),
            Metric::ErrorRate => (samples.counted > 0)
                .then(|| samples.failed as f64 / samples.counted as f64 * 100.0),
            Metric::RequestsPerSecond => (samples.requests > 0 && samples.seconds > 0.0)
                .then(|| samples.requests as f64 / samples.seconds),
        }
    }

    /// Adds the phases that the rule is for; `None` when histograms cannot be added.
    fn samples(&self, record: &TrialRecord) -> Option<Samples> {
        let mut samples = Samples {
            latencies: new_histogram(),
            requests: 0,
            failed: 0,
            counted: 0,
            seconds: 0.0,
        };
        for (phase, histograms) in record.phases.iter().zip(&record.histograms) {
            let wanted = self
                .phase
                .as_ref()
                .map_or(!phase.warmup, |name| *name == phase.name);
            if wanted {
                self.add_phase(&mut samples, phase, histograms)?;
            }
        }
        Some(samples)
    }

    fn add_phase(
        &self,
        samples: &mut Samples,
        phase: &PhaseRecord,
        histograms: &PhaseHistograms,
    ) -> Option<()> {
        samples.seconds += phase.duration_s;
        let Some(step) = &self.threshold.request else {
            samples.requests += phase.counts.attempts;
            samples.failed += phase.counts.failed + phase.counts.unsent;
            samples.counted += phase.counts.offered;
            return samples.latencies.add(&histograms.response).ok();
        };
        if let Some(counts) = phase.steps.get(step) {
            samples.requests += counts.count;
            samples.failed += counts.failed;
            samples.counted += counts.count;
        }
        histograms
            .steps
            .get(step)
            .map_or(Some(()), |latencies| samples.latencies.add(latencies).ok())
    }

    fn show(&self, value: f64) -> String {
        match self.threshold.metric {
            Metric::ErrorRate => Unit::Share.show(value / 100.0),
            Metric::RequestsPerSecond => Unit::PerSecond.show(value),
            _ => Unit::Milliseconds.show(value / 1e3),
        }
    }
}

#[cfg(test)]
mod tests;
