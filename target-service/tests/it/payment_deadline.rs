//! Many clients with `X-Request-Deadline-Ms` before an exhausted pool, a hanging gateway and a retry loop:
//! nothing is sent to the gateway for somebody who does not wait any more.

use std::collections::HashSet;

use sqlx::Executor as _;
use tokio::task::JoinSet;

use crate::support::{Act, Answer, Paying, until};

const HURRIED: usize = 30;
const PATIENT: usize = 5;

/// Payments at once, each under a key of its own that begins with `name`.
fn pay(paying: &Paying, name: &str, number: usize, deadline_ms: u64) -> JoinSet<Answer> {
    let sent = (0..number).map(|one| {
        let request = paying.request(&format!("{name}-{one}"));
        let request = request.header("x-request-deadline-ms", deadline_ms);
        async move { Answer::read(request.send().await.unwrap()).await }
    });
    sent.collect()
}

#[tokio::test]
async fn behind_an_exhausted_pool_no_call_is_begun_for_those_who_have_gone() {
    let paying = Paying::with(&[
        ("db.pool.max_size", "2"),
        ("db.pool.acquire_timeout", "60s"),
        ("db.statement_timeout", "60s"),
        ("db.lock_timeout", "60s"),
    ])
    .await;
    let mut holder = paying.app.connect().await;
    holder
        .execute("BEGIN; LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let hurried = pay(&paying, "hurried", HURRIED, 300).join_all().await;
    let patient = pay(&paying, "patient", PATIENT, 60_000);
    for answer in hurried {
        answer.assert_problem(504, "deadline_exceeded");
    }
    holder.execute("COMMIT").await.unwrap();
    for answer in patient.join_all().await {
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    assert_eq!(paying.gateway.asked().len(), PATIENT);
    assert_eq!(paying.gateway.standing(), PATIENT);
    let paid = ("SUCCEEDED".to_owned(), None);
    assert_eq!(paying.stored().await, vec![paid; PATIENT]);
}

#[tokio::test]
async fn behind_a_hanging_gateway_no_call_is_begun_for_those_who_have_gone() {
    let paying = Paying::with(&[
        ("payment.http.max_connections", "1"),
        ("payment.timeout.place", "60s"),
        ("payment.timeout.read", "60s"),
        ("payment.reconcile.requested_for", "1s"),
    ])
    .await;
    paying.gateway.script([Act::Work]);
    let first = pay(&paying, "first", 1, 60_000);
    paying.until_asked(1).await;
    for answer in pay(&paying, "hurried", HURRIED, 1_000).join_all().await {
        // Where both come at the same moment: that nothing was sent, that it is not known yet what was, or the
        // end of the request.
        assert!([202, 503, 504].contains(&answer.status), "{answer:?}");
    }
    paying.gateway.release();
    for answer in first.join_all().await {
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    // The only connection is free by now, and what is left is brought to its end.
    assert!(
        paying.stored().await.len() > 1,
        "others wait for a connection, too"
    );
    until("every payment is final", async || {
        let stored = paying.stored().await;
        let is_final = |status: &str| ["SUCCEEDED", "FAILED"].contains(&status);
        stored.iter().all(|(status, _)| is_final(status))
    })
    .await;
    assert_eq!(paying.gateway.asked().len(), 1);
    assert_eq!(paying.gateway.standing(), 1);
}

#[tokio::test]
async fn the_retry_loop_makes_no_attempt_for_those_who_have_gone() {
    let paying = Paying::with(&[
        ("payment.retry.max_retries", "5"),
        ("payment.retry.backoff.strategy", "exponential"),
        ("payment.retry.backoff.base", "1500ms"),
        ("payment.retry.backoff.cap", "1500ms"),
        ("payment.reconcile.requested_for", "60s"),
    ])
    .await;
    let error = || Act::Say(500, "{}".to_owned());
    paying.gateway.script((0..10 * HURRIED).map(|_| error()));
    for answer in pay(&paying, "hurried", HURRIED, 1_000).join_all().await {
        assert!([202, 504].contains(&answer.status), "{answer:?}");
    }
    let hurried = paying.gateway.asked().len();
    assert!((1..=HURRIED).contains(&hurried), "{hurried}");

    // Who waits gets another attempt, after the same pause: by then the others' would have been made.
    let mut patient = pay(&paying, "patient", 1, 60_000);
    paying.until_asked(hurried + 2).await;
    let asked = paying.gateway.asked();
    let keys: HashSet<&String> = asked.iter().collect();
    assert_eq!(keys.len(), hurried + 1, "{asked:?}");
    patient.abort_all();
}
