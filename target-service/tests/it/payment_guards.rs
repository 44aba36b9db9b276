//! The database refuses what a mistake in the service would do.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::support::Paying;

const STATUSES: [&str; 5] = ["REQUESTED", "PENDING", "SUCCEEDED", "FAILED", "REFUNDED"];
const LEGAL: [(&str, &str); 6] = [
    ("REQUESTED", "PENDING"),
    ("REQUESTED", "SUCCEEDED"),
    ("REQUESTED", "FAILED"),
    ("PENDING", "SUCCEEDED"),
    ("PENDING", "FAILED"),
    ("SUCCEEDED", "REFUNDED"),
];

async fn run(database: &mut PgConnection, statement: String) -> Result<(), String> {
    let ran = sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(database)
        .await;
    ran.map(drop).map_err(|error| {
        let constraint = error.as_database_error().and_then(|e| e.constraint());
        constraint.unwrap_or("none").to_owned()
    })
}

fn become_(status: &str) -> String {
    let failure = if status == "FAILED" {
        "'declined'"
    } else {
        "NULL"
    };
    format!(
        "UPDATE payments SET status = '{status}', failure = {failure}, gateway_payment_id = 'g', due_at = now()"
    )
}

/// Brings a fresh payment into a status, by legal ways.
async fn fresh(database: &mut PgConnection, member: i64, status: &str) {
    run(database, "DELETE FROM payments".to_owned())
        .await
        .unwrap();
    let insert = format!(
        "INSERT INTO payments (order_id, member_id, amount, idempotency_key, fingerprint, queued, due_at, \
         created_at, updated_at) \
         VALUES (1, {member}, 1, 'k', sha256('x'), false, now(), now(), now())"
    );
    run(database, insert).await.unwrap();
    let way: &[&str] = match status {
        "REQUESTED" => &[],
        "REFUNDED" => &["SUCCEEDED", "REFUNDED"],
        _ => &[status],
    };
    for step in way {
        run(database, become_(step)).await.unwrap();
    }
}

#[tokio::test]
async fn only_the_legal_transitions_are_possible() {
    let paying = Paying::with(&[("payment.reconcile.compare", "0s")]).await;
    // Inside a transaction the service's own workers see nothing of it.
    let mut connection = paying.app.connect().await;
    let mut database = connection.begin().await.unwrap();
    for from in STATUSES {
        for to in STATUSES.into_iter().filter(|to| *to != from) {
            fresh(&mut database, paying.member, from).await;
            run(&mut database, "SAVEPOINT before".to_owned())
                .await
                .unwrap();
            let changed = run(&mut database, become_(to)).await;
            let expected = if LEGAL.contains(&(from, to)) {
                Ok(())
            } else {
                Err("payments_transition".to_owned())
            };
            assert_eq!(changed, expected, "{from} to {to}");
            run(&mut database, "ROLLBACK TO before".to_owned())
                .await
                .unwrap();
        }
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_not_written() {
    let paying = Paying::with(&[("payment.reconcile.compare", "0s")]).await;
    let mut connection = paying.app.connect().await;
    let mut database = connection.begin().await.unwrap();
    for (from, change, constraint) in [
        ("REQUESTED", "amount = 0", "payments_amount"),
        ("REQUESTED", "amount = 2", "payments_identity"),
        ("REQUESTED", "order_id = 2", "payments_identity"),
        (
            "REQUESTED",
            "idempotency_key = 'other'",
            "payments_identity",
        ),
        ("REQUESTED", "due_at = NULL", "payments_open_is_due"),
        ("PENDING", "due_at = NULL", "payments_open_is_due"),
        (
            "REQUESTED",
            "status = 'SUCCEEDED'",
            "payments_charge_of_paid",
        ),
        (
            "REQUESTED",
            "status = 'FAILED'",
            "payments_failure_of_failed",
        ),
        (
            "SUCCEEDED",
            "failure = 'declined'",
            "payments_failure_of_failed",
        ),
        ("FAILED", "failure = 'bad luck'", "payments_failure"),
        ("REQUESTED", "status = 'LOST'", "payments_transition"),
    ] {
        fresh(&mut database, paying.member, from).await;
        run(&mut database, "SAVEPOINT before".to_owned())
            .await
            .unwrap();
        let changed = run(&mut database, format!("UPDATE payments SET {change}")).await;
        // A trigger is asked before the constraints: both refusals are good ones.
        let refused = changed.expect_err(change);
        assert!(
            refused == constraint || refused.starts_with("payments_identity"),
            "{change}: {refused}"
        );
        run(&mut database, "ROLLBACK TO before".to_owned())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_payment_that_is_being_cancelled_cannot_succeed_any_more() {
    let paying = Paying::with(&[("payment.reconcile.compare", "0s")]).await;
    let mut connection = paying.app.connect().await;
    let mut database = connection.begin().await.unwrap();
    for (to, is_possible) in [("SUCCEEDED", false), ("FAILED", true)] {
        fresh(&mut database, paying.member, "REQUESTED").await;
        let decide = "UPDATE payments SET cancel_requested_at = now()".to_owned();
        run(&mut database, decide).await.unwrap();
        run(&mut database, "SAVEPOINT before".to_owned())
            .await
            .unwrap();
        assert_eq!(
            run(&mut database, become_(to)).await.is_ok(),
            is_possible,
            "{to}"
        );
        run(&mut database, "ROLLBACK TO before".to_owned())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_payment_begins_as_requested() {
    let paying = Paying::start().await;
    let mut database = paying.app.connect().await;
    let insert = format!(
        "INSERT INTO payments (order_id, member_id, amount, idempotency_key, fingerprint, queued, status, \
         gateway_payment_id, created_at, updated_at) \
         VALUES (1, {}, 1, 'k', sha256('x'), false, 'SUCCEEDED', 'g', now(), now())",
        paying.member
    );
    let refused = run(&mut database, insert).await.unwrap_err();
    assert_eq!(refused, "payments_transition");
}
