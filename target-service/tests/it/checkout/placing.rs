//! What the client is answered, and what has become of the goods by then.

use futures_util::future::join_all;
use serde_json::{Value, json};
use target_service::flow::payer::PaymentStatus::{Failed, Pending, Succeeded, TimedOut};

use super::{assert_given_back, assert_granted, id, ledger, order, shop};
use crate::support::{Says, Shop};

#[tokio::test]
async fn an_order_that_is_paid_has_its_goods() {
    let (shop, member) = shop().await;
    assert_eq!(shop.hold(1, member).await.status, 200);
    let placed = shop.order(&order(member)).await;
    assert_eq!(placed.status, 201, "{placed:?}");
    assert_eq!(
        placed.header("location"),
        Some(format!("/orders/{}", id(&placed)))
    );
    assert_eq!(shop.payer.payments(), [(20, Succeeded)]);
    assert_granted(&shop, member, id(&placed)).await;
    // There is nothing left to settle.
    shop.settle().await;
    assert_granted(&shop, member, id(&placed)).await;
    assert_eq!(shop.payer.refunds(), [0]);
}

#[tokio::test]
async fn an_order_that_points_pay_for_in_full_needs_no_payment() {
    let (shop, member) = shop().await;
    let body =
        json!({"member_id": member, "seat": {"event": 1, "seat": 1}, "points": 30, "amount": 30});
    let placed = shop.order(&body).await;
    assert_eq!(
        (placed.status, &placed.body["status"]),
        (201, &json!("PAID"))
    );
    assert_granted(&shop, member, id(&placed)).await;
    assert_eq!(shop.payer.calls(), 0);
}

#[tokio::test]
async fn an_order_needs_neither_seat_nor_points() {
    let (shop, member) = shop().await;
    let placed = shop
        .order(&json!({"member_id": member, "seat": null, "amount": 50}))
        .await;
    assert_eq!((placed.status, &placed.body["seat"]), (201, &Value::Null));
    assert_eq!(shop.payer.payments(), [(50, Succeeded)]);
    assert_eq!(shop.points(member).await, 100);
}

#[tokio::test]
async fn a_declined_payment_gives_everything_back_and_is_the_last_word_on_its_key() {
    let (shop, member) = shop().await;
    shop.payer.now_says(Says::Payment(Failed));
    for _ in 0..2 {
        let answer = shop.order_with_key(&order(member), "a").await;
        answer.assert_problem(402, "payment_declined");
        assert_given_back(&shop, member, 1, "payment_failed").await;
    }
    assert_eq!(shop.payer.calls(), 1);
    shop.settle().await;
    assert_given_back(&shop, member, 1, "payment_failed").await;
}

#[tokio::test]
async fn a_payment_that_was_given_up_after_its_time_is_told_as_such() {
    let (shop, member) = shop().await;
    shop.payer.now_says(Says::Payment(TimedOut));
    for _ in 0..2 {
        let answer = shop.order_with_key(&order(member), "a").await;
        answer.assert_problem(504, "payment_failed");
    }
    assert_given_back(&shop, member, 1, "payment_timed_out").await;
    assert_eq!(shop.payer.calls(), 1);
}

#[tokio::test]
async fn where_no_payment_can_be_made_everything_is_given_back_and_the_request_may_come_again() {
    let (shop, member) = shop().await;
    shop.payer.now_says(Says::NotTaken);
    let answer = shop.order_with_key(&order(member), "a").await;
    answer.assert_problem(503, "gateway_unavailable");
    assert_given_back(&shop, member, 1, "payment_unavailable").await;

    shop.payer.now_says(Says::Payment(Succeeded));
    let again = shop.order_with_key(&order(member), "a").await;
    assert_eq!(again.status, 201, "{again:?}");
    assert_eq!(shop.points(member).await, 70);
    assert_eq!(shop.payer.payments(), [(20, Succeeded)]);
    let replayed = shop.order_with_key(&order(member), "a").await;
    assert_eq!((replayed.status, replayed.body), (201, again.body));
}

#[tokio::test]
async fn an_order_takes_all_of_its_goods_or_none() {
    let shop = Shop::open().await;
    let members = shop.members(2, 10).await;
    let (poor, other) = (members[0], members[1]);
    shop.order(&order(poor))
        .await
        .assert_problem(409, "insufficient_points");
    assert_eq!(shop.seat(1).await["status"], "FREE");

    assert_eq!(shop.hold(1, other).await.status, 200);
    let body =
        json!({"member_id": poor, "seat": {"event": 1, "seat": 1}, "points": 5, "amount": 50});
    shop.order(&body).await.assert_problem(409, "seat_held");
    assert_eq!(shop.points(poor).await, 10);

    let body = json!({"member_id": other, "seat": {"event": 1, "seat": 1}, "amount": 50});
    assert_eq!(shop.order(&body).await.status, 201);
    let body =
        json!({"member_id": poor, "seat": {"event": 1, "seat": 1}, "points": 5, "amount": 50});
    shop.order(&body).await.assert_problem(409, "seat_sold");
    assert_eq!(shop.points(poor).await, 10);
    assert_eq!(shop.number("SELECT count(*) FROM orders").await, 1);
    assert_eq!(shop.payer.calls(), 1);
}

