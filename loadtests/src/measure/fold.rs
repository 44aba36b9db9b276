//! All samples of a trial, folded into histograms by phase, step and second.

use std::time::Duration;

use crate::record::{PhaseHistograms, PhaseRecord, Quantiles, SecondRecord, new_histogram};
use crate::scenario::Trial;

use super::clock::{Nanos, nanos};
use super::phase_fold::PhaseFold;
use super::sample::{ArrivalSample, Outcome, StepSample};
use super::second_fold::SecondFold;
use super::step_names::StepNames;

const SECOND: Nanos = 1_000_000_000;

/// What the folding must know of a trial.
#[derive(Debug, Clone)]
pub struct FoldPlan {
    pub phases: Vec<PhasePlan>,
    /// The least that a failed arrival counts as.
    pub deadline: Duration,
}

#[derive(Debug, Clone)]
pub struct PhasePlan {
    pub name: String,
    pub warmup: bool,
    pub duration: Duration,
}

impl FoldPlan {
    pub fn of(trial: &Trial) -> Self {
        let phases = trial.phases.iter().map(|phase| PhasePlan {
            name: phase.name.clone(),
            warmup: phase.warmup,
            duration: phase.duration,
        });
        Self {
            phases: phases.collect(),
            deadline: trial.load.deadline,
        }
    }
}

/// What a trial's samples came to.
#[derive(Debug)]
pub struct FoldedLoad {
    pub phases: Vec<PhaseRecord>,
    pub histograms: Vec<PhaseHistograms>,
    pub seconds: Vec<SecondRecord>,
    /// By phase: 99 of 100 arrivals that found an idle user were taken up within so many milliseconds.
    pub start_lag_p99_ms: Vec<Option<f64>>,
    pub lateness: Lateness,
    /// Arrivals that found no idle user when they were released.
    pub waited: u64,
}

/// How late 99 of 100 arrivals of all judged phases together were at most, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lateness {
    /// Released after their intended time.
    pub release_p99_ms: Option<f64>,
    /// Taken up by a user that was idle.
    pub start_p99_ms: Option<f64>,
}

/// Counts so far, for whoever watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub ok: u64,
    pub failed: u64,
    pub unsent: u64,
}

pub struct LoadFold {
    plan: FoldPlan,
    deadline: Nanos,
    phases: Vec<PhaseFold>,
    seconds: Vec<SecondFold>,
    waited: u64,
    tally: Tally,
    latest_phase: usize,
}

impl LoadFold {
    pub fn new(plan: FoldPlan) -> Self {
        let phases = plan.phases.iter().map(|_| PhaseFold::new()).collect();
        let deadline = nanos(plan.deadline);
        Self {
            plan,
            deadline,
            phases,
            seconds: Vec::new(),
            waited: 0,
            tally: Tally::default(),
            latest_phase: 0,
        }
    }

    pub fn add(&mut self, sample: &ArrivalSample) {
        let phase = usize::from(sample.phase);
        self.phases[phase].add(sample, self.deadline);
        self.latest_phase = self.latest_phase.max(phase);
        let second = usize::try_from(sample.intended / SECOND).unwrap_or(usize::MAX);
        if self.seconds.len() <= second {
            self.seconds.resize_with(second + 1, SecondFold::new);
        }
        self.seconds[second].add(sample, self.deadline);
        self.waited += u64::from(sample.waited);
        match sample.outcome {
            Outcome::Ok => self.tally.ok += 1,
            Outcome::Unsent => self.tally.unsent += 1,
            _ => self.tally.failed += 1,
        }
    }

    pub fn add_step(&mut self, sample: &StepSample) {
        self.phases[usize::from(sample.phase)].add_step(sample, self.deadline);
    }

    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The p99 response time of the latest phase that has samples, in milliseconds.
    pub fn latest_p99_ms(&self) -> Option<f64> {
        let histogram = &self.phases.get(self.latest_phase)?.histograms.response;
        (!histogram.is_empty()).then(|| histogram.value_at_quantile(0.99) as f64 / 1e3)
    }

    /// `covered`: how far the timeline came; less than its length when it was cut short.
    pub fn finish(self, names: &StepNames, covered: Duration) -> FoldedLoad {
        let names = names.names();
        let seconds = (0u32..)
            .zip(&self.seconds)
            .map(|(second, fold)| fold.finish(second))
            .collect();
        let mut folded = FoldedLoad {
            phases: Vec::new(),
            histograms: Vec::new(),
            seconds,
            start_lag_p99_ms: Vec::new(),
            lateness: self.lateness(),
            waited: self.waited,
        };
        let mut left = covered;
        for (phase, plan) in self.phases.into_iter().zip(&self.plan.phases) {
            let reached = plan.duration.min(left);
            left -= reached;
            folded
                .start_lag_p99_ms
                .push(Quantiles::of(&phase.start_lag).p99);
            let (record, histograms) = phase.finish(plan, reached.as_secs_f64(), &names);
            folded.phases.push(record);
            folded.histograms.push(histograms);
        }
        folded
    }

