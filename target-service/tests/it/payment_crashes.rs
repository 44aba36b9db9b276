//! Processes that die in the middle of a payment: another instance ends what they have begun.
//!
//! Between two steps that others see there is nothing to lose, so a process that is killed while a step is on its
//! way, done or not done, has died between any two of them.

use reqwest::Method;

use crate::support::{Act, Manner, Paying, TestApp, until};

/// Another instance on what is left.
async fn heir(paying: &Paying) -> TestApp {
    let url = paying.app.database.url();
    Paying::service(&paying.gateway, &[("db.url", &url)]).await
}

#[tokio::test]
async fn after_a_crash_in_the_middle_another_instance_resolves_what_is_left() {
    let mut paying = Paying::with(&[("payment.reconcile.requested_for", "1s")]).await;
    paying.gateway.script([Act::Work, Act::LoseAnswer]);
    let not_done = tokio::spawn(paying.request("k1").send());
    paying.until_asked(1).await;
    let done = tokio::spawn(paying.request("k2").send());
    until("the second is charged", async || {
        paying.gateway.standing() == 1
    })
    .await;
    paying.app.kill().await;
    assert!(not_done.await.unwrap().is_err() && done.await.unwrap().is_err());
    assert_eq!(
        paying.stored().await,
        [
            ("REQUESTED".to_owned(), None),
            ("REQUESTED".to_owned(), None)
        ]
    );

    let _heir = heir(&paying).await;
    until("both are resolved", async || {
        paying.stored().await
            == [
                ("FAILED".to_owned(), Some("not_charged".to_owned())),
                ("SUCCEEDED".to_owned(), None),
            ]
    })
    .await;
    paying.gateway.release();
    assert_eq!(paying.gateway.standing(), 1);
}

/// The gateway cancels or does not, and the process dies before it hears of it.
const ON_ITS_WAY: [Manner; 2] = [Manner::Ignores, Manner::LosesAnswer];

#[tokio::test]
async fn after_a_crash_on_the_way_to_a_cancellation_the_payment_is_cancelled_all_the_same() {
    for manner in ON_ITS_WAY {
        let settings = [
            ("payment.timeout.read", "100ms"),
            ("payment.retry.max_retries", "0"),
        ];
        let mut paying = Paying::with(&settings).await;
        paying.gateway.script([Act::Work]);
        paying.gateway.cancels(manner);
        assert_eq!(paying.pay("k1").await.status, 202);
        until_asked_to_cancel(&paying).await;
        paying.app.kill().await;
        paying.gateway.cancels(Manner::Does);

        let _heir = heir(&paying).await;
        until_stored(&paying, "FAILED").await;
        // The work goes on only now.
        paying.gateway.release();
        assert_eq!(paying.gateway.standing(), 0, "{manner:?}");
    }
}

#[tokio::test]
async fn after_a_crash_on_the_way_to_a_refund_the_payment_is_given_back_all_the_same() {
    for manner in ON_ITS_WAY {
        let mut paying = Paying::with(&[("payment.reconcile.requested_for", "1s")]).await;
        let id = paying.pay("k1").await.body["id"].clone();
        paying.gateway.cancels(manner);
        let path = format!("/payments/{id}/refund");
        let refund = tokio::spawn(paying.app.request(Method::POST, &path).send());
        until_asked_to_cancel(&paying).await;
        paying.app.kill().await;
        assert!(refund.await.unwrap().is_err());
        assert_eq!(paying.stored().await, [("SUCCEEDED".to_owned(), None)]);
        paying.gateway.cancels(Manner::Does);

        let _heir = heir(&paying).await;
        until_stored(&paying, "REFUNDED").await;
        assert_eq!(paying.gateway.standing(), 0, "{manner:?}");
    }
}

async fn until_asked_to_cancel(paying: &Paying) {
    until("the gateway is asked to cancel", async || {
        !paying.gateway.asked_to_cancel().is_empty()
    })
    .await;
}

async fn until_stored(paying: &Paying, status: &str) {
    until(&format!("it is {status}"), async || {
        let stored = paying.stored().await;
        stored.iter().all(|(stored, _)| stored == status)
    })
    .await;
}
