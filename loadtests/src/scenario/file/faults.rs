//! `faults` of a phase: `{ on = "database", kind = "latency", value = "100ms" }`.

use crate::scenario::diagnostic::{Location, suggestion};
use crate::scenario::document::{Node, Value};
use crate::scenario::reader::Section;
use crate::scenario::trial::{Edge, EdgeFault, Fault, Process, ProcessFault};
use crate::scenario::values::{Count, FromNode};

use super::environment::{EDGES, Latency};

const EDGE_KINDS: [&str; 4] = ["latency", "bandwidth", "drop", "reset"];
const PROCESS_KINDS: [(&str, ProcessFault); 3] = [
    ("pause", ProcessFault::Pause),
    ("kill", ProcessFault::Kill),
    ("restart", ProcessFault::Restart),
];

/// A part of the lab: the edge to it, and its process, as far as it has them.
struct Part {
    name: &'static str,
    edge: Option<Edge>,
    process: Option<Process>,
}

fn parts() -> impl Iterator<Item = Part> {
    let edges = EDGES.into_iter().map(|(name, edge)| Part {
        name,
        edge: Some(edge),
        process: (edge == Edge::Database).then_some(Process::Database),
    });
    edges.chain([Part {
        name: "service",
        edge: None,
        process: Some(Process::Service),
    }])
}

impl Part {
    fn kinds(&self) -> Vec<&'static str> {
        let mut kinds = Vec::new();
        if self.edge.is_some() {
            kinds.extend(EDGE_KINDS);
        }
        if self.process.is_some() {
            kinds.extend(PROCESS_KINDS.iter().map(|(kind, _)| *kind));
        }
        if self.process == Some(Process::Service) {
            kinds.push("knob");
        }
        kinds
    }
}

/// The faults of a phase, each with its place.
pub(crate) fn read(phase: &mut Section<'_>) -> Vec<(Fault, Location)> {
    let mut faults: Vec<(Fault, Location)> = Vec::new();
    for section in phase.sections("faults", "a fault") {
        let at = section.at().clone();
        let Some(fault) = read_fault(section) else {
            continue;
        };
        if faults
            .iter()
            .any(|(other, _)| acts_on_the_same(other, &fault))
        {
            phase.problems().report(
                &at,
                "another fault of this phase already does this to the same part: keep one",
            );
        }
        faults.push((fault, at));
    }
    faults
}

/// Whether two faults would undo each other. A process is in one state at a time; a proxy can be
/// slow and narrow at once.
fn acts_on_the_same(one: &Fault, other: &Fault) -> bool {
    match (one, other) {
        (Fault::Edge { edge: a, kind: x }, Fault::Edge { edge: b, kind: y }) => {
            a == b && std::mem::discriminant(x) == std::mem::discriminant(y)
        }
        (Fault::Process { process: a, .. }, Fault::Process { process: b, .. }) => a == b,
        (Fault::Knob { key: a, .. }, Fault::Knob { key: b, .. }) => a == b,
        _ => false,
    }
}

fn read_fault(mut section: Section<'_>) -> Option<Fault> {
    let on = section.required::<String>("on", "\"database\"")?;
    let kind = section.required::<String>("kind", "\"latency\"")?;
    let Some(part) = parts().find(|part| part.name == on) else {
        let node = section.node("on")?;
        let names: Vec<&str> = parts().map(|part| part.name).collect();
        section.complain(
            "on",
            node,
            &format!("is \"{on}\"{}", suggestion(&on, names)),
        );
        return None;
    };
    let kinds = part.kinds();
    if !kinds.contains(&kind.as_str()) {
        let node = section.node("kind")?;
        section.complain(
            "kind",
            node,
            &format!(
                "is \"{kind}\", which \"{on}\" does not have{}",
                suggestion(&kind, kinds)
            ),
        );
        return None;
    }
    let fault = match kind.as_str() {
        "knob" => read_knob(&mut section),
        edge if EDGE_KINDS.contains(&edge) => part.edge.and_then(|edge| {
            Some(Fault::Edge {
                edge,
                kind: read_edge_fault(&kind, &mut section)?,
            })
        }),
        _ => {
            let known = PROCESS_KINDS.iter().find(|(name, _)| *name == kind);
            part.process
                .zip(known)
                .map(|(process, (_, kind))| Fault::Process {
                    process,
                    kind: *kind,
                })
        }
    };
    section.close();
    fault
}

fn read_edge_fault(kind: &str, section: &mut Section<'_>) -> Option<EdgeFault> {
    match kind {
        "latency" => section
            .required::<Latency>("value", "\"100ms\"")
            .map(|latency| EdgeFault::Latency(latency.0)),
        "bandwidth" => section
            .required::<BytesPerSecond>("value", "100_000, in bytes per second")
            .map(|bytes| EdgeFault::Bandwidth(bytes.0)),
        "drop" => Some(EdgeFault::Drop),
        _ => Some(EdgeFault::Reset),
    }
}

fn read_knob(section: &mut Section<'_>) -> Option<Fault> {
    let key = section.required::<String>("key", "\"db.simulated_delay\"");
    let value = section.required::<Scalar>("value", "\"3s\"");
    Some(Fault::Knob {
        key: key?,
        value: value?.0,
    })
}

/// What a proxy lets through.
struct BytesPerSecond(u64);

impl FromNode for BytesPerSecond {
    fn from_node(node: &Node) -> Result<Self, String> {
        const MEANT: &str = "bytes per second as a number, such as 100_000";
        match node.value {
            Value::Integer(_) => Count::<1, 100_000_000_000>::from_node(node)
                .map(|bytes| Self(bytes.0))
                .map_err(|complaint| format!("{complaint} bytes per second")),
            _ => Err(match node.text() {
                Some(text) => format!("is \"{text}\": write the {MEANT}"),
                None => format!("must be the {MEANT}, not {}", node.kind()),
            }),
        }
    }
}

/// A value that a knob can take.
struct Scalar(serde_json::Value);

impl FromNode for Scalar {
    fn from_node(node: &Node) -> Result<Self, String> {
        match node.value {
            Value::Array(_) | Value::Table(_) => Err(format!(
                "must be a text, number or boolean, not {}",
                node.kind()
            )),
            _ => Ok(Self(node.to_json())),
        }
    }
}
