//! Paying and giving back, as clients see it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Act, Manner, Paying, id_in};

#[tokio::test]
async fn a_payment_is_charged_once_and_can_be_read_again() {
    let paying = Paying::start().await;
    let answer = paying.pay("k1").await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let id = answer.body["id"].clone();
    assert_eq!(id_in(&answer), id);
    for (name, value) in [
        ("order_id", json!(7)),
        ("member_id", json!(paying.member)),
        ("amount", json!(500)),
        ("status", json!("SUCCEEDED")),
        ("failure", Value::Null),
        ("refunding", json!(false)),
    ] {
        assert_eq!(answer.body[name], value, "{name}");
    }
    assert_eq!(paying.find(&id).await, answer.body);
    let charges = paying.gateway.charges();
    assert_eq!(charges.len(), 1);
    assert_eq!(
        (&charges[0].order_id, charges[0].amount),
        (&id.to_string(), 500)
    );
}

#[tokio::test]
async fn the_same_key_and_body_again_get_the_same_answer_and_no_second_charge() {
    let paying = Paying::start().await;
    let first = paying.pay("k1").await;
    let rewritten = format!(
        " {{\"amount\": 500,\n \"member_id\": {}, \"order_id\": 7}}",
        paying.member
    );
    let request = paying.app.request(Method::POST, "/payments");
    let again = request
        .header("idempotency-key", "k1")
        .header("content-type", "application/json")
        .body(rewritten);
    for again in [paying.pay("k1").await, paying.app.send(again).await] {
        assert_eq!((again.status, &again.body), (201, &first.body));
    }
    assert_eq!(paying.gateway.asked().len(), 1);
}

#[tokio::test]
async fn a_key_is_used_for_one_body_and_is_each_members_own() {
    let paying = Paying::start().await;
    paying.pay("k1").await;
    for (name, value) in [("amount", json!(501)), ("order_id", json!(8))] {
        let mut body = paying.body();
        body[name] = value;
        let request = paying.request("k1").json(&body);
        let answer = paying.app.send(request).await;
        answer.assert_problem(422, "idempotency_key_reused");
    }
    let other = paying.app.register("lee").await;
    let mut body = paying.body();
    body["member_id"] = json!(other);
    let answer = paying.app.send(paying.request("k1").json(&body)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(paying.gateway.charges().len(), 2);
}

#[tokio::test]
async fn of_two_at_once_with_one_key_the_second_is_told_that_the_first_is_under_way() {
    let paying = Paying::start().await;
    paying.gateway.script([Act::Work]);
    let first = tokio::spawn(paying.request("k1").send());
    paying.until_asked(1).await;
    paying
        .pay("k1")
        .await
        .assert_problem(409, "payment_in_progress");
    paying.gateway.release();
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
    assert_eq!(paying.pay("k1").await.status, 201);
    assert_eq!(paying.gateway.asked().len(), 1);
    assert_eq!(paying.gateway.charges().len(), 1);
}

#[tokio::test]
async fn a_payment_that_is_declined_has_failed_for_good() {
    let paying = Paying::start().await;
    paying.gateway.script([Act::Decline]);
    let answer = paying.pay("k1").await;
    answer.assert_problem(402, "payment_declined");
    let payment = paying.find(&id_in(&answer)).await;
    assert_eq!(
        (&payment["status"], &payment["failure"]),
        (&json!("FAILED"), &json!("declined"))
    );
    paying
        .pay("k1")
        .await
        .assert_problem(402, "payment_declined");
    assert_eq!(paying.gateway.asked().len(), 1, "it is not asked again");
    assert_eq!(
        paying.pay("k2").await.status,
        201,
        "another attempt has another key"
    );
}

#[tokio::test]
async fn what_cannot_be_paid_is_refused_and_leaves_nothing_behind() {
    let paying = Paying::start().await;
    let with = |name: &str, value: Value| {
        let mut body = paying.body();
        body[name] = value;
        body
    };
    for (body, field, code) in [
        (with("amount", json!(0)), "amount", "out_of_range"),
        (with("amount", json!(-500)), "amount", "out_of_range"),
        (
            with("amount", json!(1_000_000_000_001_i64)),
            "amount",
            "out_of_range",
        ),
        (with("amount", json!(1.5)), "amount", "wrong_type"),
        (with("amount", json!(1e30)), "amount", "wrong_type"),
        (with("amount", json!("500")), "amount", "wrong_type"),
        (with("currency", json!("KRW")), "currency", "unknown_field"),
    ] {
        let answer = paying.app.send(paying.request("k1").json(&body)).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [(field, code)], "{body}");
    }
    for (key, code) in [("k".repeat(256).as_str(), "too_long"), ("", "empty")] {
        let answer = paying.pay(key).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [("Idempotency-Key", code)]);
    }
    paying
        .app
        .post("/payments", paying.body())
        .await
        .assert_problem(400, "idempotency_key_missing");
    let stranger = paying.request("k1").json(&with("member_id", json!(999)));
    let answer = paying.app.send(stranger).await;
    answer.assert_problem(404, "member_not_found");
    paying
        .app
        .get("/payments/1")
        .await
        .assert_problem(404, "payment_not_found");

    assert_eq!(paying.stored().await, []);
    assert_eq!(paying.gateway.asked().len(), 0);
    assert_eq!(paying.pay(&"k".repeat(255)).await.status, 201);
}

