//! The tables of a report: arms side by side in each phase, what the servers saw, and in what the
//! arms' configurations differ. Several rounds are shown as their median.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::record::figures::{self, Unit};
use crate::record::show::{NOTHING, number};
use crate::record::{ArmDocument, ArmFigure, PhaseRecord, Quantiles, RecordDocument, SearchRecord};
use crate::stats;

use super::table::Table;

/// Judged phases in order, each with every arm.
pub fn by_phase(document: &RecordDocument) -> Table {
    let mut table = Table::new(
        2,
        [
            "phase", "arm", "offered", "ok", "failed", "goodput", "p50", "p99", "p99.9", "slowest",
        ],
    );
    for name in judged_phases(document) {
        for arm in document.arms.iter().filter(|arm| !arm.rounds.is_empty()) {
            let phases: Vec<&PhaseRecord> = phases_of(arm, &name).collect();
            let count = |read: fn(&PhaseRecord) -> u64| {
                median_of(&phases, |phase| Some(read(phase) as f64))
                    .map_or_else(|| NOTHING.to_owned(), number)
            };
            let millis = |read: fn(&Quantiles) -> Option<f64>| {
                Unit::Milliseconds
                    .show_or_nothing(median_of(&phases, |phase| read(&phase.response_ms)))
            };
            table.push([
                name.clone(),
                arm.name.clone(),
                count(|phase| phase.counts.offered),
                count(|phase| phase.counts.ok),
                failed(&phases),
                Unit::PerSecond.show_or_nothing(median_of(&phases, |phase| Some(phase.goodput))),
                millis(|q| q.p50),
                millis(|q| q.p99),
                millis(|q| q.p999),
                millis(|q| q.max),
            ]);
        }
    }
    table
}

/// What a search counted at each value that it tried.
pub fn searched(search: &SearchRecord) -> Table {
    let mut table = Table::new(
        1,
        [
            search.key.as_str(),
            "runs",
            "held",
            "share",
            "95 % interval of the share",
            "runs not counted",
        ],
    );
    for point in &search.points {
        let share = (point.runs > 0).then(|| f64::from(point.held) / f64::from(point.runs));
        let interval = point.low.zip(point.high).map_or_else(
            || NOTHING.to_owned(),
            |(low, high)| format!("{} to {}", Unit::Share.show(low), Unit::Share.show(high)),
        );
        table.push([
            search.unit.show(point.value),
            point.runs.to_string(),
            point.held.to_string(),
            Unit::Share.show_or_nothing(share),
            interval,
            point.not_counted.to_string(),
        ]);
    }
    table
}

/// Figures over the whole timeline, each round by itself.
pub fn of_arms(document: &RecordDocument) -> Table {
    let mut table = Table::new(1, ["arm", "recovery", "by round", "requests per arrival"]);
    for arm in document.arms.iter().filter(|arm| !arm.rounds.is_empty()) {
        let rounds: Vec<String> = arm
            .rounds
            .iter()
            .map(|round| recovery(round.figures.get("recovery_s").copied().flatten()))
            .collect();
        let all: Vec<&PhaseRecord> = arm
            .rounds
            .iter()
            .flat_map(|round| &round.phases)
            .filter(|phase| !phase.warmup)
            .collect();
        let sum =
            |read: fn(&PhaseRecord) -> u64| all.iter().map(|phase| read(phase)).sum::<u64>() as f64;
        let (attempts, sent) = (
            sum(|phase| phase.counts.attempts),
            sum(|phase| phase.counts.sent),
        );
        table.push([
            arm.name.clone(),
            recovery(arm.figures.get("recovery_s").copied().flatten()),
            rounds.join(", "),
            if sent > 0.0 {
                number(attempts / sent)
            } else {
                NOTHING.to_owned()
            },
        ]);
    }
    table
}

/// The steps of an arm's journeys over its judged phases.
pub fn steps(arm: &ArmDocument) -> Table {
    let mut table = Table::new(2, ["step", "phase", "requests", "failed", "p50", "p99"]);
    let first = arm
        .rounds
        .first()
        .map(|round| round.phases.iter().filter(|phase| !phase.warmup));
    for phase in first.into_iter().flatten() {
        for name in phase.steps.keys() {
            let rounds: Vec<&PhaseRecord> = phases_of(arm, &phase.name).collect();
            let of_step = |read: fn(&crate::record::StepRecord) -> Option<f64>| {
                median_of(&rounds, |phase| read(phase.steps.get(name)?))
            };
            table.push([
                name.clone(),
                phase.name.clone(),
                of_step(|step| Some(step.count as f64)).map_or_else(|| NOTHING.to_owned(), number),
                of_step(|step| Some(step.failed as f64)).map_or_else(|| NOTHING.to_owned(), number),
                Unit::Milliseconds.show_or_nothing(of_step(|step| step.response_ms.p50)),
                Unit::Milliseconds.show_or_nothing(of_step(|step| step.response_ms.p99)),
            ]);
        }
    }
    table.rows.sort_by(|a, b| a[0].cmp(&b[0]));
    table
}

