//! What a plan will do, as text: the phases with their moments, rates and faults, then the arms.

use std::fmt::Write as _;
use std::time::Duration;

use crate::stats;

use super::file::search::SearchUnit;
use super::plan::{Arm, Plan, Search};
use super::trial::{EnvironmentSpec, LoadModel, Phase, Rate};
use super::users;

/// The timeline that `squall validate` prints.
pub fn timeline(plan: &Plan) -> String {
    let mut out = String::new();
    let lines = head(plan).into_iter().chain(phases(plan)).chain(arms(plan));
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn head(plan: &Plan) -> Vec<String> {
    let one: Duration = plan.arms.first().map_or(Duration::ZERO, length);
    let all: Duration = plan.arms.iter().map(length).sum::<Duration>() * plan.rounds;
    let quick = if plan.quick {
        ", shortened by --quick: no evidence"
    } else {
        ""
    };
    let mut lines = vec![format!("{}: {}", plan.name, plan.title)];
    match &plan.search {
        Some(search) => lines.extend(searched(search, quick)),
        None => lines.push(format!(
            "{} x {}, {} each: {} of load, and the time to start and stop servers{quick}",
            counted(plan.arms.len() as u64, "arm"),
            counted(u64::from(plan.rounds), "round"),
            seconds(one),
            seconds(all),
        )),
    }
    if let Some(EnvironmentSpec::External { base_url }) =
        plan.arms.first().map(|arm| &arm.environment)
    {
        lines.push(format!("sent to {base_url}"));
    }
    lines
}

/// What is looked for, and what it takes at most.
fn searched(search: &Search, quick: &str) -> Vec<String> {
    let probes = stats::most_probes(search.values.len()) as u32;
    let longest = search.arms.iter().map(length).max().unwrap_or_default();
    let trials = probes * search.runs;
    let unit = match search.unit {
        SearchUnit::Seconds => "s",
        SearchUnit::Number => "",
    };
    let value = |number: f64| format!("{}{unit}", short(number));
    let ends = search.values.first().zip(search.values.last());
    let (low, high) = ends.map_or((0.0, 0.0), |(low, high)| (*low, *high));
    vec![
        format!(
            "looks for the {} at which `{}` holds in half of the runs of {}: from {} to {}, in steps of {}",
            search.key,
            search.until,
            search.of_arm,
            value(low),
            value(high),
            value(search.precision),
        ),
        format!(
            "at most {} x {} = {trials} trials of at most {}: at most {} of load, and the time to start and stop servers{quick}",
            counted(u64::from(probes), "value"),
            counted(u64::from(search.runs), "run"),
            seconds(longest),
            seconds(longest * trials),
        ),
    ]
}

fn length(arm: &Arm) -> Duration {
    arm.phases.iter().map(|phase| phase.duration).sum()
}

/// A table of the first arm's phases; the others differ from it in their faults only, or in what is
/// searched.
fn phases(plan: &Plan) -> Vec<String> {
    let Some(arm) = plan.arms.first() else {
        return Vec::new();
    };
    let closed = matches!(arm.load.model, LoadModel::Closed { .. });
    let mut rows = vec![["phase", "from", "to", "rate", "arrivals", ""].map(str::to_owned)];
    let mut start = Duration::ZERO;
    for phase in &arm.phases {
        let end = start + phase.duration;
        let (rate, arrivals) = if closed {
            ("as answered".to_owned(), String::new())
        } else {
            (rate(phase.rate), format!("{:.0}", expected_arrivals(phase)))
        };
        rows.push([
            phase.name.clone(),
            seconds(start),
            seconds(end),
            rate,
            arrivals,
            notes(plan, phase),
        ]);
        start = end;
    }
    let mut lines = vec![String::new()];
    lines.extend(aligned(&rows));
    lines
}

fn expected_arrivals(phase: &Phase) -> f64 {
    f64::midpoint(phase.rate.from, phase.rate.to) * phase.duration.as_secs_f64()
}

fn rate(rate: Rate) -> String {
    if (rate.from - rate.to).abs() < f64::EPSILON {
        format!("{}/s", short(rate.from))
    } else {
        format!("{} to {}/s", short(rate.from), short(rate.to))
    }
}

fn seconds(duration: Duration) -> String {
    format!("{}s", short(duration.as_secs_f64()))
}

/// At most three digits after the point, none that say nothing.
fn short(number: f64) -> String {
    format!("{number:.3}")
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// Whether the phase is a warmup, and its faults with the arms that have them.
fn notes(plan: &Plan, phase: &Phase) -> String {
    let of_phase = |arm: &Arm| -> Vec<String> {
        let spans = arm.faults.iter().filter(|span| span.phase == phase.name);
        spans.map(|span| span.fault.to_string()).collect()
    };
    let faults = by_text(plan.arms.iter().flat_map(|arm| {
        of_phase(arm)
            .into_iter()
            .map(|fault| (fault, arm.name.as_str()))
    }));
    let faults = faults.into_iter().map(|(fault, arms)| {
        if arms.len() == plan.arms.len() {
            fault
        } else {
            format!("{fault} ({})", arms.join(", "))
        }
    });
    let warmup = phase.warmup.then(|| "warmup, not judged".to_owned());
    warmup
        .into_iter()
        .chain(faults)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Each text once, with the arms of which it is true.
fn by_text<'a>(texts: impl Iterator<Item = (String, &'a str)>) -> Vec<(String, Vec<&'a str>)> {
    let mut grouped: Vec<(String, Vec<&str>)> = Vec::new();
    for (text, arm) in texts {
        match grouped.iter_mut().find(|(known, _)| *known == text) {
            Some((_, arms)) => arms.push(arm),
            None => grouped.push((text, vec![arm])),
        }
    }
    grouped
}

/// What the arms change, and what their numbers of users mean.
fn arms(plan: &Plan) -> Vec<String> {
    let row = |arm: &Arm| {
        let changes: Vec<String> = arm
            .overrides
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        ["arm".to_owned(), arm.name.clone(), changes.join(", ")]
    };
    let mut lines = vec![String::new()];
    lines.extend(aligned(&plan.arms.iter().map(row).collect::<Vec<_>>()));
    lines.push(String::new());
    let meanings = by_text(
        plan.arms
            .iter()
            .map(|arm| (users::meaning(&arm.load, &arm.phases), arm.name.as_str())),
    );
    let all_alike = meanings.len() == 1;
    lines.extend(meanings.into_iter().map(|(meaning, arms)| {
        if all_alike {
            meaning
        } else {
            format!("{}: {meaning}", arms.join(", "))
        }
    }));
    lines.extend(gateways(plan));
    if !plan.left_out.is_empty() {
        lines.push(format!("left out: {}", plan.left_out.join(", ")));
    }
    lines
}

/// How the payment gateway behaves, where there is one.
fn gateways(plan: &Plan) -> Vec<String> {
    let of_arm = |arm: &Arm| match &arm.environment {
        EnvironmentSpec::Lab(lab) => lab.gateway.as_ref().map(ToString::to_string),
        EnvironmentSpec::External { .. } => None,
    };
    let behaviours = by_text(
        plan.arms
            .iter()
            .filter_map(|arm| Some((of_arm(arm)?, arm.name.as_str()))),
    );
    let all_alike = behaviours.len() == 1;
    let line = |(behaviour, arms): (String, Vec<&str>)| {
        let whose = if all_alike {
            String::new()
        } else {
            format!(" of {}", arms.join(", "))
        };
        format!("gateway{whose}: {behaviour}")
    };
    behaviours.into_iter().map(line).collect()
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// Columns as wide as their widest cell.
fn aligned<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let cells = |row: &[String; N]| -> Vec<String> {
        row.iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect()
    };
    rows.iter().map(|row| cells(row).join("  ")).collect()
}
