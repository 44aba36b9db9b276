//! `[redis]`, its edge and its faults.

use std::time::Duration;

use super::{PLAIN, complaints, plan_of};
use crate::scenario::{
    Arm, Edge, EdgeFault, EnvironmentSpec, Fault, LabSpec, Process, ProcessFault,
};

fn lab(arm: &Arm) -> &LabSpec {
    match &arm.environment {
        EnvironmentSpec::Lab(lab) => lab,
        EnvironmentSpec::External { .. } => panic!("a lab"),
    }
}

#[test]
fn there_is_a_redis_only_where_the_section_says_so() {
    assert!(!lab(&plan_of(PLAIN).arms[0]).redis);
    let plan = plan_of(&format!("{PLAIN}[redis]\n"));
    assert!(lab(&plan.arms[0]).redis);
    assert!(lab(&plan.arms[0]).edges.is_empty());
}

#[test]
fn its_faults_are_those_of_an_edge_and_of_a_process() {
    let edge = |kind| Fault::Edge {
        edge: Edge::Redis,
        kind,
    };
    let process = |kind| Fault::Process {
        process: Process::Redis,
        kind,
    };
    for (written, fault, text) in [
        (
            "kind = \"latency\", value = \"5ms\"",
            edge(EdgeFault::Latency(Duration::from_millis(5))),
            "latency 5ms on the redis edge",
        ),
        (
            "kind = \"bandwidth\", value = 1000",
            edge(EdgeFault::Bandwidth(1_000)),
            "bandwidth 1000 bytes/s on the redis edge",
        ),
        (
            "kind = \"drop\"",
            edge(EdgeFault::Drop),
            "drop on the redis edge",
        ),
        (
            "kind = \"reset\"",
            edge(EdgeFault::Reset),
            "reset on the redis edge",
        ),
        (
            "kind = \"pause\"",
            process(ProcessFault::Pause),
            "pause of the redis",
        ),
        (
            "kind = \"kill\"",
            process(ProcessFault::Kill),
            "kill of the redis",
        ),
        (
            "kind = \"restart\"",
            process(ProcessFault::Restart),
            "restart of the redis",
        ),
        (
            "kind = \"corrupt\", keys = \"cache:*\"",
            Fault::Corrupt {
                keys: "cache:*".to_owned(),
            },
            "values under cache:* corrupted in the redis",
        ),
    ] {
        let faults = format!("faults = [{{ on = \"redis\", {written} }}]");
        let plan = plan_of(&format!("{PLAIN}{faults}\n[redis]\n"));
        let arm = &plan.arms[0];
        assert_eq!(arm.faults[0].fault, fault, "{written}");
        assert_eq!(arm.faults[0].fault.to_string(), text);
        let is_edge = matches!(fault, Fault::Edge { .. });
        assert_eq!(
            lab(arm).edges.contains_key(&Edge::Redis),
            is_edge,
            "{written}"
        );
    }
}

#[test]
fn what_needs_a_redis_is_refused_without_one() {
    for text in [
        format!("{PLAIN}faults = [{{ on = \"redis\", kind = \"kill\" }}]\n"),
        format!("{PLAIN}faults = [{{ on = \"redis\", kind = \"corrupt\", keys = \"*\" }}]\n"),
        format!("{PLAIN}[environment.edges]\nredis = {{ latency = \"1ms\" }}\n"),
    ] {
        let found = complaints(&text).join("\n");
        assert!(found.contains("add [redis]"), "{found}");
    }
    let keyless = "faults = [{ on = \"redis\", kind = \"corrupt\" }]";
    let found = complaints(&format!("{PLAIN}{keyless}\n[redis]\n")).join("\n");
    assert!(found.contains("keys"), "{found}");
    let found = complaints(&format!("{PLAIN}[redis]\nsize = 1\n")).join("\n");
    assert!(found.contains("size"), "{found}");
}