#[tokio::test]
async fn a_seat_that_an_order_has_does_not_run_out_and_is_no_other_orders() {
    let shop = Shop::open().await;
    let members = shop.members(2, 0).await;
    shop.set_knobs(&json!({"seat.hold": "1ns"}));
    shop.payer.now_says(Says::Payment(Pending));
    assert_eq!(shop.hold(1, members[0]).await.status, 200);
    let body = |member| json!({"member_id": member, "seat": {"event": 1, "seat": 1}, "amount": 50});
    assert_eq!(shop.order(&body(members[0])).await.status, 202);
    shop.hold(1, members[1])
        .await
        .assert_problem(409, "seat_held");
    for member in members {
        shop.order(&body(member))
            .await
            .assert_problem(409, "seat_held");
    }
}

#[tokio::test]
async fn of_many_who_order_one_seat_at_once_one_has_it_and_pays() {
    let shop = Shop::open().await;
    let members = shop.members(20, 0).await;
    let bodies: Vec<_> = members
        .iter()
        .map(|member| json!({"member_id": member, "seat": {"event": 1, "seat": 1}, "amount": 50}))
        .collect();
    let answers = join_all(bodies.iter().map(|body| shop.order(body))).await;
    let (paid, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 201);
    assert_eq!(paid.len(), 1, "{answers:?}");
    for answer in refused {
        let code = answer.body["code"].as_str().unwrap();
        assert!(["seat_held", "seat_sold"].contains(&code), "{answer:?}");
    }
    assert_eq!(shop.payer.payments(), [(50, Succeeded)]);
    assert_eq!(shop.seat(1).await["member_id"], paid[0].body["member_id"]);
}

#[tokio::test]
async fn equal_requests_that_race_are_one_order_and_one_payment() {
    let (shop, member) = shop().await;
    let body = order(member);
    let answers = join_all((0..12).map(|_| shop.order_with_key(&body, "a"))).await;
    for answer in &answers {
        assert!([201, 202].contains(&answer.status), "{answer:?}");
        assert_eq!(answer.body["id"], answers[0].body["id"]);
    }
    assert!(answers.iter().any(|answer| answer.status == 201));
    assert_eq!(shop.payer.calls(), 1);
    assert_granted(&shop, member, id(&answers[0])).await;

    for other in [
        json!({"member_id": member, "seat": {"event": 1, "seat": 1}, "points": 30, "amount": 51}),
        json!({"member_id": member, "seat": {"event": 1, "seat": 1}, "points": 29, "amount": 50}),
        json!({"member_id": member, "points": 30, "amount": 50}),
    ] {
        let answer = shop.order_with_key(&other, "a").await;
        answer.assert_problem(422, "idempotency_key_reused");
    }
    assert_eq!(shop.payer.calls(), 1);
}

#[tokio::test]
async fn points_stay_exact_when_orders_of_one_member_race_with_every_lock_but_none() {
    for lock in ["row", "optimistic", "increment"] {
        let (shop, member) = shop().await;
        let attempts = 1_000;
        shop.set_knobs(&json!({"point.lock": lock, "point.optimistic_attempts": attempts}));
        // All that are not refused at once fail later: whoever comes may find what others gave back.
        shop.payer.now_says(Says::Payment(Pending));
        let body = json!({"member_id": member, "points": 30, "amount": 50});
        let answers = join_all((0..10).map(|_| shop.order(&body))).await;
        let pending = answers.iter().filter(|answer| answer.status == 202).count();
        assert_eq!(pending, 3, "{lock}: {answers:?}");
        assert_eq!(shop.points(member).await, 10, "{lock}");
        let orders: Vec<_> = answers.iter().filter(|a| a.status == 202).map(id).collect();
        shop.payer.settle(orders[0], Succeeded);
        shop.payer.settle(orders[1], Failed);
        shop.payer.settle(orders[2], Failed);
        join_all((0..8).map(|_| shop.settle())).await;
        assert_eq!(shop.points(member).await, 70, "{lock}");
        assert_eq!(ledger(&shop).await, [3, 2], "{lock}");
        let sum = "SELECT sum(change)::bigint FROM point_entries";
        assert_eq!(shop.number(sum).await, 70, "{lock}");
    }
}