async fn refund(paying: &Paying, id: &Value) -> crate::support::Answer {
    let request = paying
        .app
        .request(Method::POST, &format!("/payments/{id}/refund"));
    paying.app.send(request).await
}

#[tokio::test]
async fn a_payment_is_given_back_once() {
    let paying = Paying::start().await;
    let id = paying.pay("k1").await.body["id"].clone();
    for _ in 0..2 {
        let answer = refund(&paying, &id).await;
        assert_eq!(
            (answer.status, &answer.body["status"]),
            (200, &json!("REFUNDED"))
        );
    }
    assert_eq!(paying.gateway.standing(), 0);
    assert_eq!(paying.find(&id).await["status"], "REFUNDED");
    let repeated = paying.pay("k1").await;
    assert_eq!(
        (repeated.status, &repeated.body["status"]),
        (201, &json!("REFUNDED"))
    );
    assert_eq!(paying.gateway.asked().len(), 1);
}

#[tokio::test]
async fn only_what_succeeded_is_given_back() {
    let paying = Paying::start().await;
    paying.gateway.script([Act::Decline, Act::Work]);
    let failed = id_in(&paying.pay("k1").await);
    refund(&paying, &failed)
        .await
        .assert_problem(409, "payment_not_refundable");
    let under_way = tokio::spawn(paying.request("k2").send());
    paying.until_asked(2).await;
    let requested = json!(failed.as_i64().unwrap() + 1);
    refund(&paying, &requested)
        .await
        .assert_problem(409, "payment_not_refundable");
    paying.gateway.release();
    assert_eq!(under_way.await.unwrap().unwrap().status(), 201);
    refund(&paying, &json!(999))
        .await
        .assert_problem(404, "payment_not_found");
}

#[tokio::test]
async fn a_refund_that_the_gateway_does_not_take_is_made_later() {
    let paying = Paying::with(&[("payment.reconcile.requested_for", "100ms")]).await;
    let id = paying.pay("k1").await.body["id"].clone();
    paying.gateway.cancels(Manner::Fails);
    let answer = refund(&paying, &id).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(
        (&answer.body["status"], &answer.body["refunding"]),
        (&json!("SUCCEEDED"), &json!(true))
    );
    assert_eq!(paying.gateway.standing(), 1);
    paying.gateway.cancels(Manner::Does);
    paying.until_status(&id, "REFUNDED").await;
    assert_eq!(paying.gateway.standing(), 0);
}
