//! Points over HTTP, with every lock.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{Answer, PATIENT, TestApp};

const SAFE: [&str; 3] = ["row", "optimistic", "increment"];
const ALL: [&str; 4] = ["none", "row", "optimistic", "increment"];

struct Bank {
    app: TestApp,
    member: i64,
}

impl Bank {
    async fn open() -> Self {
        let app = TestApp::with(PATIENT).await;
        let member = app.register("kim").await;
        Self { app, member }
    }

    /// Another member, so that the next part of a test begins with nothing.
    async fn next_member(&mut self, name: &str) {
        self.member = self.app.register(name).await;
    }

    async fn lock(&self, lock: &str, optimistic_attempts: u32) {
        let knobs = json!({"point.lock": lock, "point.optimistic_attempts": optimistic_attempts});
        self.app.set_knobs(knobs).await;
    }

    async fn ask(&self, operation: &str, amount: i64, key: &str) -> Answer {
        let body = json!({"amount": amount, "idempotency_key": key});
        let path = format!("/members/{}/points/{operation}", self.member);
        self.app.post(&path, body).await
    }

    async fn charge(&self, amount: i64, key: &str) -> Value {
        let answer = self.ask("charge", amount, key).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    async fn balance(&self) -> i64 {
        let path = format!("/members/{}/points", self.member);
        let answer = self.app.get(&path).await;
        assert_eq!(answer.body["member_id"], self.member, "{answer:?}");
        answer.body["balance"].as_i64().unwrap()
    }

    /// Sum and number of the ledger's rows.
    async fn ledger(&self) -> (i64, i64) {
        sqlx::query_as(
            "SELECT COALESCE(sum(change), 0)::bigint, count(*) FROM point_entries WHERE member_id = $1",
        )
        .bind(self.member)
        .fetch_one(&mut self.app.connect().await)
        .await
        .unwrap()
    }
}

async fn execute(database: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(database)
        .await
        .map(|_| ())
}

#[tokio::test]
async fn charges_and_uses_move_the_balance_with_every_lock() {
    let mut bank = Bank::open().await;
    for lock in ALL {
        bank.next_member(&lock[..3]).await;
        bank.lock(lock, 5).await;
        assert_eq!(bank.balance().await, 0, "{lock}");
        let entry = bank.charge(500, "a").await;
        assert_eq!(
            (&entry["kind"], &entry["amount"], &entry["balance"]),
            (&json!("charge"), &json!(500), &json!(500)),
            "{lock}"
        );
        let entry = bank.ask("use", 200, "b").await.body;
        assert_eq!(
            (&entry["kind"], &entry["amount"], &entry["balance"]),
            (&json!("use"), &json!(200), &json!(300)),
            "{lock}"
        );
        bank.ask("use", 301, "c")
            .await
            .assert_problem(409, "insufficient_points");
        assert_eq!(bank.ask("use", 300, "c").await.body["balance"], 0, "{lock}");
        assert_eq!(bank.balance().await, 0, "{lock}");
        assert_eq!(bank.ledger().await, (0, 3), "{lock}");
    }
}

#[tokio::test]
async fn concurrent_charges_and_uses_leave_the_sum_of_the_ledger_with_every_lock_but_none() {
    let mut bank = Bank::open().await;
    for lock in SAFE {
        bank.next_member(lock).await;
        bank.lock(lock, 1_000).await;
        // The account does not exist yet: whoever comes first opens it.
        let charges = (0..20).map(|number| {
            let bank = &bank;
            async move {
                bank.ask("charge", 10, &format!("charge {number}"))
                    .await
                    .status
            }
        });
        let uses = (0..20).map(|number| {
            let bank = &bank;
            async move { bank.ask("use", 7, &format!("use {number}")).await.status }
        });
        let (charged, used) = tokio::join!(join_all(charges), join_all(uses));
        assert!(
            charged.iter().all(|&status| status == 200),
            "{lock}: {charged:?}"
        );
        assert!(
            used.iter().all(|status| [200, 409].contains(status)),
            "{lock}: {used:?}"
        );
        let used: i64 = used.iter().map(|&status| i64::from(status == 200)).sum();
        let expected = 20 * 10 - used * 7;
        assert_eq!(bank.balance().await, expected, "{lock}");
        assert_eq!(bank.ledger().await, (expected, 20 + used), "{lock}");
    }
}

#[tokio::test]
async fn of_many_uses_at_once_only_as_many_succeed_as_there_are_points_for() {
    let mut bank = Bank::open().await;
    for lock in SAFE {
        bank.next_member(lock).await;
        bank.lock(lock, 1_000).await;
        bank.charge(50, "first").await;
        let uses = (0..20).map(|number| {
            let bank = &bank;
            async move { bank.ask("use", 10, &format!("use {number}")).await }
        });
        let answers = join_all(uses).await;
        let (used, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(used.len(), 5, "{lock}: {answers:?}");
        for answer in refused {
            answer.assert_problem(409, "insufficient_points");
        }
        assert_eq!(bank.balance().await, 0, "{lock}");
        assert_eq!(bank.ledger().await, (0, 6), "{lock}");
    }
}

/// Both charges are brought to the point where they are about to change the balance before either does: what
/// they have read by then, if they read at all, is the same.
#[tokio::test]
async fn of_two_charges_at_once_one_is_lost_without_a_lock_and_none_with_any() {
    let mut bank = Bank::open().await;
    for (lock, expected) in [
        ("none", 105),
        ("row", 110),
        ("optimistic", 110),
        ("increment", 110),
    ] {
        bank.next_member(lock).await;
        bank.lock(lock, 10).await;
        bank.charge(100, "first").await;
        let mut database = bank.app.connect().await;
        execute(
            &mut database,
            "BEGIN; SELECT FROM point_accounts FOR UPDATE",
        )
        .await
        .unwrap();
        let let_go = async {
            bank.app.wait_for_lock_waiters(2).await;
            execute(&mut database, "COMMIT").await.unwrap();
        };
        tokio::join!(bank.charge(5, "one"), bank.charge(5, "two"), let_go);
        assert_eq!(bank.balance().await, expected, "{lock}");
        assert_eq!(bank.ledger().await, (110, 3), "{lock}");
    }
}

#[tokio::test]
async fn an_optimistic_writer_tries_again_as_often_as_it_may() {
    for (attempts, status) in [(1, 503), (2, 200)] {
        let bank = Bank::open().await;
        bank.charge(100, "first").await;
        bank.lock("optimistic", attempts).await;
        let mut database = bank.app.connect().await;
        let change =
            "BEGIN; UPDATE point_accounts SET balance = balance + 1, version = version + 1";
        execute(&mut database, change).await.unwrap();
        let commit = async {
            bank.app.wait_for_lock_waiters(1).await;
            execute(&mut database, "COMMIT").await.unwrap();
        };
        let (answer, ()) = tokio::join!(bank.ask("use", 10, "a"), commit);
        assert_eq!(answer.status, status, "{answer:?}");
        if status == 503 {
            answer.assert_problem(503, "points_contended");
        }
        let expected = if status == 503 { 101 } else { 91 };
        assert_eq!(bank.balance().await, expected);
        let conflicts = bank.app.metric("target_point_balance_conflicts_total", &[]);
        assert_eq!(conflicts.await, 1.0);
    }
}

#[tokio::test]
async fn the_same_request_again_is_answered_alike_and_done_once() {
    let mut bank = Bank::open().await;
    for lock in ALL {
        bank.next_member(&lock[..3]).await;
        bank.lock(lock, 5).await;
        let charged = bank.charge(500, "a").await;
        let used = bank.ask("use", 500, "b").await.body;
        assert_eq!(bank.charge(500, "a").await, charged, "{lock}");
        // There are no points left for it, and it needs none.
        assert_eq!(bank.ask("use", 500, "b").await.body, used, "{lock}");
        assert_eq!(bank.balance().await, 0, "{lock}");
        assert_eq!(bank.ledger().await, (0, 2), "{lock}");
    }
}

#[tokio::test]
async fn a_key_that_was_used_for_something_else_is_refused_and_belongs_to_its_member() {
    let mut bank = Bank::open().await;
    bank.charge(500, "a").await;
    for (operation, amount) in [("charge", 501), ("use", 500), ("use", 9_999)] {
        bank.ask(operation, amount, "a")
            .await
            .assert_problem(422, "idempotency_key_reused");
    }
    assert_eq!(bank.balance().await, 500);
    bank.next_member("lee").await;
    assert_eq!(bank.charge(7, "a").await["balance"], 7);
}

#[tokio::test]
async fn of_equal_requests_that_race_all_get_the_one_answer() {
    let mut bank = Bank::open().await;
    for lock in ALL {
        bank.next_member(&lock[..3]).await;
        bank.lock(lock, 1_000).await;
        for (operation, key) in [("charge", "a"), ("use", "b")] {
            let asked = (0..12).map(|_| bank.ask(operation, 40, key));
            let answers = join_all(asked).await;
            for answer in &answers {
                assert_eq!(answer.status, 200, "{lock}: {answer:?}");
                assert_eq!(answer.body, answers[0].body, "{lock}");
            }
        }
        assert_eq!(bank.balance().await, 0, "{lock}");
        assert_eq!(bank.ledger().await, (0, 2), "{lock}");
    }
}

#[tokio::test]
async fn bad_input_is_refused_field_by_field() {
    let bank = Bank::open().await;
    let long = "k".repeat(256);
    for (body, expected) in [
        (
            json!({"amount": 0, "idempotency_key": "a"}),
            ("amount", "out_of_range"),
        ),
        (
            json!({"amount": -1, "idempotency_key": "a"}),
            ("amount", "out_of_range"),
        ),
        (
            json!({"amount": 1_000_000_001, "idempotency_key": "a"}),
            ("amount", "out_of_range"),
        ),
        (
            json!({"amount": u64::MAX, "idempotency_key": "a"}),
            ("amount", "invalid_value"),
        ),
        (
            json!({"amount": 1.5, "idempotency_key": "a"}),
            ("amount", "wrong_type"),
        ),
        (
            json!({"amount": "5", "idempotency_key": "a"}),
            ("amount", "wrong_type"),
        ),
        (json!({"idempotency_key": "a"}), ("amount", "missing_field")),
        (json!({"amount": 5}), ("idempotency_key", "missing_field")),
        (
            json!({"amount": 5, "idempotency_key": ""}),
            ("idempotency_key", "empty"),
        ),
        (
            json!({"amount": 5, "idempotency_key": long}),
            ("idempotency_key", "too_long"),
        ),
        (
            json!({"amount": 5, "idempotency_key": "a\u{0}"}),
            ("idempotency_key", "control_character"),
        ),
        (
            json!({"amount": 5, "idempotency_key": 5}),
            ("idempotency_key", "wrong_type"),
        ),
        (
            json!({"amount": 5, "idempotency_key": "a", "to": 1}),
            ("to", "unknown_field"),
        ),
    ] {
        for operation in ["charge", "use"] {
            let path = format!("/members/{}/points/{operation}", bank.member);
            let answer = bank.app.post(&path, body.clone()).await;
            answer.assert_problem(422, "invalid");
            assert_eq!(answer.field_errors(), [expected], "{body}");
        }
    }
    let both = bank.ask("charge", 0, "").await;
    assert_eq!(
        both.field_errors(),
        [("amount", "out_of_range"), ("idempotency_key", "empty")]
    );
    assert_eq!(bank.ledger().await, (0, 0));
}

#[tokio::test]
async fn points_of_unknown_members_are_not_found() {
    let bank = Bank::open().await;
    for lock in ALL {
        bank.lock(lock, 5).await;
        let body = json!({"amount": 5, "idempotency_key": "a"});
        for operation in ["charge", "use"] {
            let path = format!("/members/999/points/{operation}");
            let answer = bank.app.post(&path, body.clone()).await;
            answer.assert_problem(404, "member_not_found");
        }
    }
    let answer = bank.app.get("/members/999/points").await;
    answer.assert_problem(404, "member_not_found");
    let answer = bank.app.get("/members/kim/points").await;
    answer.assert_problem(400, "malformed_path");
}

#[tokio::test]
async fn the_database_itself_keeps_the_ledger_and_refuses_debts() {
    let bank = Bank::open().await;
    bank.charge(5, "a").await;
    let mut database = bank.app.connect().await;
    for statement in [
        "UPDATE point_entries SET change = 6",
        "DELETE FROM point_entries",
        "UPDATE point_accounts SET balance = -1",
        "INSERT INTO point_entries (member_id, kind, change, balance_after, idempotency_key) \
         SELECT member_id, 'use', 5, 0, 'b' FROM point_accounts",
    ] {
        assert!(
            execute(&mut database, statement).await.is_err(),
            "{statement}"
        );
    }
    assert_eq!(bank.ledger().await, (5, 1));
}
