//! `faults` of a phase: `{ on = "database", kind = "latency", value = "100ms" }`.
//!
//! On an edge, `latency` is added to the bytes on the way. On `"gateway"`, which is both a part of
//! its own and the edge to it, `latency` is the gateway's own: how long its work takes, as a
//! duration or in the forms of `[gateway]`. Bytes on the way to it are delayed by
//! `environment.edges.gateway.latency`, for the whole trial; `bandwidth`, `drop` and `reset` act
//! on the edge as everywhere.
//!
//! On `"redis"`, `corrupt` spoils what lies under `keys`, a pattern as Redis has them, at the moment at
//! which the phase begins; it is not undone.

use crate::scenario::diagnostic::{Location, suggestion};
use crate::scenario::document::{Node, Value};
use crate::scenario::fault::{EdgeFault, Fault, Process, ProcessFault};
use crate::scenario::gateway::{GatewayFault, GatewayLatency};
use crate::scenario::reader::Section;
use crate::scenario::trial::Edge;
use crate::scenario::values::{Count, FromNode, Share};

use super::environment::{EDGES, Latency, one_of};
use super::gateway::MOST_PLACES;

const EDGE_KINDS: [&str; 4] = ["latency", "bandwidth", "drop", "reset"];
/// What the gateway does by itself; its `latency` takes the place of its edge's.
const GATEWAY_KINDS: [&str; 5] = ["capacity", "latency", "errors", "answer_lost", "declines"];
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
        process: match edge {
            Edge::Database => Some(Process::Database),
            Edge::Gateway => Some(Process::Gateway),
            Edge::Redis => Some(Process::Redis),
            Edge::Client => None,
        },
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
        if self.is_gateway() {
            kinds.extend(GATEWAY_KINDS);
        }
        if self.edge.is_some() {
            let edge = EDGE_KINDS.into_iter();
            kinds.extend(edge.filter(|kind| !self.is_gateway() || *kind != "latency"));
        }
        if self.process.is_some() {
            let kind = PROCESS_KINDS.iter();
            // Whoever ends the gateway ends its ledger, the witness of what was charged.
            let possible =
                kind.filter(|(_, kind)| !self.is_gateway() || *kind == ProcessFault::Pause);
            kinds.extend(possible.map(|(kind, _)| *kind));
        }
        match self.process {
            Some(Process::Service) => kinds.extend(["knob", "crash_at"]),
            Some(Process::Redis) => kinds.push("corrupt"),
            _ => {}
        }
        kinds
    }

    fn is_gateway(&self) -> bool {
        self.process == Some(Process::Gateway)
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
        let others = || faults.iter().map(|(other, _)| other);
        if others().any(|other| acts_on_the_same(other, &fault)) {
            phase.problems().report(
                &at,
                "another fault of this phase already does this to the same part: keep one",
            );
        }
        if others().any(|other| hides(other, &fault) || hides(&fault, other)) {
            phase.problems().report(
                &at,
                "a gateway that is paused cannot be changed: keep one of the two faults",
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
        (Fault::Knob { key: a, .. }, Fault::Knob { key: b, .. })
        | (Fault::Corrupt { keys: a }, Fault::Corrupt { keys: b }) => a == b,
        (Fault::Gateway(a), Fault::Gateway(b)) => {
            std::mem::discriminant(a) == std::mem::discriminant(b)
        }
        _ => one.process().is_some() && one.process() == other.process(),
    }
}

/// Whether one keeps the other from being brought about.
fn hides(one: &Fault, other: &Fault) -> bool {
    let pause = Fault::Process {
        process: Process::Gateway,
        kind: ProcessFault::Pause,
    };
    *one == pause && matches!(other, Fault::Gateway(_))
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
        "crash_at" => read_point(&mut section),
        "corrupt" => read_corrupt(&mut section),
        gateway if part.is_gateway() && GATEWAY_KINDS.contains(&gateway) => {
            read_gateway_fault(&kind, &mut section).map(Fault::Gateway)
        }
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

fn read_gateway_fault(kind: &str, section: &mut Section<'_>) -> Option<GatewayFault> {
    match kind {
        "capacity" => section
            .required::<Count<1, MOST_PLACES>>("value", "8")
            .map(|places| GatewayFault::Capacity(places.0 as u32)),
        "latency" => section
            .required::<OwnLatency>("value", "\"2s\"")
            .map(|latency| GatewayFault::Latency(latency.0)),
        "errors" => section
            .required::<Share>("value", "0.5")
            .map(|share| GatewayFault::Errors(share.0)),
        "declines" => section
            .required::<Share>("value", "0.5")
            .map(|share| GatewayFault::Declines(share.0)),
        _ => section
            .required::<Share>("value", "0.5")
            .map(|share| GatewayFault::AnswerLost(share.0)),
    }
}

/// A plain duration is a fixed latency.
struct OwnLatency(GatewayLatency);

impl FromNode for OwnLatency {
    fn from_node(node: &Node) -> Result<Self, String> {
        let latency = match node.value {
            Value::Table(_) => GatewayLatency::from_node(node),
            _ => std::time::Duration::from_node(node).and_then(GatewayLatency::fixed),
        };
        latency.map(Self)
    }
}

fn read_corrupt(section: &mut Section<'_>) -> Option<Fault> {
    let keys = section.required::<String>("keys", "\"cache:*\"")?;
    Some(Fault::Corrupt { keys })
}

fn read_knob(section: &mut Section<'_>) -> Option<Fault> {
    let key = section.required::<String>("key", "\"db.simulated_delay\"");
    let value = section.required::<Scalar>("value", "\"3s\"");
    Some(Fault::Knob {
        key: key?,
        value: value?.0,
    })
}

/// The points at which the service can be told to die, in the order in which an event comes there.
const POINTS: [(&str, &str); 6] = [
    ("after_take", "after_take"),
    ("after_publish", "after_publish"),
    ("after_mark", "after_mark"),
    ("before_handle", "before_handle"),
    ("after_handle", "after_handle"),
    ("after_delivery", "after_delivery"),
];

fn read_point(section: &mut Section<'_>) -> Option<Fault> {
    let point = section.required::<Point>("point", "\"after_publish\"")?;
    Some(Fault::CrashAt {
        point: point.0.to_owned(),
    })
}

struct Point(&'static str);

impl FromNode for Point {
    fn from_node(node: &Node) -> Result<Self, String> {
        one_of(node, &POINTS).map(Self)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_fault_is_explained_where_scenarios_are() {
        let explained = include_str!("../../../../scenarios/README.md");
        for part in parts() {
            for word in [part.name].into_iter().chain(part.kinds()) {
                assert!(explained.contains(&format!("`{word}`")), "{word}");
            }
        }
    }
}
