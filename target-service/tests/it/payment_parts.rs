//! The parts around a call to the gateway, switched on one by one, and turned while the service runs.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Act, Paying, until};

fn error() -> Act {
    Act::Say(500, json!({"code": "internal"}).to_string())
}

/// Nothing is reconciled during the test.
const LATER: [(&str, &str); 3] = [
    ("payment.reconcile.interval", "1h"),
    ("payment.reconcile.sweep", "1h"),
    ("payment.reconcile.compare", "0s"),
];

async fn paying(settings: &[(&str, &str)]) -> Paying {
    Paying::with(&[&LATER, settings].concat()).await
}

#[tokio::test]
async fn a_retry_carries_the_same_key_and_is_counted() {
    let paying = paying(&[]).await;
    paying.gateway.script([error(), error()]);
    assert_eq!(paying.pay("k1").await.status, 201);
    let asked = paying.gateway.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked.iter().all(|key| *key == asked[0]), "{asked:?}");
    let attempts = async |attempt| {
        let labels = &["name=\"payment_gateway\"", attempt];
        paying
            .app
            .metric("target_retry_attempts_total", labels)
            .await
    };
    assert_eq!(attempts("attempt=\"first\"").await, 1.0);
    assert_eq!(attempts("attempt=\"retry\"").await, 2.0);
}

#[tokio::test]
async fn a_charge_whose_answer_was_lost_is_not_made_again_by_the_retry() {
    let paying = paying(&[("payment.timeout.read", "300ms")]).await;
    paying.gateway.script([Act::LoseAnswer]);
    assert_eq!(paying.pay("k1").await.status, 201);
    assert_eq!(
        (paying.gateway.asked().len(), paying.gateway.charges().len()),
        (2, 1)
    );
}

#[tokio::test]
async fn what_the_gateway_refuses_is_not_sent_again_but_for_too_many_requests() {
    let paying = paying(&[]).await;
    let say = |status, code: &str| Act::Say(status, json!({ "code": code }).to_string());
    paying.gateway.script([
        Act::Decline,
        say(422, "idempotency_key_reused"),
        say(400, "invalid"),
    ]);
    for number in 1..=3 {
        paying.pay(&format!("k{number}")).await;
        assert_eq!(paying.gateway.asked().len(), number);
    }
    paying.gateway.script([say(429, "too_many")]);
    assert_eq!(paying.pay("k4").await.status, 201);
    assert_eq!(paying.gateway.asked().len(), 5);
    paying.gateway.script((0..3).map(|_| say(429, "too_many")));
    paying
        .pay("k5")
        .await
        .assert_problem(503, "gateway_unavailable");
}

#[tokio::test]
async fn the_budget_pays_for_no_retry_when_nothing_succeeds() {
    let paying = paying(&[
        ("payment.retry.budget.enabled", "true"),
        ("payment.retry.budget.min_per_second", "0"),
    ])
    .await;
    paying.gateway.script([error()]);
    assert_eq!(paying.pay("k1").await.status, 202);
    assert_eq!(paying.gateway.asked().len(), 1);
    let stopped = &["reason=\"budget\""];
    assert_eq!(
        paying
            .app
            .metric("target_retry_stopped_total", stopped)
            .await,
        1.0
    );
}

fn unix_seconds() -> f64 {
    let now = std::time::SystemTime::now();
    let since_epoch = now.duration_since(std::time::UNIX_EPOCH);
    since_epoch.unwrap().as_secs_f64()
}

#[tokio::test]
async fn an_open_breaker_fails_at_once_and_spares_the_gateway() {
    let paying = paying(&[
        ("payment.breaker.enabled", "true"),
        ("payment.breaker.min_calls", "3"),
        ("payment.breaker.open_for", "1h"),
        ("payment.retry.max_retries", "0"),
    ])
    .await;
    paying.gateway.script([error(), error(), error()]);
    let before = unix_seconds();
    for number in 0..3 {
        assert_eq!(paying.pay(&format!("k{number}")).await.status, 202);
    }
    paying
        .pay("k3")
        .await
        .assert_problem(503, "gateway_unavailable");
    let opened = "target_circuit_breaker_transition_timestamp_seconds";
    let at = async |to| paying.app.metric(opened, &[to]).await;
    let opened_at = at("to=\"open\"").await;
    assert!(
        (before..=unix_seconds()).contains(&opened_at),
        "{opened_at}"
    );
    assert_eq!(at("to=\"half_open\"").await, 0.0);
    assert_eq!(paying.gateway.asked().len(), 3);
    let open = &["name=\"payment_gateway\"", "state=\"open\""];
    assert_eq!(
        paying
            .app
            .metric("target_circuit_breaker_state", open)
            .await,
        1.0
    );
    assert_eq!(
        paying.stored().await.last().unwrap(),
        &("FAILED".to_owned(), Some("unavailable".to_owned()))
    );
}

