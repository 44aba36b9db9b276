//! The checkout: order, seat, points, payment. What was paid is granted once, what was not is given back once,
//! whoever of checkout and settlement comes first.

mod coupons;
mod placing;
mod settling;

use serde_json::{Value, json};

use crate::support::{Answer, Shop};

/// Of 100 points 30 are used, 20 are left to pay.
fn order(member: i64) -> Value {
    json!({"member_id": member, "seat": {"event": 1, "seat": 1}, "points": 30, "amount": 50})
}

/// A shop, and a member with 100 points.
async fn shop() -> (Shop, i64) {
    let shop = Shop::open().await;
    let member = shop.members(1, 100).await[0];
    (shop, member)
}

fn id(answer: &Answer) -> i64 {
    answer.body["id"].as_i64().unwrap()
}

async fn assert_granted(shop: &Shop, member: i64, order: i64) {
    let order = shop.get(&format!("/orders/{order}")).await.body;
    assert_eq!(
        (&order["status"], &order["failure"]),
        (&json!("PAID"), &Value::Null)
    );
    assert!(order["settled_at"].is_string(), "{order}");
    let seat = shop.seat(1).await;
    assert_eq!(
        (&seat["status"], &seat["member_id"]),
        (&json!("SOLD"), &json!(member))
    );
    assert_eq!(shop.points(member).await, 70);
    assert_eq!(ledger(shop).await, [1, 0]);
}

async fn assert_given_back(shop: &Shop, member: i64, order: i64, failure: &str) {
    let order = shop.get(&format!("/orders/{order}")).await.body;
    assert_eq!(
        (&order["status"], &order["failure"]),
        (&json!("FAILED"), &json!(failure))
    );
    assert_eq!(shop.seat(1).await["status"], "FREE");
    assert_eq!(shop.points(member).await, 100);
    assert_eq!(ledger(shop).await, [1, 1]);
}

/// How often orders took points, and gave them back.
async fn ledger(shop: &Shop) -> [i64; 2] {
    let count = async |kind| {
        let query = format!("SELECT count(*) FROM point_entries WHERE kind = '{kind}'");
        shop.number(&query).await
    };
    [count("order_spend").await, count("order_return").await]
}

async fn assert_still_created(shop: &Shop, member: i64, order: i64) {
    let order = shop.get(&format!("/orders/{order}")).await.body;
    assert_eq!(
        (&order["status"], &order["settled_at"]),
        (&json!("CREATED"), &Value::Null)
    );
    let seat = shop.seat(1).await;
    assert_eq!(
        (&seat["status"], &seat["held_until"]),
        (&json!("HELD"), &Value::Null)
    );
    assert_eq!(shop.points(member).await, 70);
}
