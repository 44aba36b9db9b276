//! `[[phases]]`: the timeline.

use std::time::Duration;

use crate::scenario::diagnostic::Location;
use crate::scenario::document::{Node, Value};
use crate::scenario::fault::Fault;
use crate::scenario::names;
use crate::scenario::reader::Section;
use crate::scenario::trial::{Phase, Rate};
use crate::scenario::values::{FromNode, LONGEST_SPAN, Name, Span};

use super::faults;

/// Arrivals per second beyond which a rate is a slip of the pen.
const MAX_RATE: f64 = 1_000_000.0;

/// A phase with the faults that hold in it.
#[derive(Debug, Clone)]
pub(crate) struct FaultyPhase {
    pub(crate) phase: Phase,
    pub(crate) at: Location,
    pub(crate) faults: Vec<(Fault, Location)>,
}

/// Reads the timeline; `closed`: users set the pace, so that phases have no rates.
pub(crate) fn read(root: &mut Section<'_>, closed: bool) -> Vec<FaultyPhase> {
    let sections = root.sections("phases", "[[phases]]");
    if sections.is_empty()
        && root
            .node("phases")
            .is_none_or(|node| node.array().is_some_and(<[_]>::is_empty))
    {
        root.complain_of_all("needs \"[[phases]]\": at least one with name, duration and rate");
    }
    let phases: Vec<FaultyPhase> = sections
        .into_iter()
        .filter_map(|section| read_phase(section, closed))
        .collect();
    if !phases.is_empty() && phases.iter().all(|phase| phase.phase.warmup) {
        root.problems().report(
            &phases[0].at,
            "every phase is a warmup, so that nothing would be judged",
        );
    }
    let named = phases
        .iter()
        .map(|phase| (phase.phase.name.as_str(), &phase.at));
    names::report_repeated("phase", named, root.problems());
    let total: Duration = phases.iter().map(|phase| phase.phase.duration).sum();
    if total > LONGEST_SPAN {
        root.complain_of_all("lasts more than 24h: shorten its phases");
    }
    phases
}

fn read_phase(mut section: Section<'_>, closed: bool) -> Option<FaultyPhase> {
    let name = section.required::<Name>("name", "\"burst\"");
    if let (Some(name), Some(node)) = (&name, section.node("name"))
        && name.0 == "recovery_s"
    {
        section.complain(
            "name",
            node,
            "is \"recovery_s\", which is a figure of an arm: choose another name",
        );
    }
    let duration = section.required::<Span>("duration", "\"10s\"");
    let rate = if closed {
        if let Some(node) = section.node("rate") {
            section.complain(
                "rate",
                node,
                "has no meaning when load.closed says how many users there are: remove one",
            );
        }
        Some(Rate { from: 0.0, to: 0.0 })
    } else {
        section.required::<Rate>("rate", "200")
    };
    let warmup = section.optional("warmup").unwrap_or(false);
    let faults = faults::read(&mut section);
    let at = section.at().clone();
    section.close();
    let phase = Phase {
        name: name?.0,
        duration: duration?.0,
        rate: rate?,
        warmup,
    };
    Some(FaultyPhase { phase, at, faults })
}

impl FromNode for Rate {
    fn from_node(node: &Node) -> Result<Self, String> {
        let Value::Table(table) = &node.value else {
            let rate = match node.value {
                Value::Integer(_) | Value::Float(_) => check_rate(f64::from_node(node)?)?,
                _ => {
                    return Err(format!(
                        "must be a number or {{ from = 10, to = 500 }}, not {}",
                        node.kind()
                    ));
                }
            };
            if rate == 0.0 {
                return Err("is 0: a phase without arrivals measures nothing".to_owned());
            }
            return Ok(Self {
                from: rate,
                to: rate,
            });
        };
        if let Some(entry) = table
            .entries
            .iter()
            .find(|entry| !matches!(entry.key.as_str(), "from" | "to"))
        {
            return Err(format!(
                "has the unknown key \"{}\": a ramp is {{ from = 10, to = 500 }}",
                entry.key
            ));
        }
        let end = |key: &str| {
            let node = table
                .get(key)
                .ok_or_else(|| format!("lacks \"{key}\": a ramp is {{ from = 10, to = 500 }}"))?;
            let rate = f64::from_node(node).and_then(check_rate);
            rate.map_err(|complaint| format!("has a \"{key}\" that {complaint}"))
        };
        let rate = Self {
            from: end("from")?,
            to: end("to")?,
        };
        if rate.from == 0.0 && rate.to == 0.0 {
            return Err("is 0: a phase without arrivals measures nothing".to_owned());
        }
        Ok(rate)
    }
}

fn check_rate(rate: f64) -> Result<f64, String> {
    if rate < 0.0 {
        Err(format!("is {rate}: a rate cannot be negative"))
    } else if rate > MAX_RATE {
        Err(format!(
            "is {rate}: the highest is {MAX_RATE} arrivals per second"
        ))
    } else {
        Ok(rate)
    }
}