#[tokio::test]
async fn declines_do_not_open_the_breaker() {
    let paying = paying(&[
        ("payment.breaker.enabled", "true"),
        ("payment.breaker.min_calls", "1"),
        ("payment.breaker.error_share", "0"),
    ])
    .await;
    paying
        .gateway
        .script([Act::Decline, Act::Decline, Act::Decline]);
    for number in 0..3 {
        paying
            .pay(&format!("k{number}"))
            .await
            .assert_problem(402, "payment_declined");
    }
    assert_eq!(paying.pay("k4").await.status, 201);
}

/// While one payment is under way at the gateway, another one is refused.
async fn second_is_refused(paying: &Paying) {
    paying.gateway.script([Act::Work]);
    let first = tokio::spawn(paying.request("k1").send());
    paying.until_asked(1).await;
    paying
        .pay("k2")
        .await
        .assert_problem(503, "gateway_unavailable");
    assert_eq!(paying.gateway.asked().len(), 1);
    paying.gateway.release();
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
    assert_eq!(paying.pay("k3").await.status, 201);
}

#[tokio::test]
async fn a_full_bulkhead_refuses_at_once() {
    let paying = paying(&[
        ("payment.bulkhead.enabled", "true"),
        ("payment.bulkhead.max_concurrent", "1"),
        ("payment.bulkhead.max_waiting", "0"),
    ])
    .await;
    second_is_refused(&paying).await;
    let full = &["name=\"payment_gateway\"", "reason=\"full\""];
    assert_eq!(
        paying
            .app
            .metric("target_bulkhead_rejections_total", full)
            .await,
        1.0
    );
}

#[tokio::test]
async fn behind_an_open_breaker_nobody_waits_for_a_place() {
    let paying = paying(&[
        ("payment.breaker.enabled", "true"),
        ("payment.breaker.min_calls", "3"),
        ("payment.breaker.open_for", "1h"),
        ("payment.retry.max_retries", "0"),
        ("payment.bulkhead.enabled", "true"),
        ("payment.bulkhead.max_concurrent", "2"),
        ("payment.bulkhead.max_waiting", "1"),
        ("payment.bulkhead.max_wait", "100ms"),
    ])
    .await;
    let acts = [Act::Work, error(), error(), error()];
    paying.gateway.script(acts);
    let under_way = tokio::spawn(paying.request("k0").send());
    paying.until_asked(1).await;
    for number in 1..=3 {
        assert_eq!(paying.pay(&format!("k{number}")).await.status, 202);
    }
    paying
        .app
        .set_knobs(json!({"payment.bulkhead.max_concurrent": 1}))
        .await;
    paying
        .pay("k4")
        .await
        .assert_problem(503, "gateway_unavailable");
    let count = async |name: &str, labels: &[&str]| paying.app.metric(name, labels).await;
    let rejected = "target_circuit_breaker_calls_total";
    let label = &["name=\"payment_gateway\"", "outcome=\"rejected\""];
    assert_eq!(count(rejected, label).await, 1.0);
    assert_eq!(
        count("target_bulkhead_rejections_total", &label[..1]).await,
        0.0
    );
    paying.gateway.release();
    assert_eq!(under_way.await.unwrap().unwrap().status(), 201);
}

#[tokio::test]
async fn a_call_waits_for_a_connection_no_longer_than_its_place_timeout() {
    let paying = paying(&[
        ("payment.http.max_connections", "1"),
        ("payment.timeout.place", "100ms"),
    ])
    .await;
    second_is_refused(&paying).await;
    let place = &["bound=\"place\""];
    assert_eq!(paying.app.metric("target_timeouts_total", place).await, 1.0);
}

#[tokio::test]
async fn above_the_rate_payments_are_refused() {
    let paying = paying(&[
        ("payment.rate_limit.enabled", "true"),
        ("payment.rate_limit.per_second", "0"),
        ("payment.rate_limit.burst", "2"),
    ])
    .await;
    assert_eq!(paying.pay("k1").await.status, 201);
    assert_eq!(paying.pay("k2").await.status, 201);
    paying
        .pay("k3")
        .await
        .assert_problem(503, "gateway_unavailable");
    assert_eq!(paying.gateway.asked().len(), 2);
}

