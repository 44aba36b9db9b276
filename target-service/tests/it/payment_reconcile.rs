//! Payments whose outcome is not known at first.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Act, Manner, Paying, id_in, until};

const IMPATIENT: &[(&str, &str)] = &[
    ("payment.timeout.read", "100ms"),
    ("payment.retry.max_retries", "0"),
];

#[tokio::test]
async fn a_charge_whose_answer_is_lost_is_found_and_the_payment_succeeds() {
    let paying = Paying::with(IMPATIENT).await;
    paying.gateway.script([Act::LoseAnswer]);
    let answer = paying.pay("k1").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.body["status"], "PENDING");
    paying.until_status(&answer.body["id"], "SUCCEEDED").await;
    let repeated = paying.pay("k1").await;
    assert_eq!(
        (repeated.status, &repeated.body["id"]),
        (201, &answer.body["id"])
    );
    assert_eq!(
        (paying.gateway.asked().len(), paying.gateway.standing()),
        (1, 1)
    );
}

#[tokio::test]
async fn work_that_the_gateway_has_not_done_is_cancelled_before_the_payment_fails() {
    let paying = Paying::with(IMPATIENT).await;
    paying.gateway.script([Act::Work]);
    let answer = paying.pay("k1").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = id_in(&answer);
    paying.until_status(&id, "FAILED").await;
    assert_eq!(paying.find(&id).await["failure"], "not_charged");
    assert!(paying.gateway.has_tombstone(&id));
    // The work goes on now, and finds the tombstone.
    paying.gateway.release();
    paying
        .pay("k1")
        .await
        .assert_problem(402, "payment_not_charged");
    assert_eq!(paying.pay("k2").await.status, 201);
    assert_eq!(
        paying.gateway.charges().len(),
        1,
        "only the second was charged"
    );
}

#[tokio::test]
async fn told_as_failed_a_charge_that_stands_is_an_orphan_until_the_comparison_cancels_it() {
    let mistake = [
        ("payment.on_timeout", "fail"),
        ("payment.reconcile.compare", "1s"),
    ];
    let paying = Paying::with(&[IMPATIENT, &mistake].concat()).await;
    paying.gateway.script([Act::LoseAnswer]);
    let answer = paying.pay("k1").await;
    answer.assert_problem(504, "payment_failed");
    assert_eq!(paying.gateway.standing(), 1, "the orphan");
    until("the orphan is cancelled", async || {
        paying.gateway.standing() == 0
    })
    .await;
    until("it is counted", async || {
        paying
            .app
            .metric("target_payments_orphans_total", &[])
            .await
            == 1.0
    })
    .await;
    let payment = paying.find(&id_in(&answer)).await;
    assert_eq!(
        (&payment["status"], &payment["failure"]),
        (&json!("FAILED"), &json!("timed_out"))
    );
}

#[tokio::test]
async fn failures_that_nobody_doubts_are_compared_too_in_their_time() {
    let paying = Paying::with(&[("payment.reconcile.compare_certain", "50ms")]).await;
    paying.gateway.script([Act::Decline]);
    let id = id_in(&paying.pay("k1").await);
    until("the gateway has a tombstone for it", async || {
        paying.gateway.has_tombstone(&id)
    })
    .await;
    assert_eq!(paying.find(&id).await["failure"], "declined");
    assert_eq!(
        paying
            .app
            .metric("target_payments_orphans_total", &[])
            .await,
        0.0
    );
}

#[tokio::test]
async fn a_payment_without_an_outcome_raises_the_alert_and_is_never_given_up() {
    let paying = Paying::with(IMPATIENT).await;
    paying.gateway.script([Act::LoseAnswer]);
    paying.gateway.reads(Manner::Fails);
    let id = id_in(&paying.pay("k1").await);
    let unresolved = async || paying.app.metric("target_payments_unresolved", &[]).await;
    until("it is unresolved", async || unresolved().await == 1.0).await;
    let looks = async || {
        let outcome = &["outcome=\"unresolved\""];
        paying
            .app
            .metric("target_payments_reconciled_total", outcome)
            .await
    };
    until("the sweep goes on after the attempts", async || {
        looks().await >= 5.0
    })
    .await;
    assert_eq!(paying.find(&id).await["status"], "PENDING");
    paying.gateway.reads(Manner::Does);
    paying.until_status(&id, "SUCCEEDED").await;
    until("it is resolved", async || unresolved().await == 0.0).await;
}

/// Neither this payment nor the others that are due wait for it.
#[tokio::test]
async fn a_gateway_that_asks_for_an_hours_pause_is_asked_again_when_it_is_due() {
    let settings = [
        ("payment.timeout.read", "100ms"),
        ("payment.retry.max_retries", "1"),
    ];
    let paying = Paying::with(&settings).await;
    paying.gateway.script([Act::LoseAnswer, Act::LoseAnswer]);
    paying.gateway.reads(Manner::AsksForAnHour);
    let id = id_in(&paying.pay("k1").await);
    let stopped = async || {
        let reason = &["reason=\"retry_after\""];
        paying
            .app
            .metric("target_retry_stopped_total", reason)
            .await
    };
    until("it is asked again", async || stopped().await >= 2.0).await;
    paying.gateway.reads(Manner::Does);
    paying.until_status(&id, "SUCCEEDED").await;
}

