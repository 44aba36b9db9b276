//! The parts around a call to the gateway are knobs.

use reqwest::Method;
use serde_json::json;

use crate::support::{Act, Paying};

#[tokio::test]
async fn knobs_of_the_gateway_take_effect_while_the_service_runs() {
    let paying = Paying::with(&[]).await;
    paying
        .app
        .set_knobs(json!({"payment.retry.max_retries": 0}))
        .await;
    paying
        .gateway
        .script([Act::Say(500, json!({"code": "internal"}).to_string())]);
    assert_eq!(paying.pay("k1").await.status, 202);
    assert_eq!(paying.gateway.asked().len(), 1);

    paying
        .app
        .set_knobs(json!({"payment.timeout.read": "100ms"}))
        .await;
    paying.gateway.script([Act::LoseAnswer]);
    assert_eq!(paying.pay("k2").await.status, 202);
    let read = &["bound=\"read\""];
    assert_eq!(paying.app.metric("target_timeouts_total", read).await, 1.0);
}

#[tokio::test]
async fn every_knob_is_a_key_of_the_configuration_and_shows_there() {
    let paying = Paying::with(&[("payment.retry.max_retries", "1")]).await;
    let app = &paying.app;
    app.set_knobs(json!({"payment.breaker.error_share": 0.25, "payment.retry.budget.ttl": "7s"}))
        .await;
    let knobs = app.admin(Method::GET, "/admin/knobs", None).await.body;
    let config = app.admin(Method::GET, "/admin/config", None).await.body;
    for (name, value) in knobs.as_object().unwrap() {
        let pointer = format!("/{}", name.replace('.', "/"));
        assert_eq!(config.pointer(&pointer), Some(value), "{name}");
    }
    for part in [
        "timeout",
        "retry",
        "breaker",
        "bulkhead",
        "rate_limit",
        "throttle",
        "http",
    ] {
        let leaves = leaves(&config["payment"][part]);
        let prefix = format!("payment.{part}.");
        let known = knobs.as_object().unwrap().keys();
        assert_eq!(
            known.filter(|name| name.starts_with(&prefix)).count(),
            leaves,
            "{part}"
        );
    }
    assert_eq!(knobs["payment.retry.max_retries"], 1);
    assert_eq!(knobs["payment.breaker.error_share"], 0.25);
    assert_eq!(knobs["payment.retry.budget.ttl"], "7s");
}

fn leaves(value: &serde_json::Value) -> usize {
    value
        .as_object()
        .map_or(1, |fields| fields.values().map(leaves).sum())
}

#[tokio::test]
async fn a_patch_with_a_mistake_in_one_part_changes_none() {
    let paying = Paying::with(&[]).await;
    let before = paying
        .app
        .admin(Method::GET, "/admin/knobs", None)
        .await
        .body;
    for (name, value, code) in [
        ("payment.retry.maximum", json!(1), "unknown_knob"),
        ("payment.retry", json!({"max_retries": 1}), "unknown_knob"),
        ("payment.gateway.url", json!("http://h:1"), "unknown_knob"),
        ("payment.retry.max_retries", json!("1"), "wrong_type"),
        ("payment.timeout.read", json!("soon"), "wrong_type"),
        (
            "payment.retry.backoff.strategy",
            json!("hope"),
            "wrong_type",
        ),
        ("payment.breaker.half_open_calls", json!(0), "out_of_range"),
        ("payment.retry.budget.ratio", json!(2), "out_of_range"),
    ] {
        let patch =
            json!({"payment.timeout.connect": "7s", "db.lock_timeout": "123ms", name: value});
        let answer = paying
            .app
            .admin(Method::PATCH, "/admin/knobs", Some(patch))
            .await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [(name, code)]);
    }
    assert_eq!(
        paying
            .app
            .admin(Method::GET, "/admin/knobs", None)
            .await
            .body,
        before
    );
}
