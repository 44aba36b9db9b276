//! Arms, sweeps, and how they are laid over a scenario.

use std::time::Duration;

use serde_json::json;

use super::{PLAIN, complaints_about, plan_of};
use crate::scenario::{Arm, Edge, EnvironmentSpec, LabSpec};

fn lab(arm: &Arm) -> &LabSpec {
    match &arm.environment {
        EnvironmentSpec::Lab(lab) => lab,
        EnvironmentSpec::External { .. } => panic!("a lab"),
    }
}

#[test]
fn dotted_keys_reach_one_value_and_braces_replace_a_whole_table() {
    let plan = plan_of(&format!(
        r#"{PLAIN}
[service]
db.pool.max_size = 10
db.pool.min_size = 2
[[arms]]
name = "as_it_is"
[[arms]]
name = "one"
service.db.pool.max_size = 5
[[arms]]
name = "whole"
service.db.pool = {{ enabled = false }}
[[arms]]
name = "header"
[arms.service.db.pool]
min_size = 0
"#
    ));
    let pools: Vec<_> = plan
        .arms
        .iter()
        .map(|arm| json!(lab(arm).service["db"]["pool"]))
        .collect();
    assert_eq!(
        pools,
        [
            json!({ "max_size": 10, "min_size": 2 }),
            json!({ "max_size": 5, "min_size": 2 }),
            json!({ "enabled": false }),
            json!({ "max_size": 10, "min_size": 0 }),
        ]
    );
    assert_eq!(json!(plan.arms[0].overrides), json!({}));
    assert_eq!(
        json!(plan.arms[1].overrides),
        json!({ "service.db.pool.max_size": 5 })
    );
    assert_eq!(
        json!(plan.arms[2].overrides),
        json!({ "service.db.pool": { "enabled": false } })
    );
}

#[test]
fn an_edge_that_one_arm_disturbs_is_proxied_in_all_arms() {
    let plan = plan_of(&format!(
        r#"{PLAIN}
[[arms]]
name = "calm"
[[arms]]
name = "slow"
phases.burst.faults = [{{ on = "database", kind = "latency", value = "50ms" }}]
[[arms]]
name = "far"
environment.edges.client.latency = "1ms"
"#
    ));
    for arm in &plan.arms {
        let edges: Vec<Edge> = lab(arm).edges.keys().copied().collect();
        assert_eq!(edges, [Edge::Client, Edge::Database], "{}", arm.name);
    }
    assert_eq!(
        lab(&plan.arms[2]).edges[&Edge::Client].latency,
        Duration::from_millis(1)
    );
    assert_eq!(
        plan.arms
            .iter()
            .map(|arm| arm.faults.len())
            .collect::<Vec<_>>(),
        [0, 1, 0]
    );
}

#[test]
fn arms_may_differ_in_how_many_instances_there_are() {
    let plan = plan_of(&format!(
        r#"{PLAIN}
[[arms]]
name = "one"
[[arms]]
name = "three"
environment.instances = 3
environment.sticky = true
"#
    ));
    let of = |arm: usize| (lab(&plan.arms[arm]).instances, lab(&plan.arms[arm]).sticky);
    assert_eq!((of(0), of(1)), ((1, false), (3, true)));
}

