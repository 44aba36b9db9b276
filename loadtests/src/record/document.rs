//! `record.json`: what was run, on which machine, and what was measured and decided, as stable data.
//!
//! Schema 1. Fields may be added; none changes its meaning or goes without a new schema number.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arm_figures::{ArmFigure, arm_figures, fold_rounds};
use super::load_summary::LoadSummary;
use super::row_lines;
use super::{
    ClaimOutcome, Event, Finding, GitState, Machine, PhaseRecord, SearchRecord, SecondRecord,
    ThresholdOutcome, TrialRecord, Validity, Verdict,
};

pub const SCHEMA: u32 = 1;

/// What is known of a run before its first trial.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFacts {
    /// The scenario's name.
    pub scenario: String,
    /// SHA-256 of the scenario file, in hexadecimal.
    pub scenario_sha256: String,
    pub title: String,
    pub hypothesis: String,
    pub shows: Vec<String>,
    /// `None`: not built from a git checkout.
    pub git: Option<GitState>,
    pub seed: u64,
    pub quick: bool,
    pub started_at: Timestamp,
    pub machine: Machine,
    /// Every arm that the run is to measure, in the scenario's order; of a search, every value that
    /// it may try.
    pub arms: Vec<ArmFacts>,
    pub sweep: Option<SweepFacts>,
}

/// An arm and what sets it apart.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmFacts {
    pub name: String,
    /// Key path to value, as the scenario writes them.
    pub overrides: Map<String, Value>,
}

/// The key that a sweep varies, and its value in each arm, in the order of the arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepFacts {
    pub key: String,
    pub values: Vec<f64>,
}

/// The whole of `record.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordDocument {
    pub schema: u32,
    pub scenario: String,
    pub scenario_sha256: String,
    pub title: String,
    #[serde(default)]
    pub hypothesis: String,
    #[serde(default)]
    pub shows: Vec<String>,
    pub squall_version: String,
    pub git: Option<GitState>,
    pub seed: u64,
    /// A smoke run with shortened phases: no evidence.
    pub quick: bool,
    pub started_at: Timestamp,
    pub machine: Machine,
    pub verdict: Verdict,
    #[serde(default)]
    pub sweep: Option<SweepFacts>,
    #[serde(default)]
    pub search: Option<SearchRecord>,
    pub arms: Vec<ArmDocument>,
    /// Trials that were run again, because in the first run the generator was at fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub repeated: Vec<RepeatedTrial>,
    pub claims: Vec<ClaimOutcome>,
    pub thresholds: Vec<ThresholdOutcome>,
    /// One row per arm, round and second.
    #[serde(serialize_with = "row_lines::serialize")]
    pub series: Vec<SeriesRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmDocument {
    pub name: String,
    pub overrides: Map<String, Value>,
    /// What the load was; `None` while the arm has not run.
    #[serde(default)]
    pub load: Option<LoadSummary>,
    /// The configuration that the running parts reported, in the arm's first round.
    pub effective: Value,
    /// The median over the rounds.
    pub figures: BTreeMap<String, Option<ArmFigure>>,
    pub rounds: Vec<RoundDocument>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundDocument {
    pub round: u32,
    /// The trial's place among all trials of the run, from 0.
    pub order: u32,
    pub started_at: Timestamp,
    #[serde(default)]
    pub interrupted: bool,
    pub validity: Validity,
    #[serde(default)]
    pub figures: BTreeMap<String, Option<ArmFigure>>,
    pub events: Vec<Event>,
    pub findings: Vec<Finding>,
    pub phases: Vec<PhaseRecord>,
}

/// A trial that says nothing about the service, and was run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepeatedTrial {
    pub arm: String,
    pub round: u32,
    pub started_at: Timestamp,
    /// What was wrong with the generator.
    pub reasons: Vec<String>,
}

