//! Orders: what is refused, what is found, and what the database keeps true whatever the service does.

use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::support::{Shop, TestApp, until};

#[tokio::test]
async fn bad_input_is_refused_field_by_field_and_leaves_nothing() {
    let shop = Shop::open().await;
    let member = shop.members(1, 100).await[0];
    let (event, seat) = (1, 1);
    for (body, expected) in [
        (
            json!({"member_id": member, "amount": 0}),
            vec![("amount", "out_of_range")],
        ),
        (
            json!({"member_id": member, "amount": -5}),
            vec![("amount", "out_of_range")],
        ),
        (
            json!({"member_id": member, "amount": 1_000_000_001}),
            vec![("amount", "out_of_range")],
        ),
        (
            json!({"member_id": member, "amount": u64::MAX}),
            vec![("amount", "invalid_value")],
        ),
        (
            json!({"member_id": member, "amount": 1.5}),
            vec![("amount", "wrong_type")],
        ),
        (
            json!({"member_id": member}),
            vec![("amount", "missing_field")],
        ),
        (json!({"amount": 5}), vec![("member_id", "missing_field")]),
        (
            json!({"member_id": "kim", "amount": 5}),
            vec![("member_id", "wrong_type")],
        ),
        (
            json!({"member_id": member, "amount": 5, "points": -1}),
            vec![("points", "out_of_range")],
        ),
        (
            json!({"member_id": member, "amount": 5, "points": 6}),
            vec![("points", "out_of_range")],
        ),
        (
            json!({"member_id": member, "amount": 5, "points": 0.5}),
            vec![("points", "wrong_type")],
        ),
        (
            json!({"member_id": member, "amount": 5, "seat": {"event": 0, "seat": seat}}),
            vec![("seat", "out_of_range")],
        ),
        (
            json!({"member_id": member, "amount": 5, "seat": {"event": event, "seat": 1_000_001}}),
            vec![("seat", "out_of_range")],
        ),
        (
            json!({"member_id": member, "amount": 5, "seat": {"seat": seat}}),
            vec![("seat.event", "missing_field")],
        ),
        (
            json!({"member_id": member, "amount": 5, "seat": 12}),
            vec![("seat", "wrong_type")],
        ),
        (
            json!({"member_id": member, "amount": 5, "coupon": 1}),
            vec![("coupon", "unknown_field")],
        ),
        (
            json!({"member_id": member, "amount": 0, "points": 1}),
            vec![("amount", "out_of_range"), ("points", "out_of_range")],
        ),
    ] {
        let answer = shop.order(&body).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), expected, "{body}");
    }
    let good = json!({"member_id": member, "amount": 5});
    for (key, code) in [(String::new(), "empty"), ("k".repeat(256), "too_long")] {
        let answer = shop.order_with_key(&good, &key).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [("Idempotency-Key", code)]);
    }
    let answer = shop.order(&json!({"member_id": 999, "amount": 5})).await;
    answer.assert_problem(404, "member_not_found");
    assert_eq!(shop.number("SELECT count(*) FROM orders").await, 0);
    assert_eq!(shop.payer.calls(), 0);
}

#[tokio::test]
async fn an_order_is_found_by_its_id_and_no_other_is() {
    let shop = Shop::open().await;
    let member = shop.members(1, 100).await[0];
    let placed = shop
        .order(&json!({"member_id": member, "points": 30, "amount": 50}))
        .await;
    assert_eq!(placed.status, 201, "{placed:?}");
    let path = placed.header("location").unwrap();
    let found = shop.get(&path).await;
    assert_eq!((found.status, &found.body), (200, &placed.body));
    shop.get("/orders/999")
        .await
        .assert_problem(404, "order_not_found");
    shop.get("/orders/x")
        .await
        .assert_problem(400, "malformed_path");
}

#[tokio::test]
async fn the_database_lets_an_order_end_once_and_keeps_what_was_ordered() {
    let app = TestApp::start().await;
    let member = app.register("kim").await;
    let mut database = app.connect().await;
    let create = format!(
        "INSERT INTO orders (member_id, amount, points, look_at) VALUES ({member}, 5, 0, now())"
    );
    for statement in [create.as_str(); 3] {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut database)
            .await
            .unwrap();
    }
    let paid = "status = 'PAID', settled_at = now(), failure = NULL";
    let failed = "status = 'FAILED', settled_at = now(), failure = 'never_paid'";
    for (statement, is_legal) in [
        (format!("UPDATE orders SET {paid} WHERE id = 1"), true),
        (format!("UPDATE orders SET {failed} WHERE id = 2"), true),
        (format!("UPDATE orders SET {failed} WHERE id = 1"), false),
        (format!("UPDATE orders SET {paid} WHERE id = 2"), false),
        (
            "UPDATE orders SET status = 'CREATED', settled_at = NULL WHERE id = 1".to_owned(),
            false,
        ),
        (
            "UPDATE orders SET status = 'LOST' WHERE id = 3".to_owned(),
            false,
        ),
        (
            "UPDATE orders SET look_at = NULL WHERE id = 3".to_owned(),
            false,
        ),
        (
            "UPDATE orders SET amount = 6 WHERE id = 3".to_owned(),
            false,
        ),
        (
            "UPDATE orders SET points = 1 WHERE id = 3".to_owned(),
            false,
        ),
        (
            format!(
                "INSERT INTO orders (member_id, amount, points, status, settled_at) VALUES ({member}, 5, 0, 'PAID', now())"
            ),
            false,
        ),
        (
            format!(
                "INSERT INTO orders (member_id, amount, points, look_at) VALUES ({member}, 5, 6, now())"
            ),
            false,
        ),
    ] {
        let done = sqlx::raw_sql(AssertSqlSafe(statement.as_str()))
            .execute(&mut database)
            .await;
        assert_eq!(done.is_ok(), is_legal, "{statement}: {done:?}");
    }
}

/// As a process that died after it had taken the goods has left it.
const LEFT_BEHIND: &str = "
    INSERT INTO point_accounts (member_id, balance) VALUES (1, 0);
    INSERT INTO point_entries (member_id, kind, change, balance_after, idempotency_key)
        VALUES (1, 'charge', 30, 30, 'a');
    INSERT INTO point_entries (member_id, kind, change, balance_after, order_id)
        VALUES (1, 'order_spend', -30, 0, 1);
    INSERT INTO orders (member_id, event, seat, amount, points, look_at) VALUES (1, 1, 1, 50, 30, now());
    INSERT INTO seats (event, seat, status, member_id, order_id) VALUES (1, 1, 'HELD', 1, 1);
";

#[tokio::test]
async fn a_running_service_settles_what_another_has_left_behind() {
    let app = TestApp::with(&[
        ("flow.settlement", "true"),
        ("flow.settle_interval", "10ms"),
        ("flow.settle_after", "0s"),
    ])
    .await;
    app.register("kim").await;
    sqlx::raw_sql(LEFT_BEHIND)
        .execute(&mut app.connect().await)
        .await
        .unwrap();
    until("the order has failed", async || {
        app.get("/orders/1").await.body["status"] == "FAILED"
    })
    .await;
    assert_eq!(app.get("/orders/1").await.body["failure"], "never_paid");
    assert_eq!(app.get("/members/1/points").await.body["balance"], 30);
    assert_eq!(app.get("/events/1/seats/1").await.body["status"], "FREE");
    assert_eq!(app.metric("target_orders_total", &["failed"]).await, 1.0);
}
