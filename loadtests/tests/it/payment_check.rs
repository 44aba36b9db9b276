//! The checker of payments in small labs: careful clients and services leave nothing to find, and the
//! mistakes that it is there for are found. Who is told that a payment is being confirmed hears the end.

use std::fs;

use serde_json::Value;

use crate::command::{self, Ended, run_scenario};

/// The load is a closed one, so that a busy machine makes no run invalid.
const SCENARIO: &str = r#"
name = "paying"
title = "Answers of the gateway are lost"
[environment]
dataset = { members = 100, posts = 100 }
[gateway]
latency = { fixed = "5ms" }
[service]
payment.timeout.read = "200ms"
payment.reconcile.requested_for = "1s"
payment.reconcile.interval = "200ms"
payment.reconcile.attempts = 100
flow.settle_after = "5s"
[load]
closed = { users = 4 }
deadline = "5s"
[[phases]]
name = "lost"
duration = "2s"
faults = [{ on = "gateway", kind = "answer_lost", value = 0.2 }]
"#;

const CAREFUL: &str = r#"
[[arms]]
name = "careful"
load.attempt_timeout = "150ms"
load.retry = { max = 10, backoff = { base = "50ms", cap = "200ms", jitter = "full" } }
[[claims]]
says = "Nobody is charged twice, or for nothing"
check = "arm.careful.double_charges == 0.0 && arm.careful.lost_charges == 0.0 && arm.careful.orphans == 0.0"
"#;

const NAIVE: &str = r#"
[[arms]]
name = "naive"
EXPECTS
service.payment.on_timeout = "fail"
service.payment.reconcile.compare = "0s"
# Trying again under the same key, the service would find the charge.
service.payment.retry.max_retries = 0
load.retry = { max = 3 }
load.keys = "per_attempt"
[[claims]]
says = "Charges stand for payments that failed, and several for one order"
check = "arm.naive.orphans > 0.0 && arm.naive.double_charges > 0.0"
"#;

fn run(journeys: &str, arms: &str) -> (Ended, Value) {
    let journeys = format!("closed = {{ users = 4 }}\njourneys = {{ {journeys} }}");
    let text = SCENARIO.replace("closed = { users = 4 }", &journeys);
    run_scenario(&(text + arms))
}

/// Code and detail of each finding.
fn findings(record: &Value) -> Vec<(String, String)> {
    let findings = record["arms"][0]["rounds"][0]["findings"].as_array();
    let text = |value: &'_ Value| value.as_str().map(str::to_owned).unwrap();
    let of = |finding: &Value| (text(&finding["code"]), text(&finding["detail"]));
    findings.unwrap().iter().map(of).collect()
}

#[test]
fn careful_clients_of_a_careful_service_leave_nothing_to_find() {
    let journeys = "pay_and_poll = 2, pay = 1, checkout = 1, charge_points = 1";
    let (ended, record) = run(journeys, CAREFUL);
    assert_eq!(findings(&record), [], "{}", ended.all());
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let arm = &record["arms"][0];
    for figure in [
        "still_pending",
        "unexpected_charges",
        "granted_unpaid",
        "wrong_amounts",
    ] {
        assert_eq!(arm["figures"][figure], 0.0, "{figure}");
    }
    let phase = &arm["rounds"][0]["phases"][0];
    for step in [
        "POST /payments",
        "POST /orders",
        "POST /members/{id}/points/charge",
    ] {
        let step = &phase["steps"][step];
        assert!(step["count"].as_u64() > step["failed"].as_u64(), "{step}");
    }
    let count = |step: &str| phase["steps"][step]["count"].as_f64().unwrap();
    let all_words = count("POST /payments") + count("POST /orders");
    assert_eq!(arm["figures"]["payments_tried"], all_words);
}

#[test]
fn charges_of_payments_that_failed_fail_the_run_with_their_ids() {
    let (ended, record) = run("pay_and_poll = 1", &NAIVE.replace("EXPECTS", ""));
    assert_eq!(ended.code, Some(3), "{}", ended.all());
    let found = findings(&record);
    let codes: Vec<&str> = found.iter().map(|(code, _)| &**code).collect();
    assert_eq!(codes, ["double_charge", "orphan"], "{found:?}");
    assert!(found[1].1.contains(" of payment "), "{found:?}");
    // The claims alone would have passed.
    assert_eq!(record["claims"][0]["holds"], true);
    assert_eq!(record["verdict"], "fail");
}

#[test]
fn an_arm_that_shows_the_mistake_passes_with_it() {
    let expects = "expects = [\"orphan\", \"double_charge\"]";
    let (ended, record) = run("pay_and_poll = 1", &NAIVE.replace("EXPECTS", expects));
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let found = findings(&record);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|(_, detail)| detail.contains("as expected"))
    );
}

/// While every answer is lost, nobody can be told more than 202; the service tries once, and so does
/// the client.
const POLLED: &str = r#"
name = "polling"
title = "Every answer of the gateway is lost for a while"
[environment]
dataset = { members = 100, posts = 100 }
[gateway]
latency = { fixed = "5ms" }
[service]
payment.timeout.read = "200ms"
payment.retry.max_retries = 0
payment.reconcile.interval = "200ms"
payment.reconcile.attempts = 100
[load]
closed = { users = 4 }
deadline = "30s"
journeys = { pay_and_poll = 1 }
[[phases]]
name = "lost"
duration = "1s"
faults = [{ on = "gateway", kind = "answer_lost", value = 1.0 }]
[[phases]]
name = "well"
duration = "500ms"
"#;

#[test]
fn who_is_told_that_a_payment_is_being_confirmed_polls_until_it_has_succeeded() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x.toml"), POLLED).unwrap();
    let ended = command::run(folder.path(), &["run", "x.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let record = command::record(&folder.path().join("out"));
    assert_eq!(findings(&record), [], "{}", ended.all());

    let phase = &record["arms"][0]["rounds"][0]["phases"][0];
    assert_eq!(phase["name"], "lost");
    let count = |step: &str, member: &str| phase["steps"][step][member].as_u64().unwrap();
    // An arrival of this journey is ok only when its client was told SUCCEEDED.
    assert!(phase["ok"].as_u64().unwrap() >= 4, "{phase}");
    assert_eq!(phase["ok"], phase["offered"], "{phase}");
    assert_eq!(count("POST /payments", "failed"), 0, "{phase}");
    // One attempt to pay each: what follows are questions, and they brought the outcome.
    assert_eq!(count("POST /payments", "count"), phase["ok"], "{phase}");
    assert!(count("GET /payments/{id}", "count") >= 4, "{phase}");
    let attempts = count("POST /payments", "count") + count("GET /payments/{id}", "count");
    assert_eq!(phase["attempts"].as_u64(), Some(attempts), "{phase}");
}
