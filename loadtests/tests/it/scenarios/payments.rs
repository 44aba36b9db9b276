//! The scenarios about calling the payment gateway: each runs, with what its arms say in force.

use serde_json::{Value, json};

use super::{assert_the_gateway_was_disturbed, quick};

#[test]
fn http_pool() {
    let record = quick("http-pool");
    let client = |arm: usize| &payment(&record, arm)["http"];
    assert_eq!(client(0)["keep_alive"], true);
    assert_eq!(client(1)["keep_alive"], false);
    assert_eq!(client(2)["max_connections"], 2);
    let calls = sum(&record, 1, "gateway_charge_calls");
    let connects = sum(&record, 1, "gateway_connects");
    // At the edges of a phase a connection may be counted before its call.
    assert!(
        calls > 0.0 && connects >= 0.5 * calls,
        "{connects}, {calls}"
    );
}

#[test]
fn timeouts() {
    let record = quick("timeouts");
    let said: Vec<_> = (0..4)
        .map(|arm| {
            let payment = payment(&record, arm);
            let compare = &payment["reconcile"]["compare"];
            json!([payment["timeout"]["read"], payment["on_timeout"], compare])
        })
        .collect();
    assert_eq!(
        json!(said),
        json!([
            ["1s", "fail", "0s"],
            ["1s", "fail", "5s"],
            ["1s", "pending", "10s"],
            ["15s", "pending", "10s"]
        ])
    );
    for arm in 0..4 {
        assert!(sum(&record, arm, "payments_paid") > 0.0, "arm {arm}");
        // Compared, whatever there is to find in so short a time.
        let figures = &record["arms"][arm]["figures"];
        assert!(figures["orphans"].is_number(), "{figures}");
    }
}

#[test]
fn retry() {
    let record = quick("retry");
    let retry = |arm: usize| &payment(&record, arm)["retry"];
    assert_eq!(retry(0)["max_retries"], 0);
    assert_eq!(retry(1)["max_retries"], 2);
    assert_eq!(retry(1)["on"]["timeout"], true);
    assert_eq!(retry(2)["on"]["timeout"], false);
    assert_the_gateway_was_disturbed(&record);
    let events = record["arms"][0]["rounds"][0]["events"].to_string();
    for fault in ["errors 0.2", "declines 0.2", "reset", "latency 2s"] {
        assert!(events.contains(fault), "{fault} in {events}");
    }
}

#[test]
fn idempotency() {
    let record = quick("idempotency");
    let events = record["arms"][2]["rounds"][0]["events"].to_string();
    assert!(events.contains("latency 1500ms on the gateway"), "{events}");
    for arm in [0, 2] {
        let figures = &record["arms"][arm]["figures"];
        assert_eq!(figures["double_charges"], 0.0, "{figures}");
    }
}

#[test]
fn gateway_tps() {
    let record = quick("gateway-tps");
    for (arm, mode) in ["inline", "inline", "queued"].iter().enumerate() {
        assert_eq!(payment(&record, arm)["mode"], *mode);
        let gateway = &record["arms"][arm]["effective"]["gateway"];
        assert_eq!(gateway["rate_limit"], 100, "{gateway}");
        assert!(sum(&record, arm, "payments_paid") > 0.0, "arm {arm}");
    }
    // Customers ask every 2 s, and in a quick run have no patience for that.
    let queued = record["arms"][2]["rounds"][0]["phases"].to_string();
    assert!(queued.contains("POST /payments"), "{queued}");
    assert!(!queued.contains("GET /payments/{id}"), "{queued}");
}

/// What the running service says of its payments.
fn payment(record: &Value, arm: usize) -> &Value {
    &record["arms"][arm]["effective"]["service"]["payment"]
}

/// A figure of the servers, over the judged phases of an arm.
fn sum(record: &Value, arm: usize, figure: &str) -> f64 {
    let phases = record["arms"][arm]["rounds"][0]["phases"].as_array();
    let of = |phase: &Value| phase["server"][figure].as_f64();
    phases.unwrap().iter().filter_map(of).sum()
}
