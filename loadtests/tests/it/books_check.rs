//! The checker of the books in a small lab: lost updates are found, and where a lock holds there are none.

use serde_json::Value;

use crate::command::{Ended, run_scenario};

/// Everybody moves the points of one member, over a database that is far away: whoever reads a balance
/// without a lock reads one that others are about to change.
const SCENARIO: &str = r#"
name = "points"
title = "Many charges to one member"
[environment]
dataset = { members = 10, posts = 10 }
edges = { database = { latency = "2ms" } }
[load]
closed = { users = 10 }
client_timeout = "5s"
journeys = { charge = 1 }
[[journeys]]
name = "charge"
steps = [{ method = "POST", path = "/members/1/points/charge", headers = { Content-Type = "application/json" }, body = '{ "amount": 10, "idempotency_key": "{{uuid}}" }' }]
[[phases]]
name = "steady"
duration = "2s"
[[arms]]
name = "none"
EXPECTS
service.point.lock = "none"
[[arms]]
name = "row"
service.point.lock = "row"
[[claims]]
says = "Without a lock updates are lost, with one none is"
check = "arm.none.lost_updates > 0.0 && arm.none.unbalanced_accounts == 1.0 && arm.row.lost_updates == 0.0 && arm.row.unbalanced_accounts == 0.0"
"#;

fn run(expects: &str) -> (Ended, Value) {
    run_scenario(&SCENARIO.replace("EXPECTS", expects))
}

/// The codes of an arm's findings that fail the run.
fn failing(record: &Value, arm: usize) -> Vec<String> {
    let findings = record["arms"][arm]["rounds"][0]["findings"].as_array();
    let failing = findings.unwrap().iter().filter(|f| f["fails"] == true);
    failing
        .map(|finding| finding["code"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn lost_updates_are_counted_and_an_arm_may_be_there_to_show_them() {
    let (ended, record) = run(r#"expects = ["lost_update", "unbalanced"]"#);
    assert_eq!(failing(&record, 0), [""; 0], "{}", ended.all());
    assert_eq!(failing(&record, 1), [""; 0], "{}", ended.all());
    assert_eq!(record["claims"][0]["holds"], true, "{}", ended.all());
    assert_eq!(ended.code, Some(0), "{}", ended.all());
}

#[test]
fn lost_updates_that_nobody_expects_fail_the_run() {
    let (ended, record) = run("");
    assert_eq!(failing(&record, 0), ["lost_update", "unbalanced"]);
    assert_eq!(failing(&record, 1), [""; 0]);
    assert_eq!(ended.code, Some(3), "{}", ended.all());
}
