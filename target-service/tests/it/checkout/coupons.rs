//! Coupons as the goods of orders: issued while the order waits for its payment, and granted or given back with
//! its end.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use target_service::flow::payer::PaymentStatus::{Failed, Pending, Succeeded};

use super::id;
use crate::support::{Says, Shop};

const BY_ORDER: &str = "SELECT count(*) FROM coupon_issues WHERE order_id IS NOT NULL";
const HELD: &str = "SELECT count(*) FROM coupon_issues WHERE held";

async fn coupon(shop: &Shop, quantity: i64) -> i64 {
    let body = json!({"name": "tea", "quantity": quantity});
    id(&shop.post("/coupons", &body).await)
}

/// How many are issued, and how many remain.
async fn shown(shop: &Shop, coupon: i64) -> [i64; 2] {
    let shown = shop.get(&format!("/coupons/{coupon}")).await.body;
    ["issued", "remaining"].map(|count| shown[count].as_i64().unwrap())
}

fn order(member: i64, coupon: i64) -> Value {
    json!({"member_id": member, "coupon_id": coupon, "amount": 50})
}

#[tokio::test]
async fn a_paid_coupon_is_the_members_for_good() {
    let shop = Shop::open().await;
    let members = shop.members(2, 0).await;
    let coupon = coupon(&shop, 1).await;
    let placed = shop.order(&order(members[0], coupon)).await;
    assert_eq!(
        (placed.status, &placed.body["coupon_id"]),
        (201, &json!(coupon)),
        "{placed:?}"
    );
    assert_eq!(placed.body["seat"], Value::Null);
    let owner = "SELECT member_id FROM coupon_issues WHERE NOT held";
    assert_eq!(shop.number(owner).await, members[0]);
    assert_eq!(shown(&shop, coupon).await, [1, 0]);

    // Not even the service could take it away again.
    let mut database = shop.database.connect().await;
    for mistake in [
        "DELETE FROM coupon_issues",
        "UPDATE coupon_issues SET held = true",
    ] {
        let refused = sqlx::raw_sql(AssertSqlSafe(mistake))
            .execute(&mut database)
            .await;
        assert!(refused.is_err(), "{mistake}");
    }
    shop.order(&order(members[1], coupon))
        .await
        .assert_problem(409, "sold_out");
    assert_eq!(shop.number("SELECT count(*) FROM orders").await, 1);
    assert_eq!(shop.payer.calls(), 1);
}

#[tokio::test]
async fn a_coupon_that_is_not_paid_goes_to_the_next_one() {
    let shop = Shop::open().await;
    let members = shop.members(2, 0).await;
    let coupon = coupon(&shop, 1).await;
    shop.payer.now_says(Says::Payment(Failed));
    shop.order(&order(members[0], coupon))
        .await
        .assert_problem(402, "payment_declined");
    assert_eq!(shown(&shop, coupon).await, [0, 1]);

    shop.payer.now_says(Says::Payment(Succeeded));
    assert_eq!(shop.order(&order(members[1], coupon)).await.status, 201);
    assert_eq!(shown(&shop, coupon).await, [1, 0]);
}

#[tokio::test]
async fn while_its_payment_is_not_certain_an_order_holds_its_coupon() {
    for (outcome, owned) in [(Succeeded, 1), (Failed, 0)] {
        let shop = Shop::open().await;
        let members = shop.members(2, 0).await;
        let coupon = coupon(&shop, 1).await;
        shop.payer.now_says(Says::Payment(Pending));
        assert_eq!(shop.order(&order(members[0], coupon)).await.status, 202);
        assert_eq!(shop.number(HELD).await, 1);
        let path = format!("/coupons/{coupon}/issues");
        let refused = shop.post(&path, &json!({"member_id": members[1]})).await;
        refused.assert_problem(409, "sold_out");

        shop.payer.settle(1, outcome);
        // Several instances at once.
        join_all((0..8).map(|_| shop.settle())).await;
        assert_eq!(shop.number(HELD).await, 0);
        assert_eq!(shop.number(BY_ORDER).await, owned);
        assert_eq!(shown(&shop, coupon).await, [owned, 1 - owned]);
    }
}

#[tokio::test]
async fn an_order_gets_no_coupon_that_its_member_has_or_that_is_not_there() {
    let shop = Shop::open().await;
    let member = shop.members(1, 100).await[0];
    let coupon = coupon(&shop, 5).await;
    let path = format!("/coupons/{coupon}/issues");
    let issued = shop.post(&path, &json!({ "member_id": member })).await;
    assert_eq!(issued.status, 201);
    let with_points =
        |coupon: i64| json!({"member_id": member, "coupon_id": coupon, "points": 30, "amount": 50});
    shop.order(&with_points(coupon))
        .await
        .assert_problem(409, "already_issued");
    shop.order(&with_points(coupon + 1))
        .await
        .assert_problem(404, "coupon_not_found");
    let both = json!({
        "member_id": member, "seat": {"event": 1, "seat": 1}, "coupon_id": coupon, "amount": 50,
    });
    let refused = shop.order(&both).await;
    refused.assert_problem(422, "invalid");
    assert_eq!(refused.field_errors(), [("coupon_id", "seat_and_coupon")]);

    assert_eq!(shown(&shop, coupon).await, [1, 4]);
    assert_eq!(shop.points(member).await, 100);
    assert_eq!(shop.payer.calls(), 0);
}

#[tokio::test]
async fn of_many_who_order_a_coupon_as_many_have_it_and_pay_as_there_are() {
    for lock in ["row", "optimistic", "increment"] {
        let shop = Shop::open().await;
        shop.set_knobs(&json!({"coupon.lock": lock, "coupon.optimistic_attempts": 1_000}));
        let members = shop.members(20, 0).await;
        let coupon = coupon(&shop, 5).await;
        let bodies: Vec<_> = members
            .iter()
            .map(|&member| order(member, coupon))
            .collect();
        let answers = join_all(bodies.iter().map(|body| shop.order(body))).await;
        let (paid, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 201);
        assert_eq!(paid.len(), 5, "{lock}: {answers:?}");
        for answer in refused {
            answer.assert_problem(409, "sold_out");
        }
        assert_eq!(shop.payer.payments().len(), 5, "{lock}");
        assert_eq!(shown(&shop, coupon).await, [5, 0], "{lock}");
    }
}

#[tokio::test]
async fn another_coupon_under_the_same_key_is_another_request() {
    let shop = Shop::open().await;
    let member = shop.members(1, 0).await[0];
    let [first, second] = [coupon(&shop, 5).await, coupon(&shop, 5).await];
    for _ in 0..2 {
        let placed = shop.order_with_key(&order(member, first), "a").await;
        assert_eq!(placed.status, 201, "{placed:?}");
    }
    shop.order_with_key(&order(member, second), "a")
        .await
        .assert_problem(422, "idempotency_key_reused");
    assert_eq!(shown(&shop, second).await, [0, 5]);
}
