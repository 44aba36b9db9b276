//! `[gateway]`, its arms and its faults.

use std::time::Duration;

use super::{PLAIN, complaints, complaints_about, plan_of};
use crate::scenario::{
    Abandoned, Arm, Edge, EnvironmentSpec, Fault, GatewayBehaviour, GatewayFault, GatewayLatency,
    LabSpec, Process, ProcessFault, Trial, timeline,
};

fn lab(arm: &Arm) -> &LabSpec {
    match &arm.environment {
        EnvironmentSpec::Lab(lab) => lab,
        EnvironmentSpec::External { .. } => panic!("a lab"),
    }
}

/// The plain scenario with faults in its last phase and this section after it.
fn with_faults(faults: &str, section: &str) -> String {
    format!("{PLAIN}faults = [{faults}]\n{section}")
}

fn spread(median: u64, p99: u64) -> GatewayLatency {
    GatewayLatency::Spread {
        median: Duration::from_millis(median),
        p99: Duration::from_millis(p99),
    }
}

#[test]
fn without_the_section_there_is_no_gateway_and_an_empty_one_is_the_default() {
    let plan = plan_of(PLAIN);
    assert_eq!(lab(&plan.arms[0]).gateway, None);
    assert!(!timeline(&plan).contains("gateway"));
    let plan = plan_of(&format!("{PLAIN}[gateway]\n"));
    assert_eq!(
        lab(&plan.arms[0]).gateway,
        Some(GatewayBehaviour::default())
    );
}

#[test]
fn every_key_is_read_and_an_arm_changes_what_it_names() {
    let plan = plan_of(&format!(
        r#"{PLAIN}
[gateway]
latency = {{ median = "50ms", p99 = "300ms" }}
capacity = 40
rate_limit = 100
error_share = 0.1
answer_lost_share = 0.01
decline_share = 1
abandoned = "cancel"
[[arms]]
name = "as_it_is"
[[arms]]
name = "narrow"
gateway.capacity = 8
gateway.error_share = 0
gateway.latency = {{ fixed = "2s" }}
"#
    ));
    let usual = GatewayBehaviour {
        latency: spread(50, 300),
        capacity: 40,
        rate_limit: 100,
        error_share: 0.1,
        answer_lost_share: 0.01,
        decline_share: 1.0,
        abandoned: Abandoned::Cancel,
    };
    let narrow = GatewayBehaviour {
        latency: GatewayLatency::Fixed(Duration::from_secs(2)),
        capacity: 8,
        error_share: 0.0,
        ..usual.clone()
    };
    assert_eq!(lab(&plan.arms[0]).gateway, Some(usual));
    assert_eq!(lab(&plan.arms[1]).gateway, Some(narrow));
    let told = timeline(&plan);
    for line in [
        "gateway of as_it_is: latency 50ms (p99 300ms), capacity 40, rate limit 100, errors 0.1, \
         answers lost 0.01, declines 1, ends abandoned work\n",
        "gateway of narrow: latency 2s, capacity 8, ",
    ] {
        assert!(told.contains(line), "{told}");
    }
}

#[test]
fn a_sweep_can_vary_it_and_records_keep_it() {
    let plan = plan_of(&format!(
        "{PLAIN}[gateway]\n[sweep]\nkey = \"gateway.capacity\"\nvalues = [8, 16]\n"
    ));
    let capacities: Vec<u32> = plan
        .arms
        .iter()
        .map(|arm| lab(arm).gateway.as_ref().unwrap().capacity)
        .collect();
    assert_eq!(capacities, [8, 16]);
    let trial = plan.trial(&plan.arms[1], 1, 0);
    let kept = serde_json::to_string(&trial).unwrap();
    assert_eq!(serde_json::from_str::<Trial>(&kept).unwrap(), trial);
    // Records of before there were gateways are still read.
    let older = serde_json::to_string(&plan_of(PLAIN).trial(&plan_of(PLAIN).arms[0], 1, 0));
    let older = older.unwrap().replace(",\"gateway\":null", "");
    assert!(!older.contains("gateway"));
    assert_eq!(
        serde_json::from_str::<Trial>(&older).unwrap(),
        plan_of(PLAIN).trial(&plan_of(PLAIN).arms[0], 1, 0)
    );
}