    fn lateness(&self) -> Lateness {
        let (mut release, mut start) = (new_histogram(), new_histogram());
        let phases = self.phases.iter().zip(&self.plan.phases);
        for (phase, _) in phases.filter(|(_, plan)| !plan.warmup) {
            // All of them are made alike, so that one takes in the other.
            let _ = release.add(&phase.histograms.release_lag);
            let _ = start.add(&phase.start_lag);
        }
        Lateness {
            release_p99_ms: Quantiles::of(&release).p99,
            start_p99_ms: Quantiles::of(&start).p99,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Reads;
    use super::*;

    fn plan() -> FoldPlan {
        let phase = |name: &str| PhasePlan {
            name: name.into(),
            warmup: false,
            duration: Duration::from_secs(10),
        };
        FoldPlan {
            phases: vec![phase("calm"), phase("storm")],
            deadline: Duration::from_secs(1),
        }
    }

    fn sample(phase: u16, at: Duration, took: Duration, outcome: Outcome) -> ArrivalSample {
        let intended = nanos(at);
        let ended = intended + nanos(took);
        ArrivalSample {
            seq: 0,
            phase,
            journey: 0,
            attempts: 1,
            outcome,
            reads: Reads::default(),
            waited: false,
            intended,
            released: Some(intended),
            started: Some(intended + 1_000_000),
            sent: (outcome != Outcome::Unsent).then_some(intended + 2_000_000),
            first_byte: None,
            last_byte: (outcome == Outcome::Ok).then_some(ended),
            ended,
        }
    }

    #[test]
    fn stale_reads_are_counted_and_fail_nobody() {
        let mut fold = LoadFold::new(plan());
        let reads = [(3, 1), (3, 0), (0, 0)];
        for (checked, stale) in reads {
            let took = Duration::from_millis(5);
            fold.add(&ArrivalSample {
                reads: Reads { checked, stale },
                ..sample(0, Duration::ZERO, took, Outcome::Ok)
            });
        }
        let folded = fold.finish(&StepNames::default(), Duration::from_secs(20));
        let counts = folded.phases[0].counts;
        assert_eq!((counts.checked_reads, counts.stale_reads), (6, 1));
        assert_eq!((counts.ok, counts.failed), (3, 0));
    }

    #[test]
    fn failing_fast_counts_as_the_deadline_and_failing_late_as_it_was() {
        let mut fold = LoadFold::new(plan());
        let ms = Duration::from_millis;
        fold.add(&sample(0, ms(0), ms(5), Outcome::Status(503)));
        fold.add(&sample(1, ms(10_500), ms(1_500), Outcome::Timeout));
        fold.add(&sample(1, ms(10_500), ms(1_500), Outcome::Unsent));
        let folded = fold.finish(&StepNames::default(), Duration::from_secs(20));
        let max = |phase: usize| folded.phases[phase].response_ms.max.unwrap();
        assert!((max(0) - 1000.0).abs() < 1.0, "{}", max(0));
        assert!((max(1) - 1500.0).abs() < 1.5, "{}", max(1));
        assert_eq!(folded.phases[0].failures["status_503"], 1);
        assert_eq!(folded.phases[1].counts.unsent, 1);
        assert_eq!(folded.phases[1].failures.len(), 1);
        assert_eq!(folded.phases[0].ok_ms.p50, None);
        assert_eq!(folded.seconds.len(), 11);
        assert_eq!(folded.seconds[10].offered, 2);
        assert_eq!(folded.seconds[5].p99_ms, None);
    }

    #[test]
    fn lags_are_counted_from_the_intended_time_and_service_from_the_send() {
        let mut fold = LoadFold::new(plan());
        fold.add(&sample(
            0,
            Duration::ZERO,
            Duration::from_millis(12),
            Outcome::Ok,
        ));
        let folded = fold.finish(&StepNames::default(), Duration::from_secs(20));
        let phase = &folded.phases[0];
        assert_eq!(phase.release_lag_ms.max, Some(0.0));
        assert!((phase.send_lag_ms.max.unwrap() - 2.0).abs() < 0.01);
        assert!((phase.service_ms.max.unwrap() - 10.0).abs() < 0.02);
        assert!((phase.ok_ms.max.unwrap() - 12.0).abs() < 0.02);
        assert!((folded.start_lag_p99_ms[0].unwrap() - 1.0).abs() < 0.01);
        assert!((phase.goodput - 0.1).abs() < 1e-9);
    }

    #[test]
    fn lateness_is_that_of_all_judged_phases_together() {
        let mut plan = plan();
        plan.phases[0].warmup = true;
        plan.phases.push(PhasePlan {
            name: "after".into(),
            ..plan.phases[1].clone()
        });
        let mut fold = LoadFold::new(plan);
        for (phase, lag_ms, times) in [(0, 50, 100), (1, 0, 199), (2, 8, 1), (2, 20, 3)] {
            for _ in 0..times {
                let mut late = sample(phase, Duration::ZERO, Duration::from_secs(1), Outcome::Ok);
                let lag = nanos(Duration::from_millis(lag_ms));
                (late.released, late.started) = (Some(lag), Some(lag + 1_000_000));
                fold.add(&late);
            }
        }
        let folded = fold.finish(&StepNames::default(), Duration::from_secs(30));
        let Lateness {
            release_p99_ms,
            start_p99_ms,
        } = folded.lateness;
        // The 201st of 203.
        assert!((release_p99_ms.unwrap() - 20.0).abs() < 0.1);
        assert!((start_p99_ms.unwrap() - 21.0).abs() < 0.1);
    }

    #[test]
    fn a_timeline_cut_short_shortens_the_phases_it_did_not_reach() {
        let fold = LoadFold::new(plan());
        let folded = fold.finish(&StepNames::default(), Duration::from_secs(13));
        let durations: Vec<f64> = folded.phases.iter().map(|phase| phase.duration_s).collect();
        assert_eq!(durations, [10.0, 3.0]);
        let folded = LoadFold::new(plan()).finish(&StepNames::default(), Duration::from_secs(4));
        assert!((folded.phases[1].duration_s, folded.phases[1].goodput) == (0.0, 0.0));
    }
}