#[tokio::test]
async fn the_throttle_refuses_when_too_few_are_accepted() {
    let paying = paying(&[
        ("payment.throttle.enabled", "true"),
        ("payment.throttle.multiplier", "1.0"),
        ("payment.retry.max_retries", "0"),
    ])
    .await;
    let refusal = || Act::Say(429, json!({"code": "too_many"}).to_string());
    paying.gateway.script((0..1_000).map(|_| refusal()));
    let mut number = 0;
    until("a call is refused here", async || {
        number += 1;
        paying.pay(&format!("k{number}")).await;
        paying.gateway.asked().len() < number
    })
    .await;
}

#[tokio::test]
async fn connections_are_used_again_unless_that_is_switched_off() {
    let paying = paying(&[]).await;
    for number in 0..3 {
        assert_eq!(paying.pay(&format!("k{number}")).await.status, 201);
    }
    assert_eq!(paying.gateway.connections(), 1);
    paying
        .app
        .set_knobs(json!({"payment.http.keep_alive": false}))
        .await;
    for number in 3..6 {
        assert_eq!(paying.pay(&format!("k{number}")).await.status, 201);
    }
    // The first of these may still find the old one.
    assert!((3..=4).contains(&paying.gateway.connections()));
    let opened = "target_payment_gateway_connections_opened_total";
    let opened = paying.app.metric(opened, &[]).await;
    assert_eq!(opened as u64, paying.gateway.connections());
}

#[tokio::test]
async fn a_call_inside_the_transaction_keeps_the_connection_and_one_outside_does_not() {
    for (inside, status) in [("false", 200), ("true", 503)] {
        let paying = paying(&[
            ("payment.call_in_transaction", inside),
            ("db.pool.max_size", "1"),
            ("db.pool.acquire_timeout", "200ms"),
            // Its worker would want the connection, too.
            ("payment.reconcile.requested_for", "1h"),
        ])
        .await;
        paying.gateway.script([Act::Work]);
        let under_way = tokio::spawn(paying.request("k1").send());
        paying.until_asked(1).await;
        let path = format!("/members/{}", paying.member);
        if status == 200 {
            until("an unrelated request is answered", async || {
                paying.app.get(&path).await.status == 200
            })
            .await;
        } else {
            paying
                .app
                .get(&path)
                .await
                .assert_problem(503, "pool_exhausted");
            assert_eq!(
                paying.stored().await,
                [],
                "the payment is not committed yet"
            );
        }
        paying.gateway.release();
        assert_eq!(
            under_way.await.unwrap().unwrap().status(),
            201,
            "inside: {inside}"
        );
        assert_eq!(paying.stored().await, [("SUCCEEDED".to_owned(), None)]);
        until("the connection is free", async || {
            paying.pay("k1").await.status == 201
        })
        .await;
    }
}

#[tokio::test]
async fn calls_and_payments_and_the_time_spent_are_metrics() {
    let paying = paying(&[]).await;
    paying.gateway.script([Act::Decline]);
    join_all(["k1", "k2", "k3"].map(|key| paying.pay(key))).await;
    let count = async |name: &str, labels: &[&str]| paying.app.metric(name, labels).await;
    let calls = "http_client_request_duration_seconds_count";
    let charge = "url_template=\"/payments\"";
    for (labels, value) in [
        (&[charge, "http_response_status_code=\"201\""][..], 2.0),
        (
            &[
                charge,
                "http_response_status_code=\"402\"",
                "error_type=\"\"",
            ],
            1.0,
        ),
        (&["http_request_method=\"POST\""], 3.0),
    ] {
        assert_eq!(count(calls, labels).await, value, "{labels:?}");
    }
    for (status, value) in [
        ("REQUESTED", 3.0),
        ("SUCCEEDED", 2.0),
        ("FAILED", 1.0),
        ("PENDING", 0.0),
    ] {
        let label = format!("status=\"{status}\"");
        assert_eq!(
            count("target_payments_total", &[&label]).await,
            value,
            "{status}"
        );
    }
    let route = "http_route=\"/payments\"";
    let part = async |part: &str| count("target_request_time_seconds_sum", &[route, part]).await;
    assert!(part("part=\"gateway\"").await > 0.0);
    let all = count("http_server_request_duration_seconds_sum", &[route]).await;
    let mut parts = 0.0;
    for name in ["pool_wait", "sql", "gateway", "own"] {
        parts += part(&format!("part=\"{name}\"")).await;
    }
    assert!((parts / all - 1.0).abs() < 0.01, "{parts} of {all}");
}
