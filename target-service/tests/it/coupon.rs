//! Coupons over HTTP, with every lock.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{Answer, PATIENT, TestApp};

const SAFE: [&str; 3] = ["row", "optimistic", "increment"];
const ALL: [&str; 4] = ["none", "row", "optimistic", "increment"];

struct Shelf {
    app: TestApp,
    members: Vec<i64>,
}

impl Shelf {
    async fn open(members: usize) -> Self {
        let app = TestApp::with(PATIENT).await;
        let names: Vec<_> = (0..members).map(|number| format!("m{number}")).collect();
        let members = join_all(names.iter().map(|name| app.register(name))).await;
        Self { app, members }
    }

    async fn lock(&self, lock: &str) {
        let knobs = json!({"coupon.lock": lock, "coupon.optimistic_attempts": 1_000});
        self.app.set_knobs(knobs).await;
    }

    async fn coupon(&self, quantity: i64) -> i64 {
        let body = json!({"name": "tea", "quantity": quantity});
        let answer = self.app.post("/coupons", body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_i64().unwrap()
    }

    async fn issue(&self, coupon: i64, member: i64) -> Answer {
        let path = format!("/coupons/{coupon}/issues");
        self.app.post(&path, json!({ "member_id": member })).await
    }

    async fn shown(&self, coupon: i64) -> Value {
        let answer = self.app.get(&format!("/coupons/{coupon}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// What is issued and what remains.
    async fn assert_stock(&self, coupon: i64, issued: i64, remaining: i64, place: &str) {
        let shown = self.shown(coupon).await;
        let expected = (&json!(issued), &json!(remaining));
        assert_eq!((&shown["issued"], &shown["remaining"]), expected, "{place}");
    }
}

async fn execute(database: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(database)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn a_coupon_is_issued_once_to_each_member_until_none_is_left_with_every_lock() {
    let shelf = Shelf::open(3).await;
    let [first, second, third] = shelf.members[..] else {
        panic!("three members")
    };
    for lock in ALL {
        shelf.lock(lock).await;
        let coupon = shelf.coupon(2).await;
        shelf.assert_stock(coupon, 0, 2, lock).await;
        let issued = shelf.issue(coupon, first).await;
        assert_eq!(issued.status, 201, "{lock}: {issued:?}");
        assert_eq!(
            (&issued.body["coupon_id"], &issued.body["member_id"]),
            (&json!(coupon), &json!(first)),
            "{lock}"
        );
        assert!(issued.body["id"].is_i64() && issued.body["issued_at"].is_string());
        let again = shelf.issue(coupon, first).await;
        again.assert_problem(409, "already_issued");
        shelf.assert_stock(coupon, 1, 1, lock).await;
        assert_eq!(shelf.issue(coupon, second).await.status, 201, "{lock}");
        shelf
            .issue(coupon, third)
            .await
            .assert_problem(409, "sold_out");
        // Who has one is told so, also when there are none left.
        let again = shelf.issue(coupon, first).await;
        again.assert_problem(409, "already_issued");
        shelf.assert_stock(coupon, 2, 0, lock).await;
    }
}

#[tokio::test]
async fn of_many_who_ask_at_once_only_as_many_get_one_as_there_are() {
    let shelf = Shelf::open(40).await;
    for lock in SAFE {
        shelf.lock(lock).await;
        let coupon = shelf.coupon(15).await;
        let asked = shelf
            .members
            .iter()
            .map(|&member| shelf.issue(coupon, member));
        let answers = join_all(asked).await;
        let (got, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 201);
        assert_eq!(got.len(), 15, "{lock}: {answers:?}");
        for answer in refused {
            answer.assert_problem(409, "sold_out");
        }
        shelf.assert_stock(coupon, 15, 0, lock).await;
    }
}

#[tokio::test]
async fn of_one_member_who_asks_many_times_at_once_one_request_succeeds() {
    let shelf = Shelf::open(1).await;
    for lock in ALL {
        shelf.lock(lock).await;
        let coupon = shelf.coupon(20).await;
        let asked = (0..12).map(|_| shelf.issue(coupon, shelf.members[0]));
        let answers = join_all(asked).await;
        let (got, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 201);
        assert_eq!(got.len(), 1, "{lock}: {answers:?}");
        for answer in refused {
            answer.assert_problem(409, "already_issued");
        }
        assert_eq!(shelf.shown(coupon).await["issued"], 1, "{lock}");
        if lock != "none" {
            shelf.assert_stock(coupon, 1, 19, lock).await;
        }
    }
}

/// Two ask for the last one. Both are brought to the point where they are about to change the stock before
/// either does: what they have read by then, if they read at all, is the same.
#[tokio::test]
async fn the_last_one_is_issued_twice_by_the_mistakes_and_once_by_everything_else() {
    let shelf = Shelf::open(2).await;
    for (lock, order, expected) in [
        ("none", "lock_then_transaction", 2),
        ("row", "transaction_then_lock", 2),
        ("row", "lock_then_transaction", 1),
        // A row lock cannot be let go before the commit.
        ("row", "release_before_commit", 1),
        ("optimistic", "lock_then_transaction", 1),
        ("increment", "lock_then_transaction", 1),
    ] {
        let place = format!("{lock}, {order}");
        shelf.lock(lock).await;
        shelf
            .app
            .set_knobs(json!({"coupon.lock_order": order}))
            .await;
        let coupon = shelf.coupon(1).await;
        let mut database = shelf.app.connect().await;
        execute(&mut database, "BEGIN; SELECT FROM coupons FOR UPDATE")
            .await
            .unwrap();
        let let_go = async {
            shelf.app.wait_for_lock_waiters(2).await;
            execute(&mut database, "COMMIT").await.unwrap();
        };
        let (first, second, ()) = tokio::join!(
            shelf.issue(coupon, shelf.members[0]),
            shelf.issue(coupon, shelf.members[1]),
            let_go
        );
        let issued: i64 = [first, second]
            .iter()
            .map(|answer| i64::from(answer.status == 201))
            .sum();
        assert_eq!(issued, expected, "{place}");
        shelf.assert_stock(coupon, expected, 0, &place).await;
    }
}

#[tokio::test]
async fn an_optimistic_writer_tries_again_as_often_as_it_may() {
    for (attempts, status) in [(1, 503), (2, 201)] {
        let shelf = Shelf::open(1).await;
        let coupon = shelf.coupon(5).await;
        let knobs = json!({"coupon.lock": "optimistic", "coupon.optimistic_attempts": attempts});
        shelf.app.set_knobs(knobs).await;
        let mut database = shelf.app.connect().await;
        let change = "BEGIN; UPDATE coupons SET remaining = remaining - 1, version = version + 1";
        execute(&mut database, change).await.unwrap();
        let commit = async {
            shelf.app.wait_for_lock_waiters(1).await;
            execute(&mut database, "COMMIT").await.unwrap();
        };
        let (answer, ()) = tokio::join!(shelf.issue(coupon, shelf.members[0]), commit);
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 503 {
            answer.assert_problem(503, "coupons_contended");
        }
        let issued = i64::from(status == 201);
        shelf.assert_stock(coupon, issued, 4 - issued, "").await;
        let conflicts = shelf.app.metric("target_coupon_stock_conflicts_total", &[]);
        assert_eq!(conflicts.await, 1.0);
    }
}

#[tokio::test]
async fn bad_coupons_are_refused_field_by_field() {
    let shelf = Shelf::open(0).await;
    let long = "x".repeat(101);
    for (body, expected) in [
        (
            json!({"name": "tea", "quantity": 0}),
            ("quantity", "out_of_range"),
        ),
        (
            json!({"name": "tea", "quantity": -5}),
            ("quantity", "out_of_range"),
        ),
        (
            json!({"name": "tea", "quantity": 1_000_000_001}),
            ("quantity", "out_of_range"),
        ),
        (
            json!({"name": "tea", "quantity": i64::MAX}),
            ("quantity", "out_of_range"),
        ),
        (
            json!({"name": "tea", "quantity": u64::MAX}),
            ("quantity", "invalid_value"),
        ),
        (
            json!({"name": "tea", "quantity": 1.5}),
            ("quantity", "wrong_type"),
        ),
        (json!({"name": "tea"}), ("quantity", "missing_field")),
        (json!({"name": " ", "quantity": 1}), ("name", "empty")),
        (json!({"name": long, "quantity": 1}), ("name", "too_long")),
        (
            json!({"name": "a\u{0}b", "quantity": 1}),
            ("name", "control_character"),
        ),
        (json!({"name": 7, "quantity": 1}), ("name", "wrong_type")),
        (json!({"quantity": 1}), ("name", "missing_field")),
        (
            json!({"name": "tea", "quantity": 1, "remaining": 5}),
            ("remaining", "unknown_field"),
        ),
    ] {
        let answer = shelf.app.post("/coupons", body.clone()).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [expected], "{body}");
    }
    let both = shelf
        .app
        .post("/coupons", json!({"name": "", "quantity": 0}))
        .await;
    assert_eq!(
        both.field_errors(),
        [("name", "empty"), ("quantity", "out_of_range")]
    );
    let answer = shelf
        .app
        .post(
            "/coupons",
            json!({"name": " tea ", "quantity": 1_000_000_000}),
        )
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let location = answer.header("location").unwrap();
    assert_eq!(shelf.app.get(&location).await.body, answer.body);
    assert_eq!(answer.body["name"], "tea");
    assert_eq!(answer.body["remaining"], 1_000_000_000);
}

#[tokio::test]
async fn unknown_coupons_and_members_are_not_found_with_every_lock() {
    let shelf = Shelf::open(1).await;
    let member = shelf.members[0];
    for lock in ALL {
        shelf.lock(lock).await;
        let coupon = shelf.coupon(1).await;
        shelf
            .issue(999, member)
            .await
            .assert_problem(404, "coupon_not_found");
        shelf
            .issue(coupon, 999)
            .await
            .assert_problem(404, "member_not_found");
        shelf.assert_stock(coupon, 0, 1, lock).await;
        assert_eq!(shelf.issue(coupon, member).await.status, 201);
        // Also when it is sold out.
        shelf
            .issue(coupon, 999)
            .await
            .assert_problem(404, "member_not_found");
    }
    shelf
        .app
        .get("/coupons/999")
        .await
        .assert_problem(404, "coupon_not_found");
    for path in ["/coupons/tea", "/coupons/1.5"] {
        let answer = shelf.app.get(path).await;
        answer.assert_problem(400, "malformed_path");
    }
    for (body, expected) in [
        (json!({}), ("member_id", "missing_field")),
        (json!({"member_id": "1"}), ("member_id", "wrong_type")),
        (
            json!({"member_id": 1, "pieces": 2}),
            ("pieces", "unknown_field"),
        ),
    ] {
        let answer = shelf.app.post("/coupons/1/issues", body.clone()).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [expected], "{body}");
    }
}

#[tokio::test]
async fn the_knobs_of_coupons_are_checked() {
    let shelf = Shelf::open(0).await;
    for (name, value) in [
        ("coupon.lock", json!("wishful")),
        ("coupon.lock_order", json!("sideways")),
        ("coupon.optimistic_attempts", json!(0)),
    ] {
        let patch = json!({ name: value });
        let answer = shelf
            .app
            .admin(reqwest::Method::PATCH, "/admin/knobs", Some(patch))
            .await;
        assert_eq!(answer.status, 422, "{name}: {answer:?}");
        assert_eq!(answer.field_errors()[0].0, name);
    }
}
