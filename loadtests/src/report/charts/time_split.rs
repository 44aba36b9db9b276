//! Where a request's time goes: waiting for a connection, in SQL, at the gateway, in the service's
//! own work; for each arm in each judged phase, where the service told.

use crate::record::show::number;
use crate::record::{ArmDocument, RecordDocument};
use crate::stats;

use super::super::comparison::judged_phases;
use super::super::svg::{Axis, Chart, Series, Stack, Style};
use super::millis;

/// Figures of the table, and how the legend calls them.
const PARTS: [(&str, &str); 5] = [
    ("split_pool_wait_ms", "waiting for a database connection"),
    ("split_sql_ms", "SQL"),
    ("split_gateway_ms", "gateway"),
    ("split_redis_ms", "Redis"),
    ("split_own_ms", "own work"),
];

/// `None` where no phase has these figures.
pub fn chart(document: &RecordDocument) -> Option<Chart> {
    let arms: Vec<&ArmDocument> = document
        .arms
        .iter()
        .filter(|arm| !arm.rounds.is_empty())
        .collect();
    let mut stacks = Vec::new();
    for phase in judged_phases(document) {
        for arm in &arms {
            let parts: Vec<Option<f64>> = PARTS
                .iter()
                .map(|(figure, _)| median(arm, &phase, figure))
                .collect();
            if parts.iter().any(Option::is_some) {
                stacks.push(Stack {
                    group: phase.clone(),
                    label: arm.name.clone(),
                    parts: parts.into_iter().map(Option::unwrap_or_default).collect(),
                });
            }
        }
    }
    if stacks.is_empty() {
        return None;
    }
    let spent = |part: &usize| stacks.iter().any(|stack: &Stack| stack.parts[*part] > 0.0);
    let kept: Vec<usize> = (0..PARTS.len()).filter(spent).collect();
    let totals = stacks.iter().map(Stack::total);
    let x = Axis::from_zero("mean time of a request in the service", totals, millis);
    // A part on which nothing was spent anywhere, such as a gateway that was not called, is left out.
    let names = kept.iter().map(|part| Series {
        name: PARTS[*part].1.to_owned(),
        style: Style::Line(*part),
        points: Vec::new(),
    });
    let names: Vec<Series> = names.collect();
    for stack in &mut stacks {
        stack.parts = kept.iter().map(|part| stack.parts[*part]).collect();
    }
    Some(Chart {
        slug: "time-split".to_owned(),
        title: "Where a request's time goes".to_owned(),
        description: "The mean time of a request in the service, in each phase and arm, split into waiting for a database connection, SQL, gateway, Redis and own work.".to_owned(),
        x,
        // Stacks have names instead.
        y: Axis::from_zero("", std::iter::empty(), number),
        bands: Vec::new(),
        series: names,
        marks: Vec::new(),
        stacks,
        note: "As the service measures it, over all routes. Time before a request is accepted and after it is answered is not in it.".to_owned(),
    })
}

fn median(arm: &ArmDocument, phase: &str, figure: &str) -> Option<f64> {
    let phases = arm.rounds.iter().flat_map(|round| &round.phases);
    let of_phase = phases.filter(|found| found.name == phase);
    stats::median(of_phase.filter_map(|found| found.server.get(figure).copied().flatten()))
}