/// What the servers and the generator itself saw in an arm: figures by judged phase.
pub fn servers(arm: &ArmDocument) -> Table {
    let names: Vec<String> = arm.rounds.first().map_or_else(Vec::new, |round| {
        round
            .phases
            .iter()
            .filter(|phase| !phase.warmup)
            .map(|phase| phase.name.clone())
            .collect()
    });
    let mut table = Table::new(
        1,
        std::iter::once("figure".to_owned()).chain(names.iter().cloned()),
    );
    let mut row = |label: &str, unit: Unit, read: &dyn Fn(&PhaseRecord) -> Option<f64>| {
        let values: Vec<Option<f64>> = names
            .iter()
            .map(|name| {
                median_of(&phases_of(arm, name).collect::<Vec<_>>(), |phase| {
                    read(phase)
                })
            })
            .collect();
        if values.iter().any(Option::is_some) {
            let shown = values.into_iter().map(|value| unit.show_or_nothing(value));
            table.push(std::iter::once(label.to_owned()).chain(shown));
        }
    };
    for figure in figures::SERVER {
        row(figure.name, figure.unit, &|phase| {
            phase.server.get(figure.name).copied().flatten()
        });
    }
    row("release_lag_ms.p99", Unit::Milliseconds, &|phase| {
        phase.release_lag_ms.p99
    });
    row("send_lag_ms.p99", Unit::Milliseconds, &|phase| {
        phase.send_lag_ms.p99
    });
    table
}

/// What each arm overrides.
pub fn overrides(document: &RecordDocument) -> Table {
    let mut table = Table::new(2, ["arm", "set apart by"]);
    for arm in &document.arms {
        let settings: Vec<String> = arm
            .overrides
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let settings = if settings.is_empty() {
            "nothing: as the scenario says".to_owned()
        } else {
            settings.join(", ")
        };
        table.push([arm.name.clone(), settings]);
    }
    table
}

/// The keys of the effective configuration in which arms differ, as the running parts reported them.
pub fn configuration(document: &RecordDocument) -> Table {
    let measured: Vec<&ArmDocument> = document
        .arms
        .iter()
        .filter(|arm| !arm.rounds.is_empty())
        .collect();
    let flat: Vec<BTreeMap<String, String>> = measured
        .iter()
        .map(|arm| flattened(&arm.effective))
        .collect();
    let keys: BTreeSet<&String> = flat.iter().flat_map(BTreeMap::keys).collect();
    let head = std::iter::once("key".to_owned()).chain(measured.iter().map(|arm| arm.name.clone()));
    let mut table = Table::new(measured.len() + 1, head);
    for key in keys {
        let values: Vec<String> = flat
            .iter()
            .map(|arm| arm.get(key).cloned().unwrap_or_else(|| NOTHING.to_owned()))
            .collect();
        if values.windows(2).any(|pair| pair[0] != pair[1]) {
            table.push(std::iter::once(key.clone()).chain(values));
        }
    }
    table
}

pub fn judged_phases(document: &RecordDocument) -> Vec<String> {
    let mut names = Vec::new();
    let phases = document
        .arms
        .iter()
        .flat_map(|arm| &arm.rounds)
        .flat_map(|round| &round.phases);
    for phase in phases.filter(|phase| !phase.warmup) {
        if !names.contains(&phase.name) {
            names.push(phase.name.clone());
        }
    }
    names
}

fn phases_of<'a>(arm: &'a ArmDocument, name: &'a str) -> impl Iterator<Item = &'a PhaseRecord> {
    arm.rounds
        .iter()
        .flat_map(|round| &round.phases)
        .filter(move |phase| phase.name == name)
}

/// `400 (timeout 380, reset 20)`; the kinds are of all rounds together when there are several.
fn failed(phases: &[&PhaseRecord]) -> String {
    let Some(total) = median_of(phases, |phase| {
        Some((phase.counts.failed + phase.counts.unsent) as f64)
    }) else {
        return NOTHING.to_owned();
    };
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for phase in phases {
        for (kind, count) in &phase.failures {
            *kinds.entry(kind).or_default() += count;
        }
        if phase.counts.unsent > 0 {
            *kinds.entry("unsent").or_default() += phase.counts.unsent;
        }
    }
    let whole: u64 = kinds.values().sum();
    let share = |count: u64| number((count as f64 / whole as f64 * 100.0).round());
    let mut kinds: Vec<(&str, u64)> = kinds.into_iter().filter(|(_, count)| *count > 0).collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match kinds.as_slice() {
        [] => number(total),
        [(kind, _)] => format!("{} ({kind})", number(total)),
        several => {
            let parts: Vec<String> = several
                .iter()
                .map(|(kind, count)| format!("{kind} {} %", share(*count)))
                .collect();
            format!("{} ({})", number(total), parts.join(", "))
        }
    }
}

fn recovery(figure: Option<ArmFigure>) -> String {
    Unit::Seconds.show_or_nothing(figure.map(ArmFigure::as_f64))
}

fn median_of(phases: &[&PhaseRecord], read: impl Fn(&PhaseRecord) -> Option<f64>) -> Option<f64> {
    stats::median(phases.iter().filter_map(|phase| read(phase)))
}

/// Nested tables as dotted keys.
fn flattened(value: &Value) -> BTreeMap<String, String> {
    fn walk(prefix: &str, value: &Value, flat: &mut BTreeMap<String, String>) {
        match value {
            Value::Object(members) => {
                for (key, value) in members {
                    let key = if prefix.is_empty() {
                        key.clone()
                    } else {
                        format!("{prefix}.{key}")
                    };
                    walk(&key, value, flat);
                }
            }
            Value::Null if prefix.is_empty() => {}
            Value::String(text) => drop(flat.insert(prefix.to_owned(), text.clone())),
            other => drop(flat.insert(prefix.to_owned(), other.to_string())),
        }
    }
    let mut flat = BTreeMap::new();
    walk("", value, &mut flat);
    flat
}