#[test]
fn its_faults_are_its_own_behaviour_its_edge_and_a_pause() {
    let edge = |kind: &str| format!("{{ on = \"gateway\", kind = \"{kind}\" }}");
    let valued = |kind: &str, value: &str| {
        format!("{{ on = \"gateway\", kind = \"{kind}\", value = {value} }}")
    };
    let behaviour = Fault::Gateway;
    for (written, fault, text) in [
        (
            valued("capacity", "8"),
            behaviour(GatewayFault::Capacity(8)),
            "capacity 8 on the gateway",
        ),
        (
            valued("latency", "\"2s\""),
            behaviour(GatewayFault::Latency(GatewayLatency::Fixed(
                Duration::from_secs(2),
            ))),
            "latency 2s on the gateway",
        ),
        (
            valued("latency", "{ median = \"1s\", p99 = \"3s\" }"),
            behaviour(GatewayFault::Latency(spread(1_000, 3_000))),
            "latency 1s (p99 3s) on the gateway",
        ),
        (
            valued("errors", "0.25"),
            behaviour(GatewayFault::Errors(0.25)),
            "errors 0.25 on the gateway",
        ),
        (
            valued("answer_lost", "1"),
            behaviour(GatewayFault::AnswerLost(1.0)),
            "answer_lost 1 on the gateway",
        ),
        (
            valued("declines", "0.2"),
            behaviour(GatewayFault::Declines(0.2)),
            "declines 0.2 on the gateway",
        ),
        (
            edge("pause"),
            Fault::Process {
                process: Process::Gateway,
                kind: ProcessFault::Pause,
            },
            "pause of the gateway",
        ),
    ] {
        let plan = plan_of(&with_faults(&written, "[gateway]\n"));
        let arm = &plan.arms[0];
        assert_eq!(arm.faults[0].fault, fault);
        assert_eq!(fault.to_string(), text);
        // Nothing of it is done by a proxy.
        assert!(lab(arm).edges.is_empty(), "{written}");
    }
    for written in [edge("drop"), edge("reset"), valued("bandwidth", "1000")] {
        let plan = plan_of(&with_faults(&written, "[gateway]\n"));
        let edges: Vec<&Edge> = lab(&plan.arms[0]).edges.keys().collect();
        assert_eq!(edges, [&Edge::Gateway], "{written}");
    }
}

#[test]
fn mistakes_in_the_section_are_told_with_their_place_and_what_to_write() {
    const FORM: &str = "write { fixed = \"2s\" } or { median = \"50ms\", p99 = \"300ms\" }";
    for (line, message) in [
        (
            "capacitee = 4",
            "1: unknown key \"capacitee\" in [gateway]; did you mean \"capacity\"?".to_owned(),
        ),
        (
            "capacity = -1",
            "12: \"capacity\" in [gateway] is -1: it must be at least 0".to_owned(),
        ),
        (
            "rate_limit = \"5/s\"",
            "14: \"rate_limit\" in [gateway] must be a whole number, not a text".to_owned(),
        ),
        (
            "error_share = 1.5",
            "15: \"error_share\" in [gateway] is 1.5: a share is at least 0 and at most 1"
                .to_owned(),
        ),
        (
            "abandoned = \"stop\"",
            "13: \"abandoned\" in [gateway] is \"stop\"; it is one of continue, cancel".to_owned(),
        ),
        (
            "latency = \"2s\"",
            format!("11: \"latency\" in [gateway] is \"2s\": {FORM}"),
        ),
        (
            "latency = { mean = \"2s\" }",
            format!("11: \"latency\" in [gateway] has the unknown key \"mean\": {FORM}"),
        ),
        (
            "latency = { median = \"2s\" }",
            format!("11: \"latency\" in [gateway] lacks \"p99\": {FORM}"),
        ),
        (
            "latency = { fixed = \"2s\", p99 = \"3s\" }",
            format!("11: \"latency\" in [gateway] is both fixed and spread: {FORM}"),
        ),
        (
            "latency = { median = \"2s\", p99 = \"1s\" }",
            "11: \"latency\" in [gateway] has a \"p99\" below its \"median\"".to_owned(),
        ),
        (
            "latency = { fixed = \"2\" }",
            "11: \"latency\" in [gateway] has a \"fixed\" that is \"2\", which has no unit: \
             write \"2ms\" or \"2s\""
                .to_owned(),
        ),
    ] {
        assert_eq!(
            complaints_about(&format!("[gateway]\n{line}\n")),
            [format!("x.toml:11:{message}")],
            "{line}"
        );
    }
}

