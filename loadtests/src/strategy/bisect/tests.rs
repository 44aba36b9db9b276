//! Searches of simulated systems, and of runs that cannot be counted.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::*;
use crate::judge::{ClaimText, Judge, Vocabulary};
use crate::record::{ClaimOutcome, Decisions, RecordDocument, SearchFacts, Verdict, fixture};
use crate::scenario::Options;

const SCENARIO: &str = r#"
name = "boundary"
[target]
base_url = "http://127.0.0.1:9"
[load]
client_timeout = "500ms"
journeys = { front = 1 }
[[journeys]]
name = "front"
steps = [{ method = "GET", path = "/" }]
[[phases]]
name = "before"
duration = "10s"
rate = 100
[[phases]]
name = "fault"
duration = "5s"
rate = 100
[[phases]]
name = "after"
duration = "20s"
rate = 100
[search]
key = "phases.fault.duration"
low = "2s"
high = "20s"
precision = "1s"
until = "UNTIL"
"#;
const RECOVERS: &str = "after.goodput >= 0.95 * before.goodput";

struct Searched {
    plan: Plan,
    judge: Judge,
    trials: Vec<TrialRecord>,
}

impl Searched {
    /// Runs the whole search; a run becomes what `run` makes of a healthy record.
    fn with(until: &str, claims: &[&str], mut run: impl FnMut(&mut TrialRecord)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.toml");
        std::fs::write(&file, SCENARIO.replace("UNTIL", until)).unwrap();
        let plan = Plan::from_file(&file, &Options::default()).unwrap();
        let judge = judge(&plan, claims);
        let mut trials: Vec<TrialRecord> = Vec::new();
        let mut strategy = crate::strategy::of(&plan, &judge);
        while let Some(trial) = strategy.next(&trials) {
            assert!(trials.len() < 200, "it does not end");
            assert_eq!(trial.order as usize, trials.len());
            let mut record = fixture::record(&trial.arm, trial.round, 0);
            record.trial = trial;
            run(&mut record);
            trials.push(record);
        }
        drop(strategy);
        Self {
            plan,
            judge,
            trials,
        }
    }

    /// A system that recovers with this probability, by the length of the fault.
    fn simulated(seed: u64, recovers: impl Fn(f64) -> f64) -> Self {
        let mut draws = seed;
        Self::with(RECOVERS, &[], |record| {
            draws = draws
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695);
            let draw = (draws >> 33) as f64 / f64::from(1_u32 << 31);
            if draw >= recovers(length(record)) {
                collapse(record);
            }
        })
    }

    fn decisions(&self) -> Decisions {
        self.judge.decide(&self.trials, false, false)
    }
}

fn judge(plan: &Plan, claims: &[&str]) -> Judge {
    let search = plan.search.as_ref().unwrap();
    let names = Vocabulary {
        phases: vec!["before".into(), "fault".into(), "after".into()],
        search: Some(SearchFacts {
            key: search.key.clone(),
            unit: search.unit,
            of_arm: search.of_arm.clone(),
            until: search.until.clone(),
            runs: search.runs,
            precision: search.precision,
            values: search.values.clone(),
            arms: search.arms.iter().map(|arm| arm.name.clone()).collect(),
        }),
        ..Vocabulary::default()
    };
    let claims: Vec<ClaimText<'_>> = claims
        .iter()
        .map(|check| ClaimText { says: "", check })
        .collect();
    Judge::compile(names, &claims, &[]).unwrap()
}

/// Seconds of the searched phase in the trial that was run.
fn length(record: &TrialRecord) -> f64 {
    record.trial.phases[1].duration.as_secs_f64()
}

fn collapse(record: &mut TrialRecord) {
    for phase in record
        .phases
        .iter_mut()
        .filter(|phase| phase.name == "after")
    {
        phase.goodput = 3.0;
    }
}

fn longer_than(limit: f64) -> impl Fn(&mut TrialRecord) {
    move |record| {
        if length(record) > limit {
            collapse(record);
        }
    }
}

#[test]
fn a_sharp_boundary_is_found_between_the_two_values_beside_it() {
    let searched = Searched::with(RECOVERS, &[], longer_than(9.5));
    let search = searched.decisions().search.unwrap();
    let crossing = search.crossing.unwrap();
    assert_eq!((crossing.low, crossing.high), (Some(9.0), Some(10.0)));
    assert!((crossing.value - 9.5).abs() < 1e-9);
    assert!(search.finished);
    for point in &search.points {
        let wanted = if point.value < 9.5 { 5 } else { 0 };
        assert_eq!((point.runs, point.held), (5, wanted), "{point:?}");
    }
    let strategy = crate::strategy::of(&searched.plan, &searched.judge);
    assert_eq!(strategy.expected(), 35, "7 values, 5 runs");
    assert!(searched.trials.len() <= 35);
}