impl RepeatedTrial {
    pub fn of(record: &TrialRecord) -> Self {
        Self {
            arm: record.trial.arm.clone(),
            round: record.trial.round,
            started_at: record.started_at,
            reasons: record.validity.reasons.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesRow {
    pub arm: String,
    pub round: u32,
    #[serde(flatten)]
    pub second: SecondRecord,
}

/// What was decided about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Decisions {
    pub verdict: Verdict,
    pub claims: Vec<ClaimOutcome>,
    pub thresholds: Vec<ThresholdOutcome>,
    /// Where the scenario is a search.
    pub search: Option<SearchRecord>,
}

impl RecordDocument {
    /// How often the arms were repeated, as far as the run came.
    pub fn rounds(&self) -> usize {
        let rounds = self.arms.iter().map(|arm| arm.rounds.len());
        rounds.max().unwrap_or_default()
    }

    /// Puts together what was known before, what was measured so far and what was decided from it.
    pub fn assemble(facts: &RunFacts, trials: &[TrialRecord], decisions: Decisions) -> Self {
        Self {
            schema: SCHEMA,
            scenario: facts.scenario.clone(),
            scenario_sha256: facts.scenario_sha256.clone(),
            title: facts.title.clone(),
            hypothesis: facts.hypothesis.clone(),
            shows: facts.shows.clone(),
            squall_version: env!("CARGO_PKG_VERSION").to_owned(),
            git: facts.git.clone(),
            seed: facts.seed,
            quick: facts.quick,
            started_at: facts.started_at,
            machine: facts.machine.clone(),
            verdict: decisions.verdict,
            sweep: facts.sweep.clone(),
            arms: facts
                .arms
                .iter()
                .filter(|arm| {
                    decisions
                        .search
                        .as_ref()
                        .is_none_or(|found| found.tried(&arm.name))
                })
                .map(|arm| arm_document(arm, trials))
                .collect(),
            repeated: Vec::new(),
            search: decisions.search,
            claims: decisions.claims,
            thresholds: decisions.thresholds,
            series: trials.iter().flat_map(series_rows).collect(),
        }
    }

    /// What checks found that the run fails for, and an arm does not expect: arm, round and finding.
    pub fn failing_findings(&self) -> impl Iterator<Item = (&str, u32, &Finding)> {
        self.arms.iter().flat_map(|arm| {
            arm.rounds.iter().flat_map(move |round| {
                let failing = round.findings.iter().filter(|finding| finding.fails);
                failing.map(move |finding| (arm.name.as_str(), round.round, finding))
            })
        })
    }

    /// Why trials say nothing about the service: arm, round and reason.
    pub fn invalid_reasons(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.arms.iter().flat_map(|arm| {
            arm.rounds.iter().flat_map(move |round| {
                round
                    .validity
                    .reasons
                    .iter()
                    .map(move |reason| (arm.name.as_str(), round.round, reason.as_str()))
            })
        })
    }
}

fn arm_document(arm: &ArmFacts, trials: &[TrialRecord]) -> ArmDocument {
    let mut own: Vec<&TrialRecord> = trials
        .iter()
        .filter(|record| record.trial.arm == arm.name)
        .collect();
    own.sort_by_key(|record| record.trial.round);
    let rounds: Vec<RoundDocument> = own.iter().map(|record| round_document(record)).collect();
    ArmDocument {
        name: arm.name.clone(),
        overrides: arm.overrides.clone(),
        load: own.first().map(|record| LoadSummary::of(&record.trial)),
        effective: own
            .first()
            .map_or(Value::Null, |record| record.effective.clone()),
        figures: folded_figures(&rounds),
        rounds,
    }
}

fn round_document(record: &TrialRecord) -> RoundDocument {
    RoundDocument {
        round: record.trial.round,
        order: record.trial.order,
        started_at: record.started_at,
        interrupted: record.interrupted,
        validity: record.validity.clone(),
        figures: arm_figures(record),
        events: record.events.clone(),
        findings: record.findings.clone(),
        phases: record.phases.clone(),
    }
}

fn folded_figures(rounds: &[RoundDocument]) -> BTreeMap<String, Option<ArmFigure>> {
    let Some(first) = rounds.first() else {
        return BTreeMap::new();
    };
    let over_rounds = |name: &String| -> Vec<Option<ArmFigure>> {
        rounds
            .iter()
            .map(|round| round.figures.get(name).copied().flatten())
            .collect()
    };
    first
        .figures
        .keys()
        .map(|name| (name.clone(), fold_rounds(&over_rounds(name))))
        .collect()
}

fn series_rows(record: &TrialRecord) -> impl Iterator<Item = SeriesRow> {
    record.seconds.iter().map(|second| SeriesRow {
        arm: record.trial.arm.clone(),
        round: record.trial.round,
        second: second.clone(),
    })
}
