//! One arm's scenario, read and not yet final: `--quick` may still shorten it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Map;

use super::diagnostic::Problems;
use super::document::{Node, Table};
use super::fault::{Fault, FaultSpan};
use super::file::environment::{self, NO_GATEWAY, NO_REDIS};
use super::file::load::{self, Load, Model};
use super::file::phases::{self, FaultyPhase};
use super::file::target::Target;
use super::plan::Arm;
use super::reader::Section;
use super::service_keys::ServiceKeys;
use super::trial::{
    Edge, EdgeConditions, EnvironmentSpec, JourneyDefinition, LoadModel, LoadSpec, Phase,
};
use super::violation::Violation;
use super::{file, users};

/// The sections of which every arm has its own reading.
pub(super) const SECTIONS: [&str; 7] = [
    "environment",
    "service",
    "gateway",
    "redis",
    "load",
    "phases",
    "journeys",
];

#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) environment: EnvironmentSpec,
    service_keys: ServiceKeys,
    pub(super) load: Load,
    pub(super) phases: Vec<FaultyPhase>,
    definitions: Vec<JourneyDefinition>,
}

/// Where load goes: to servers of our own, to the scenario's target, or to the command line's.
pub(super) enum Destination {
    Scenario(Target),
    CommandLine { base_url: String },
}

impl Destination {
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Scenario(Target { base_url: None, .. }))
    }
}

pub(super) fn read(
    root: &mut Section<'_>,
    destination: &Destination,
    built_in: &[String],
) -> Variant {
    let definitions = file::journeys::read(root);
    let load = load::read(root, &definitions, built_in, destination.is_ours());
    let phases = phases::read(root, matches!(load.model, Model::Closed { .. }));
    if !destination.is_ours() {
        for (_, at) in phases.iter().flat_map(|phase| &phase.faults) {
            root.problems().report(
                at,
                "a fault needs servers of our own, and the target is somebody else's",
            );
        }
    }
    let environment = match destination {
        Destination::Scenario(target) => environment::read(root, target),
        Destination::CommandLine { base_url } => {
            // Read for its mistakes; what it asks for is not ours to give.
            environment::lab(root);
            EnvironmentSpec::External {
                base_url: base_url.clone(),
            }
        }
    };
    if let EnvironmentSpec::Lab(lab) = &environment {
        for (fault, at) in phases.iter().flat_map(|phase| &phase.faults) {
            if fault.needs_gateway() && lab.gateway.is_none() {
                root.problems()
                    .report(at, format!("a fault on \"gateway\" {NO_GATEWAY}"));
            }
            if fault.needs_redis() && !lab.redis {
                root.problems()
                    .report(at, format!("a fault on \"redis\" {NO_REDIS}"));
            }
        }
    }
    let service = root.node("service").and_then(Node::table);
    Variant {
        environment,
        service_keys: service.map(ServiceKeys::of).unwrap_or_default(),
        load,
        phases,
        definitions,
    }
}

/// Reads a document of which only the variant's own sections are looked at.
pub(super) fn read_table(
    table: &Table,
    at: &super::diagnostic::Location,
    destination: &Destination,
    built_in: &[String],
    problems: &Problems,
) -> Variant {
    read(
        &mut Section::new("the scenario", table, at, problems),
        destination,
        built_in,
    )
}

impl Variant {
    /// The edges that carry a proxy because something acts on them.
    pub(super) fn busy_edges(&self) -> BTreeSet<Edge> {
        let standing = match &self.environment {
            EnvironmentSpec::Lab(lab) => lab.edges.keys().copied().collect(),
            EnvironmentSpec::External { .. } => BTreeSet::new(),
        };
        let faulted = self
            .phases
            .iter()
            .flat_map(|phase| &phase.faults)
            .filter_map(|(fault, _)| match fault {
                Fault::Edge { edge, .. } => Some(*edge),
                Fault::Process { .. }
                | Fault::Gateway(_)
                | Fault::Corrupt { .. }
                | Fault::Knob { .. }
                | Fault::CrashAt { .. } => None,
            });
        standing.into_iter().chain(faulted).collect()
    }

    /// Settles what was left open; `edges` are those on which some arm needs a proxy.
    pub(super) fn into_arm(
        self,
        name: String,
        overrides: Map<String, serde_json::Value>,
        expects: BTreeSet<Violation>,
        edges: &BTreeSet<Edge>,
    ) -> Arm {
        let mut environment = self.environment;
        if let EnvironmentSpec::Lab(lab) = &mut environment {
            for edge in edges {
                lab.edges
                    .entry(*edge)
                    .or_insert_with(EdgeConditions::default);
            }
        }
        let faults = fault_spans(&self.phases);
        let phases: Vec<Phase> = self.phases.into_iter().map(|phase| phase.phase).collect();
        let load = settle(self.load, self.definitions, &phases);
        Arm {
            name,
            overrides,
            environment,
            service_keys: self.service_keys,
            load,
            phases,
            faults,
            expects,
        }
    }
}

fn fault_spans(phases: &[FaultyPhase]) -> Vec<FaultSpan> {
    let mut spans = Vec::new();
    let mut start = Duration::ZERO;
    for FaultyPhase { phase, faults, .. } in phases {
        let end = start + phase.duration;
        spans.extend(faults.iter().map(|(fault, _)| FaultSpan {
            phase: phase.name.clone(),
            start,
            end,
            fault: fault.clone(),
        }));
        start = end;
    }
    spans
}

fn settle(load: Load, definitions: Vec<JourneyDefinition>, phases: &[Phase]) -> LoadSpec {
    let model = match load.model {
        Model::Closed { users } => LoadModel::Closed { users },
        Model::Open { arrivals, users } => {
            let most = || users::default(users::peak_rate(phases), load.deadline, arrivals);
            LoadModel::Open {
                arrivals,
                users: users.unwrap_or_else(most),
            }
        }
    };
    let wanted: BTreeMap<&str, f64> = load
        .journeys
        .iter()
        .map(|journey| (journey.name.as_str(), journey.weight))
        .collect();
    let definitions = definitions
        .into_iter()
        .filter(|definition| wanted.contains_key(definition.name.as_str()))
        .collect();
    LoadSpec {
        model,
        attempt_timeout: load.attempt_timeout,
        deadline: load.deadline,
        retry: load.retry,
        keys: load.keys,
        poll_every: load.poll_every,
        journeys: load.journeys,
        definitions,
        headers: load.headers,
    }
}