#[test]
fn mistakes_in_its_faults_are_told_with_their_place() {
    for (fault, message) in [
        (
            "{ on = \"gateway\", kind = \"kill\" }",
            "10:36: \"kind\" in a fault is \"kill\", which \"gateway\" does not have; it is one of \
             capacity, latency, errors, answer_lost, declines, bandwidth, drop, reset, pause",
        ),
        (
            "{ on = \"database\", kind = \"capacity\", value = 8 }",
            "10:37: \"kind\" in a fault is \"capacity\", which \"database\" does not have; it is \
             one of latency, bandwidth, drop, reset, pause, kill, restart",
        ),
        (
            "{ on = \"gateway\", kind = \"capacity\", value = 0 }",
            "10:56: \"value\" in a fault is 0: it must be between 1 and 100000",
        ),
        (
            "{ on = \"gateway\", kind = \"latency\" }",
            "10:11: a fault needs \"value\": value = \"2s\"",
        ),
        (
            "{ on = \"gateway\", kind = \"errors\", value = 0 }",
            "10:54: \"value\" in a fault is 0: a share is above 0 and at most 1",
        ),
        (
            "{ on = \"gateway\", kind = \"pause\" }, { on = \"gateway\", kind = \"errors\", value = 1 }",
            "10:47: a gateway that is paused cannot be changed: keep one of the two faults",
        ),
        (
            "{ on = \"gateway\", kind = \"capacity\", value = 1 }, \
             { on = \"gateway\", kind = \"capacity\", value = 2 }",
            "10:61: another fault of this phase already does this to the same part: keep one",
        ),
    ] {
        let text = with_faults(fault, "[gateway]\n");
        assert_eq!(complaints(&text), [format!("x.toml:{message}")], "{fault}");
    }
}

#[test]
fn what_needs_a_gateway_says_so_where_there_is_none() {
    const NEEDS: &str =
        "needs a gateway, and this scenario has none: add [gateway], which may be empty";
    let fault = "{ on = \"gateway\", kind = \"drop\" }";
    assert_eq!(
        complaints(&with_faults(fault, "")),
        [format!("x.toml:10:11: a fault on \"gateway\" {NEEDS}")]
    );
    assert_eq!(
        complaints_about("[environment.edges.gateway]\nlatency = \"1ms\"\n"),
        [format!("x.toml:10:1: environment.edges.gateway {NEEDS}")]
    );
    assert_eq!(
        complaints_about("[[arms]]\nname = \"a\"\ngateway.capacity = 8\n"),
        [format!("x.toml:12:9: \"gateway.capacity\" {NEEDS}")]
    );
    let found = complaints_about("[target]\nbase_url = \"http://127.0.0.1:1\"\n[gateway]\n");
    assert!(
        found.contains(
            &"x.toml:12:1: [gateway] has nothing to act on: [target] base_url is a service that \
              is not ours to start"
                .to_owned()
        ),
        "{found:?}"
    );
}