#[test]
fn arms_cannot_change_the_load_the_data_or_the_time() {
    for key in [
        "load.arrivals = \"uniform\"",
        "load.users = 5",
        "load.closed = { users = 1 }",
        "load = { retry = { max = 1 } }",
        "phases.burst.duration = \"5s\"",
        "phases.burst.rate = 5",
        "environment.dataset.posts = 5",
        "environment.lifetime = \"run\"",
        "phases = []",
    ] {
        let path = key.split(" = ").next().unwrap();
        let found = complaints_about(&format!("[[arms]]\nname = \"a\"\n{key}\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("x.toml:12:"), "{found:?}");
        assert!(
            found[0].ends_with(&format!(
                "an arm cannot set \"{path}\": arms run the same load on the same data, and may differ in service.*, gateway.*, \
                 environment.edges.*, environment.instances, environment.sticky, phases.NAME.faults and load.retry, load.keys, load.attempt_timeout, load.deadline, \
                 load.client_timeout"
            )),
            "{found:?}"
        );
    }
}

#[test]
fn mistakes_in_arms_are_shown_where_the_arm_makes_them() {
    assert_eq!(
        complaints_about(
            "[[arms]]\nname = \"a\"\nlod.retry = { max = 1 }\n[[arms]]\nname = \"a\"\n\
             [[arms]]\nname = \"b-c\"\nphases.birst.faults = []\n[[arms]]\nname = \"b_c\"\nload.retry = { max = -1 }\n"
        ),
        [
            "x.toml:12:5: unknown key \"lod\" in [[arms]]; did you mean \"load\"?",
            "x.toml:13:1: the arm \"a\" exists already: names must differ",
            "x.toml:17:14: there is no \"birst\" in phases; did you mean \"burst\"?",
            "x.toml:18:1: the arms \"b-c\" and \"b_c\" are both b_c in claims: names must differ",
            "x.toml:20:22: \"max\" in load.retry is -1: it must be at least 0",
        ]
    );
}

#[test]
fn a_sweep_makes_an_arm_of_every_value() {
    let plan = plan_of(&format!(
        "{PLAIN}[sweep]\nkey = \"service.db.pool.max_size\"\nvalues = [1, 2, 16]\n"
    ));
    let sweep = plan.sweep.clone().unwrap();
    assert_eq!(sweep.key, "service.db.pool.max_size");
    assert_eq!(sweep.arms, ["max_size_1", "max_size_2", "max_size_16"]);
    assert_eq!(sweep.values, [1.0, 2.0, 16.0]);
    assert_eq!(
        lab(&plan.arms[2]).service["db"]["pool"]["max_size"].as_integer(),
        Some(16)
    );
    let timeouts = plan_of(&format!(
        "{PLAIN}[sweep]\nkey = \"load.client_timeout\"\nvalues = [\"1.5s\", \"200ms\"]\n"
    ));
    assert_eq!(
        timeouts.sweep.as_ref().unwrap().arms,
        ["client_timeout_1_5s", "client_timeout_200ms"]
    );
    assert_eq!(timeouts.sweep.unwrap().values, [1.5, 0.2]);
}

#[test]
fn bad_sweeps_are_refused() {
    for (sweep, message) in [
        (
            "key = \"load.users\"\nvalues = [1, 2]",
            "x.toml:11:7: an arm cannot set \"load.users\"",
        ),
        (
            "key = \"a.b\"\nvalues = [1, 2]",
            "x.toml:11:7: unknown key \"a\" in [sweep]",
        ),
        (
            "key = \"service.x\"\nvalues = [1]",
            "x.toml:10:1: [sweep] needs at least two values",
        ),
        (
            "key = \"service.x\"\nvalues = [1, 1]",
            "x.toml:12:14: the arm \"x_1\" exists already",
        ),
        (
            "key = \"service.x\"\nvalues = [1, \"a\"]",
            "x.toml:12:10: \"values\" in [sweep] has an element (2.) that",
        ),
        (
            "key = \"service.x\"",
            "x.toml:10:1: [sweep] needs \"values\"",
        ),
        (
            "kay = \"service.x\"\nvalues = [1, 2]",
            "x.toml:10:1: [sweep] needs \"key\"",
        ),
        (
            "key = \"service.x\"\nvalues = [1, 2]\n[[arms]]\nname = \"a\"",
            "x.toml:10:1: [sweep] and [[arms]] exclude each other",
        ),
    ] {
        let found = complaints_about(&format!("[sweep]\n{sweep}\n"));
        assert!(found[0].starts_with(message), "{sweep}: {found:?}");
    }
}
