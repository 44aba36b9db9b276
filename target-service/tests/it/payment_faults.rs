//! A gateway that answers nonsense, slowly, or not at all: nothing is lost, nothing is doubled.

use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::{Act, Paying, Proxy, StubGateway, id_in, until};

#[tokio::test]
async fn an_answer_that_cannot_be_believed_is_no_outcome() {
    let paying = Paying::with(&[("payment.retry.max_retries", "0")]).await;
    let other = r#"{"payment_id":"g","order_id":"999","amount":500,"status":"APPROVED"}"#;
    for (number, (status, text)) in [
        (201, "nonsense"),
        (200, r#"{"code":"internal"}"#),
        (201, other),
        (201, ""),
        (302, ""),
        (402, "<html>"),
        (400, r#"{"code":"invalid"}"#),
        (500, r#"{"code":"internal"}"#),
        (204, ""),
    ]
    .into_iter()
    .enumerate()
    {
        let said = text.to_owned();
        paying.gateway.script([
            Act::ChargeAndSay(status, said.clone()),
            Act::Say(status, said),
        ]);
        let charged = paying.pay(&format!("charged-{number}")).await;
        let not_charged = paying.pay(&format!("not-{number}")).await;
        assert_eq!(
            (charged.status, not_charged.status),
            (202, 202),
            "{status} {text}"
        );
        paying.until_status(&id_in(&charged), "SUCCEEDED").await;
        paying.until_status(&id_in(&not_charged), "FAILED").await;
        assert_eq!(paying.gateway.standing(), number + 1, "{status} {text}");
    }
}

#[tokio::test]
async fn an_answer_that_drips_is_not_waited_for() {
    let paying = Paying::with(&[
        ("payment.retry.max_retries", "0"),
        ("payment.timeout.gap", "100ms"),
    ])
    .await;
    paying.gateway.script([Act::Trickle]);
    let answer = paying.pay("k1").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    paying.until_status(&id_in(&answer), "SUCCEEDED").await;
    let timeouts = paying
        .app
        .metric("target_timeouts_total", &["bound=\"gap\""])
        .await;
    assert_eq!(timeouts, 1.0);
}

#[tokio::test]
async fn an_answer_that_drips_within_the_gap_ends_with_the_total() {
    let paying = Paying::with(&[
        ("payment.retry.max_retries", "0"),
        ("payment.timeout.total", "1500ms"),
    ])
    .await;
    paying.gateway.script([Act::Trickle]);
    assert_eq!(paying.pay("k1").await.status, 202);
    let timeouts = paying
        .app
        .metric("target_timeouts_total", &["bound=\"total\""])
        .await;
    assert_eq!(timeouts, 1.0);
}

/// Where nothing listens.
async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn when_the_gateway_is_down_nothing_was_sent_and_the_payment_has_failed() {
    let paying = Paying::with(&[("payment.gateway.url", &nowhere().await)]).await;
    let answer = paying.pay("k1").await;
    answer.assert_problem(503, "gateway_unavailable");
    let payment = paying.find(&id_in(&answer)).await;
    assert_eq!(
        (&payment["status"], &payment["failure"]),
        (&json!("FAILED"), &json!("unavailable"))
    );
    let repeated = paying.pay("k1").await;
    repeated.assert_problem(503, "gateway_unavailable");
    assert_eq!(id_in(&repeated), payment["id"]);
    let attempts = paying
        .app
        .metric("target_retry_attempts_total", &["payment_gateway"])
        .await;
    assert_eq!(attempts, 3.0, "connecting was tried again");
}

/// A listener that accepts nobody, and as many connections as may wait for it: who comes now waits for good.
async fn swamped() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(connected) = timeout(Duration::from_secs(1), TcpStream::connect(address)).await {
        waiting.push(connected.unwrap());
    }
    (listener, waiting)
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_in_time_has_sent_nothing() {
    let (listener, _waiting) = swamped().await;
    let url = format!("http://{}", listener.local_addr().unwrap());
    let paying = Paying::with(&[
        ("payment.gateway.url", url.as_str()),
        ("payment.timeout.connect", "200ms"),
        ("payment.retry.max_retries", "0"),
    ])
    .await;
    paying
        .pay("k1")
        .await
        .assert_problem(503, "gateway_unavailable");
    assert_eq!(
        paying.stored().await,
        [("FAILED".to_owned(), Some("unavailable".to_owned()))]
    );
    let connect = &["bound=\"connect\""];
    assert_eq!(
        paying.app.metric("target_timeouts_total", connect).await,
        1.0
    );
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_leaves_the_outcome_open() {
    let gateway = StubGateway::start().await;
    let proxy = Proxy::to(gateway.url.replace("http://", "")).await;
    let url = format!("http://{}", proxy.address());
    let settings = [
        ("payment.gateway.url", url.as_str()),
        ("payment.retry.max_retries", "0"),
    ];
    let paying = Paying::at(gateway, &settings).await;
    paying.gateway.script([Act::AnswerLate]);
    let under_way = tokio::spawn(paying.request("k1").send());
    until("it is charged", async || paying.gateway.standing() == 1).await;
    proxy.cut();
    let answer = crate::support::Answer::read(under_way.await.unwrap().unwrap()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    paying.until_status(&id_in(&answer), "SUCCEEDED").await;
    assert_eq!(
        (paying.gateway.asked().len(), paying.gateway.standing()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_retry_that_is_not_sent_does_not_make_an_earlier_attempt_undone() {
    let gateway = StubGateway::start().await;
    let proxy = Proxy::to(gateway.url.replace("http://", "")).await;
    let url = format!("http://{}", proxy.address());
    let settings = [
        ("payment.gateway.url", url.as_str()),
        ("payment.retry.max_retries", "1"),
        ("payment.retry.backoff.strategy", "exponential"),
        ("payment.retry.backoff.base", "2s"),
        ("payment.retry.backoff.cap", "2s"),
        ("payment.reconcile.interval", "1h"),
        ("payment.reconcile.sweep", "1h"),
    ];
    let paying = Paying::at(gateway, &settings).await;
    paying.gateway.script([Act::AnswerLate]);
    let under_way = tokio::spawn(paying.request("k1").send());
    until("it is charged", async || paying.gateway.standing() == 1).await;
    // The first attempt's connection breaks, and the second finds nobody.
    drop(proxy);
    let answer = crate::support::Answer::read(under_way.await.unwrap().unwrap()).await;
    assert_eq!(
        (answer.status, &answer.body["status"]),
        (202, &json!("PENDING"))
    );
}