#[tokio::test]
async fn an_answer_that_comes_after_the_cancellation_confirms_nothing() {
    let paying = Paying::with(&[("payment.reconcile.requested_for", "100ms")]).await;
    paying.gateway.script([Act::Work]);
    let under_way = tokio::spawn(paying.request("k1").send());
    until("reconciliation has come first", async || {
        paying.stored().await == [("FAILED".to_owned(), Some("not_charged".to_owned()))]
    })
    .await;
    paying.gateway.release();
    let answer = crate::support::Answer::read(under_way.await.unwrap().unwrap()).await;
    answer.assert_problem(402, "payment_not_charged");
    assert_eq!(paying.gateway.standing(), 0);
}

#[tokio::test]
async fn an_answer_that_comes_after_the_charge_was_found_is_told_as_it_is() {
    let paying = Paying::with(&[("payment.reconcile.requested_for", "100ms")]).await;
    paying.gateway.script([Act::AnswerLate]);
    let under_way = tokio::spawn(paying.request("k1").send());
    until("reconciliation has come first", async || {
        paying.stored().await == [("SUCCEEDED".to_owned(), None)]
    })
    .await;
    paying.gateway.release();
    assert_eq!(under_way.await.unwrap().unwrap().status(), 201);
    assert_eq!(paying.gateway.standing(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_leaves_a_payment_that_is_resolved() {
    let paying = Paying::with(&[
        ("request.abandoned", "cancel"),
        ("payment.reconcile.requested_for", "1s"),
    ])
    .await;
    paying.gateway.script([Act::Work]);
    let under_way = tokio::spawn(paying.request("k1").send());
    paying.until_asked(1).await;
    under_way.abort();
    until("the work is dropped", async || {
        paying
            .app
            .metric("target_http_requests_abandoned_total", &[])
            .await
            == 1.0
    })
    .await;
    assert_eq!(paying.stored().await, [("REQUESTED".to_owned(), None)]);
    until("it is resolved", async || {
        paying.stored().await == [("FAILED".to_owned(), Some("not_charged".to_owned()))]
    })
    .await;
    paying.gateway.release();
    assert_eq!(paying.gateway.standing(), 0);
}

#[tokio::test]
async fn the_work_for_a_client_that_leaves_goes_on_where_that_is_wanted() {
    let paying = Paying::start().await;
    paying.gateway.script([Act::Work]);
    let under_way = tokio::spawn(paying.request("k1").send());
    paying.until_asked(1).await;
    under_way.abort();
    paying.gateway.release();
    until("it is paid", async || {
        paying.stored().await == [("SUCCEEDED".to_owned(), None)]
    })
    .await;
    assert_eq!(paying.pay("k1").await.status, 201);
    assert_eq!(paying.gateway.asked().len(), 1);
}

#[tokio::test]
async fn a_deadline_in_the_middle_leaves_a_payment_that_is_resolved() {
    let paying = Paying::with(&[("payment.reconcile.requested_for", "1s")]).await;
    paying.gateway.script([Act::LoseAnswer]);
    let request = paying.request("k1").header("x-request-deadline-ms", "300");
    let answer = paying.app.send(request).await;
    // Whichever comes first at that moment: the answer without an outcome, or the end of the request.
    assert!([202, 504].contains(&answer.status), "{answer:?}");
    until("it is resolved", async || {
        paying.stored().await == [("SUCCEEDED".to_owned(), None)]
    })
    .await;
    assert_eq!(
        paying.gateway.asked().len(),
        1,
        "there was no retry past the deadline"
    );
}

#[tokio::test]
async fn nothing_is_sent_past_the_deadline() {
    let paying = Paying::start().await;
    let request = paying.request("k1").header("x-request-deadline-ms", "0");
    let answer = paying.app.send(request).await;
    answer.assert_problem(504, "deadline_exceeded");
    assert_eq!(paying.stored().await, []);
    assert_eq!(paying.gateway.asked().len(), 0);
}

#[tokio::test]
async fn instances_side_by_side_resolve_every_payment_once() {
    let paying = Paying::with(IMPATIENT).await;
    let url = paying.app.database.url();
    let other = Paying::service(&paying.gateway, &[("db.url", &url)]).await;
    let lost = |number| {
        if number % 2 == 0 {
            Act::LoseAnswer
        } else {
            Act::Work
        }
    };
    paying.gateway.script((0..20).map(lost));
    let keys: Vec<_> = (0..20).map(|number| format!("k{number}")).collect();
    let answers = join_all(keys.iter().map(|key| paying.pay(key))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 202),
        "{answers:?}"
    );
    until("all are resolved", async || {
        let stored = paying.stored().await;
        stored
            .iter()
            .all(|(status, _)| status == "SUCCEEDED" || status == "FAILED")
    })
    .await;
    paying.gateway.release();
    let stored = paying.stored().await;
    let succeeded = stored.iter().filter(|(status, _)| status == "SUCCEEDED");
    assert_eq!(succeeded.count(), 10);
    assert_eq!(paying.gateway.standing(), 10);
    let orders: BTreeSet<_> = paying
        .gateway
        .charges()
        .into_iter()
        .map(|c| c.order_id)
        .collect();
    assert_eq!(orders.len(), 10, "none was charged twice");
    // Each change of a status is counted by the one instance that made it.
    let mut counted = 0.0;
    for app in [&paying.app, &other] {
        let labels = &["status=\"SUCCEEDED\""];
        counted += app.metric("target_payments_total", labels).await;
    }
    assert_eq!(counted, 10.0);
}
