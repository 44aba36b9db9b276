//! The mock payment gateway as a process: what it charges, and what it tells of that.

use std::process::Command;

use reqwest::StatusCode;
use serde_json::json;
use squall::gateway::ChargeStatus;
use tokio::task::JoinHandle;

use crate::gateway_support::{Rig, code, refusal, told, value_of};
use crate::playground::{Place, eventually, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_charged_once_told_and_taken_back() {
    let rig = Rig::new(json!({})).await;
    let (status, first) = told(rig.pay("k", "o", 100)).await;
    assert_eq!(status, 201);
    assert_eq!(first["order_id"], "o");
    assert_eq!(first["amount"], 100);
    assert_eq!(first["status"], "APPROVED");
    assert_eq!(told(rig.pay("k", "o", 100)).await, (status, first.clone()));
    assert_eq!(
        code(told(rig.pay("k", "o", 101)).await),
        refusal(422, "idempotency_key_reused")
    );
    // A careless client charges twice.
    let (status, second) = told(rig.pay("l", "o", 50)).await;
    assert_eq!(status, 201);
    assert_ne!(first["payment_id"], second["payment_id"]);

    let (status, order) = rig.order("o").await;
    assert_eq!(status, 200);
    assert_eq!(order["status"], "APPROVED");
    assert_eq!(order["amount"], 150);
    assert_eq!(order["charges"][1]["idempotency_key"], "l");
    assert_eq!(order["charges"][0]["payment_id"], first["payment_id"]);

    let cancelled = json!({ "order_id": "o", "status": "CANCELLED" });
    assert_eq!(rig.cancel("o").await, (StatusCode::OK, cancelled));
    let (_, order) = rig.order("o").await;
    assert_eq!(order["status"], "CANCELLED");
    assert_eq!(order["amount"], 0);
    assert_eq!(
        code(told(rig.pay("m", "o", 100)).await),
        refusal(409, "cancelled")
    );
    let ledger = rig.gateway.ledger().await.unwrap();
    assert_eq!(ledger.len(), 2);
    for charge in ledger {
        assert_eq!(charge.status, ChargeStatus::Cancelled);
        assert!(charge.cancelled_at >= Some(charge.charged_at));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_of_nothing_keeps_the_payment_from_coming_later() {
    let rig = Rig::new(json!({})).await;
    assert_eq!(code(rig.order("o").await), refusal(404, "not_found"));
    assert_eq!(rig.cancel("o").await.0, 200);
    let (status, order) = rig.order("o").await;
    assert_eq!(status, 200);
    assert_eq!(order["status"], "CANCELLED");
    assert_eq!(order["charges"], json!([]));
    assert_eq!(
        code(told(rig.pay("k", "o", 100)).await),
        refusal(409, "cancelled")
    );
    assert!(rig.keys().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_cannot_be_read_is_refused_with_what_is_wrong() {
    let rig = Rig::new(json!({})).await;
    let without_key = rig
        .client
        .post(rig.url("/payments"))
        .json(&json!({ "order_id": "o", "amount": 1 }));
    assert_eq!(
        code(told(without_key).await),
        refusal(400, "idempotency_key_missing")
    );
    for body in [
        json!({ "order_id": "o" }),
        json!({ "order_id": "o", "amount": 0 }),
        json!({ "order_id": "o", "amount": -5 }),
        json!({ "order_id": "", "amount": 5 }),
        json!([]),
    ] {
        let request = rig.pay("k", "o", 1).json(&body);
        assert_eq!(code(told(request).await), refusal(400, "invalid"), "{body}");
    }
    let answer = rig.pay("k", "", 1).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert!(rig.keys().await.is_empty());
    let health = rig.client.get(rig.url("/healthz")).send().await.unwrap();
    assert_eq!(health.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_a_charge_that_the_same_key_finds_again() {
    let rig = Rig::new(json!({ "answer_lost_share": 1.0 })).await;
    let unanswered = rig.paying("k");
    rig.eventually("gateway_charges_total", 1);
    assert_eq!(rig.patch(json!({ "answer_lost_share": 0.0 })).await.0, 200);
    let (status, payment) = told(rig.pay("k", "k", 100)).await;
    assert_eq!(status, 201);
    assert!(!unanswered.is_finished());
    let ledger = rig.gateway.ledger().await.unwrap();
    assert_eq!(ledger.len(), 1);
    assert_eq!(payment["payment_id"], ledger[0].payment_id.as_str());
    assert_eq!(rig.metric("gateway_answers_lost_total"), 1);
    unanswered.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn declines_and_errors_charge_nothing_and_only_errors_pass() {
    let rig = Rig::new(json!({ "decline_share": 1.0 })).await;
    assert_eq!(
        code(told(rig.pay("k", "o", 100)).await),
        refusal(402, "declined")
    );
    assert_eq!(code(rig.order("o").await), refusal(404, "not_found"));
    rig.patch(json!({ "decline_share": 0.0, "error_share": 1.0 }))
        .await;
    assert_eq!(
        code(told(rig.pay("l", "p", 100)).await),
        refusal(500, "internal")
    );
    assert_eq!(code(rig.cancel("q").await), refusal(500, "internal"));
    assert!(rig.keys().await.is_empty());
    rig.patch(json!({ "error_share": 0.0 })).await;
    // The bank's word stands; an error was nobody's word.
    assert_eq!(told(rig.pay("k", "o", 100)).await.0, 402);
    assert_eq!(told(rig.pay("l", "p", 100)).await.0, 201);
    assert_eq!(rig.order("q").await.0, 404);
    assert_eq!(rig.keys().await, ["l"]);
}

#[test]
fn a_configuration_that_cannot_be_read_is_bad_usage() {
    let place = Place::new();
    let file = place.path("gateway.toml");
    std::fs::write(&file, "capacitee = 4\n").unwrap();
    let program = settings().programs.mock_gateway().unwrap();
    for (file, name) in [(file, "capacitee"), (place.path("none.toml"), "none.toml")] {
        let ended = Command::new(&program)
            .arg("--config")
            .arg(file)
            .output()
            .unwrap();
        assert_eq!(ended.status.code(), Some(2));
        let complaint = String::from_utf8(ended.stderr).unwrap();
        assert!(complaint.contains(name), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_payment_is_in_the_ledger_after_an_overload_whose_callers_left() {
    const CALLERS: u64 = 60;
    let rig = Rig::new(json!({ "latency": { "fixed": "20ms" }, "capacity": 2 })).await;
    let callers: Vec<_> = (0..CALLERS).map(|n| rig.paying(&n.to_string())).collect();
    eventually("all have arrived, and somebody still waits", || {
        let metrics = rig.metrics();
        let charges = value_of("gateway_charges_total", &metrics);
        let rest = value_of("gateway_in_work", &metrics) + value_of("gateway_waiting", &metrics);
        let answered = callers.iter().any(JoinHandle::is_finished);
        (answered && charges + rest >= CALLERS).then_some(())
    });
    // Some of them have been answered by now; the others leave.
    let mut acknowledged = 0;
    for caller in callers {
        if caller.is_finished() {
            assert_eq!(caller.await.unwrap().unwrap().status(), 201);
            acknowledged += 1;
        } else {
            caller.abort();
        }
    }
    assert!(acknowledged > 0);
    rig.eventually("gateway_charges_total", CALLERS);
    let keys = rig.keys().await;
    assert_eq!(keys.len() as u64, CALLERS);
    for number in 0..CALLERS {
        let number = number.to_string();
        assert_eq!(keys.iter().filter(|key| **key == number).count(), 1);
    }
}
