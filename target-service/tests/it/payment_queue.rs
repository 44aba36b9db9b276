//! `payment.mode = "queued"`: accepted now, paid by a worker at the permitted rate.

use serde_json::json;
use sqlx::Connection as _;

use crate::support::{Act, Paying, id_in, until};

#[tokio::test]
async fn a_queued_payment_is_accepted_at_once_and_paid_later() {
    let paying = Paying::with(&[("payment.mode", "queued")]).await;
    paying.gateway.script([Act::Work]);
    let answer = paying.pay("k1").await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (202, &json!("REQUESTED"))
    );
    paying.until_asked(1).await;
    let repeated = paying.pay("k1").await;
    assert_eq!(
        (repeated.status, &repeated.body["id"]),
        (202, &answer.body["id"])
    );
    paying.gateway.release();
    paying.until_status(&id_in(&answer), "SUCCEEDED").await;
    assert_eq!(paying.pay("k1").await.status, 201);
    assert_eq!(paying.gateway.asked().len(), 1);
}

#[tokio::test]
async fn the_queue_is_worked_off_in_its_order_and_no_faster_than_its_rate() {
    let paying = Paying::with(&[
        ("payment.mode", "queued"),
        ("payment.queue.rate", "20"),
        ("payment.queue.max_in_flight", "1"),
    ])
    .await;
    let began = std::time::Instant::now();
    let mut expected = Vec::new();
    for number in 0..12 {
        let answer = paying.pay(&format!("k{number}")).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        expected.push(format!("payment-{}", answer.body["id"]));
    }
    paying.until_asked(12).await;
    // The worker may already have its turn when the first comes, and the next turn may be due by then; the
    // other ten come 50 ms apart each: a slow machine can only take longer.
    assert!(
        began.elapsed().as_millis() >= 10 * 50,
        "{:?}",
        began.elapsed()
    );
    assert_eq!(paying.gateway.asked(), expected);
    until("all are paid", async || {
        paying
            .stored()
            .await
            .iter()
            .all(|(status, _)| status == "SUCCEEDED")
    })
    .await;
    until("nothing waits", async || {
        paying.app.metric("target_payments_queued", &[]).await == 0.0
    })
    .await;
}

#[tokio::test]
async fn turns_do_not_wait_for_each_others_connections() {
    let paying = Paying::with(&[
        ("payment.mode", "queued"),
        ("payment.queue.rate", "20"),
        ("db.pool.max_size", "1"),
        ("db.pool.min_size", "1"),
        ("db.pool.acquire_timeout", "30s"),
    ])
    .await;
    for number in 0..40 {
        assert_eq!(paying.pay(&format!("k{number}")).await.status, 202);
    }
    // A request that waits for somebody else's lock keeps the only connection.
    let mut other = paying.app.connect().await;
    let mut transaction = other.begin().await.unwrap();
    let lock = "SELECT id FROM members FOR UPDATE";
    sqlx::query(lock).execute(&mut *transaction).await.unwrap();
    let rename = paying
        .app
        .patch("/members/1/nickname", json!({"nickname": "other"}));
    let several_wait = until("several turns wait for the connection", async || {
        paying
            .app
            .metric("db_client_connection_pending_requests", &[])
            .await
            >= 3.0
    });
    let unblock = async {
        several_wait.await;
        transaction.rollback().await.unwrap();
    };
    let (renamed, ()) = tokio::join!(rename, unblock);
    assert_eq!(renamed.status, 200, "{renamed:?}");
    paying.until_asked(40).await;
}

#[tokio::test]
async fn what_waits_in_the_queue_survives_a_crash() {
    let mut paying = Paying::with(&[
        ("payment.mode", "queued"),
        ("payment.queue.max_in_flight", "1"),
        ("payment.reconcile.requested_for", "1s"),
    ])
    .await;
    paying.gateway.script([Act::Work]);
    for number in 0..30 {
        assert_eq!(paying.pay(&format!("k{number}")).await.status, 202);
    }
    paying.until_asked(1).await;
    paying.app.kill().await;

    let url = paying.app.database.url();
    let settings = [
        ("db.url", url.as_str()),
        ("payment.reconcile.requested_for", "1s"),
    ];
    // Also a service that takes in nothing for the queue works it off.
    let _other = Paying::service(&paying.gateway, &settings).await;
    until("all are settled", async || {
        let stored = paying.stored().await;
        stored
            .iter()
            .all(|(status, _)| status == "SUCCEEDED" || status == "FAILED")
    })
    .await;
    paying.gateway.release();
    let stored = paying.stored().await;
    let succeeded = stored
        .iter()
        .filter(|(status, _)| status == "SUCCEEDED")
        .count();
    // What the first worker was at is settled, and not sent again.
    assert!(succeeded >= 29, "{succeeded}");
    assert_eq!(paying.gateway.standing(), succeeded);
}