#[test]
fn every_run_has_draws_of_its_own_and_a_place_of_its_own_in_the_record() {
    let searched = Searched::with(RECOVERS, &[], longer_than(4.5));
    let seeds: BTreeSet<u64> = searched
        .trials
        .iter()
        .map(|record| record.trial.seed)
        .collect();
    assert_eq!(seeds.len(), searched.trials.len());
    let all = &searched.plan.search.as_ref().unwrap().arms;
    let all: Vec<&str> = all.iter().map(|arm| arm.name.as_str()).collect();
    let facts = fixture::facts(&all, None);
    let document = RecordDocument::assemble(&facts, &searched.trials, searched.decisions());
    let arms: Vec<(&str, usize)> = document
        .arms
        .iter()
        .map(|arm| (arm.name.as_str(), arm.rounds.len()))
        .collect();
    // What lies off the way to the boundary was never run, and is no arm of the record.
    let run = [
        "fault_2s",
        "fault_4s",
        "fault_5s",
        "fault_6s",
        "fault_11s",
        "fault_20s",
    ];
    assert_eq!(arms, run.map(|arm| (arm, 5)));
    let points = document.search.unwrap().points;
    assert!(points.iter().map(|point| point.arm.as_str()).eq(run));
}

#[test]
fn the_truth_lies_within_the_interval_for_nearly_all_seeds() {
    let at = 8.4;
    let within = |seed: &u64| {
        let searched = Searched::simulated(*seed, |value| 1.0 / (1.0 + (value - at).exp()));
        let crossing = searched.decisions().search.unwrap().crossing.unwrap();
        crossing.low.is_none_or(|low| low <= at) && crossing.high.is_none_or(|high| high >= at)
    };
    let held = (1..=12).filter(within).count();
    assert!(held >= 11, "{held} of 12");
}

#[test]
fn the_ends_of_the_range_are_what_is_checked_before_a_start() {
    let searched = Searched::with(RECOVERS, &[], longer_than(9.5));
    let extremes = crate::strategy::of(&searched.plan, &searched.judge).extremes();
    let arms: Vec<&str> = extremes.iter().map(|trial| trial.arm.as_str()).collect();
    assert_eq!(arms, ["fault_2s", "fault_20s"]);
}

#[test]
fn ends_that_agree_end_the_search_which_then_has_shown_nothing() {
    for (limit, word) in [(100.0, "in most runs"), (1.0, "no more than half")] {
        let searched = Searched::with(RECOVERS, &["search(\"low\") >= 2"], longer_than(limit));
        assert_eq!(searched.trials.len(), 10);
        let decisions = searched.decisions();
        assert_eq!(decisions.verdict, Verdict::Inconclusive);
        assert_eq!(decisions.claims[0].holds, None);
        let search = decisions.search.unwrap();
        assert!(search.finished && search.crossing.is_none());
        assert!(search.sentence().contains(word), "{}", search.sentence());
    }
}

#[test]
fn invalid_runs_are_repeated_and_shown_and_do_not_decide() {
    let mut runs = 0;
    let searched = Searched::with(RECOVERS, &[], |record| {
        runs += 1;
        longer_than(9.5)(record);
        if runs % 7 == 3 {
            record.validity.reasons.push("released late".into());
        }
    });
    let decisions = searched.decisions();
    assert_eq!(decisions.verdict, Verdict::Pass);
    let search = decisions.search.unwrap();
    assert!(search.points.iter().all(|point| point.runs == 5));
    let lost: u32 = search.points.iter().map(|point| point.not_counted).sum();
    assert!(lost > 2);
    assert_eq!(search.crossing.unwrap().low, Some(9.0));
}

#[test]
fn a_value_that_gives_only_invalid_runs_ends_the_search_as_invalid() {
    let searched = Searched::with(RECOVERS, &[], |record| {
        record.validity.reasons.push("released late".into());
    });
    assert_eq!(searched.trials.len(), 5);
    let decisions = searched.decisions();
    assert_eq!(decisions.verdict, Verdict::Invalid);
    assert!(!decisions.search.unwrap().finished);
}

#[test]
fn a_figure_that_is_never_measured_ends_the_search_without_a_result() {
    let searched = Searched::with("after.pool_timeouts == 0.0", &[], |_| ());
    assert_eq!(searched.trials.len(), 5);
    let decisions = searched.decisions();
    assert_eq!(decisions.verdict, Verdict::Inconclusive);
    assert_eq!(decisions.search.unwrap().points[0].not_counted, 5);
}

#[test]
fn claims_speak_of_the_crossing_and_its_interval() {
    let claims = [
        "search(\"crossing\") > 9.0 && search(\"crossing\") < 10",
        "search(\"low\") >= 10.0",
        "search(\"high\") - search(\"low\") <= 1.0",
    ];
    let searched = Searched::with(RECOVERS, &claims, longer_than(9.5));
    let outcomes: Vec<ClaimOutcome> = searched.decisions().claims;
    let holds: Vec<Option<bool>> = outcomes.iter().map(|claim| claim.holds).collect();
    assert_eq!(holds, [Some(true), Some(false), Some(true)]);
    assert_eq!(
        outcomes[0].observed,
        "the crossing of phases.fault.duration is at 9.5 s"
    );
    assert_eq!(searched.decisions().verdict, Verdict::Fail);
}
