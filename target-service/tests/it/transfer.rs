//! Points given from one member to another, with every lock and in both orders.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};

use crate::support::{Answer, PATIENT, Settings, TestApp, TestRedis};

const LOCKS: [&str; 6] = [
    "row",
    "optimistic",
    "increment",
    "redis_simple",
    "redis_spin",
    "redis_pubsub",
];

struct Bank {
    app: TestApp,
    members: Vec<i64>,
}

impl Bank {
    async fn open(members: usize, settings: Settings<'_>) -> Self {
        let app = TestApp::with(&[PATIENT, settings].concat()).await;
        let names: Vec<_> = (0..members).map(|number| format!("m{number}")).collect();
        let members = join_all(names.iter().map(|name| app.register(name))).await;
        Self { app, members }
    }

    async fn give(&self, from: i64, body: Value) -> Answer {
        let path = format!("/members/{from}/points/transfer");
        loop {
            let answer = self.app.post(&path, body.clone()).await;
            if answer.body["code"] != "lock_held" {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    async fn transfer(&self, from: i64, to: i64, amount: i64, key: &str) -> Answer {
        self.give(
            from,
            json!({"to": to, "amount": amount, "idempotency_key": key}),
        )
        .await
    }

    async fn charge(&self, member: i64, amount: i64) {
        let path = format!("/members/{member}/points/charge");
        let key = format!("charge {amount}");
        let body = json!({"amount": amount, "idempotency_key": key});
        let answer = self.app.post(&path, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    async fn balance(&self, member: i64) -> i64 {
        let answer = self.app.get(&format!("/members/{member}/points")).await;
        answer.body["balance"].as_i64().unwrap()
    }

    /// Rows of the ledger, and members whose balance is not the sum of theirs.
    async fn books(&self) -> (i64, i64) {
        sqlx::query_as(
            "SELECT (SELECT count(*) FROM point_entries), \
                    (SELECT count(*) FROM point_accounts a WHERE balance <> \
                     (SELECT COALESCE(sum(change), 0) FROM point_entries e WHERE e.member_id = a.member_id))",
        )
        .fetch_one(&mut self.app.connect().await)
        .await
        .unwrap()
    }
}

async fn execute(database: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(database)
        .await
        .unwrap();
}

#[tokio::test]
async fn points_go_from_one_member_to_another_once_for_each_key() {
    let bank = Bank::open(3, &[]).await;
    let [kim, lee, max] = bank.members[..] else {
        unreachable!()
    };
    bank.charge(kim, 100).await;
    let first = bank.transfer(kim, lee, 30, "a").await;
    assert_eq!(first.status, 200, "{first:?}");
    assert_eq!(
        (&first.body["kind"], &first.body["member_id"]),
        (&json!("transfer_out"), &json!(kim))
    );
    assert_eq!(
        (&first.body["amount"], &first.body["balance"]),
        (&json!(30), &json!(70))
    );
    let again = bank.transfer(kim, lee, 30, "a").await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    // The whole request is what the key stands for.
    for (to, amount) in [(max, 30), (lee, 31)] {
        bank.transfer(kim, to, amount, "a")
            .await
            .assert_problem(422, "idempotency_key_reused");
    }
    let used = json!({"amount": 30, "idempotency_key": "a"});
    bank.app
        .post(&format!("/members/{kim}/points/use"), used)
        .await
        .assert_problem(422, "idempotency_key_reused");
    // A key is its sender's, and a charge's key is no transfer's.
    assert_eq!(bank.transfer(lee, max, 30, "a").await.status, 200);
    bank.transfer(kim, lee, 100, "charge 100")
        .await
        .assert_problem(422, "idempotency_key_reused");
    let balances = [
        bank.balance(kim).await,
        bank.balance(lee).await,
        bank.balance(max).await,
    ];
    assert_eq!(balances, [70, 0, 30]);
    assert_eq!(bank.books().await, (5, 0));
}

#[tokio::test]
async fn what_cannot_be_given_is_refused_and_moves_nothing() {
    let bank = Bank::open(2, &[]).await;
    let [kim, lee] = bank.members[..] else {
        unreachable!()
    };
    bank.charge(kim, 10).await;
    bank.transfer(kim, lee, 11, "a")
        .await
        .assert_problem(409, "insufficient_points");
    // Whoever never had any has none.
    bank.transfer(lee, kim, 1, "a")
        .await
        .assert_problem(409, "insufficient_points");
    for (from, to) in [(kim, 999), (999, kim)] {
        bank.transfer(from, to, 1, "b")
            .await
            .assert_problem(404, "member_not_found");
    }
    let oneself = bank.transfer(kim, kim, 1, "c").await;
    oneself.assert_problem(422, "invalid");
    assert_eq!(oneself.field_errors(), [("to", "same_member")]);
    for amount in [0, -1, 1_000_000_001, i64::MAX, i64::MIN] {
        let refused = bank.transfer(kim, lee, amount, "d").await;
        refused.assert_problem(422, "invalid");
        assert_eq!(refused.field_errors(), [("amount", "out_of_range")]);
    }
    let everything = bank.transfer(kim, kim, 0, "").await;
    assert_eq!(
        everything.field_errors(),
        [
            ("to", "same_member"),
            ("amount", "out_of_range"),
            ("idempotency_key", "empty")
        ]
    );
    for body in [
        json!({"to": lee, "amount": 1e30, "idempotency_key": "e"}),
        json!({"to": "lee", "amount": 1, "idempotency_key": "e"}),
        json!({"amount": 1, "idempotency_key": "e"}),
        json!({"to": lee, "amount": 1, "idempotency_key": "e", "from": kim}),
    ] {
        let refused = bank.give(kim, body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {refused:?}");
    }
    assert_eq!((bank.balance(kim).await, bank.balance(lee).await), (10, 0));
    assert_eq!(bank.books().await, (1, 0));
    // What was refused for want of points may succeed later, with its own key.
    bank.charge(kim, 1).await;
    assert_eq!(bank.transfer(kim, lee, 11, "a").await.status, 200);
}

#[tokio::test]
async fn transfers_in_both_directions_keep_the_sum_with_every_lock_in_order() {
    let redis = TestRedis::start().await;
    let url = redis.url();
    let settings: Settings = &[
        ("redis.url", url.as_str()),
        ("redis.timeout.command", "20s"),
        ("redis.timeout.connect", "20s"),
        ("redis.timeout.wait", "20s"),
        ("lock.spin.retries", "10000"),
        ("lock.pubsub.wait", "30s"),
        ("lock.fencing", "true"),
    ];
    let bank = Bank::open(3, settings).await;
    for &member in &bank.members {
        bank.charge(member, 100).await;
    }
    for lock in LOCKS {
        bank.app
            .set_knobs(json!({"point.lock": lock, "point.optimistic_attempts": 1_000}))
            .await;
        let transfers = (0..18).map(|number| {
            let bank = &bank;
            let from = bank.members[number % 3];
            let to = bank.members[(number + 1 + number / 3 % 2) % 3];
            async move {
                bank.transfer(from, to, 3, &format!("{lock} {number}"))
                    .await
            }
        });
        for answer in join_all(transfers).await {
            assert_eq!(answer.status, 200, "{lock}: {answer:?}");
        }
        let mut sum = 0;
        for &member in &bank.members {
            sum += bank.balance(member).await;
        }
        assert_eq!((sum, bank.books().await.1), (300, 0), "{lock}");
    }
    let (entries, _) = bank.books().await;
    assert_eq!(entries, 3 + 6 * 18 * 2);
}

/// Whoever has its first lock is kept from the second one until the other one is where it can get.
#[tokio::test]
async fn in_the_given_order_the_database_has_to_end_one_of_two_and_in_order_it_does_not() {
    let bank = Bank::open(2, &[]).await;
    let [kim, lee] = bank.members[..] else {
        unreachable!()
    };
    bank.charge(kim, 10).await;
    bank.charge(lee, 10).await;
    let mut database = bank.app.connect().await;
    execute(
        &mut database,
        "CREATE FUNCTION wait_before_writing() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN PERFORM pg_advisory_xact_lock_shared(78); RETURN NEW; END $$; \
         CREATE TRIGGER wait_before_writing BEFORE UPDATE ON point_accounts \
         FOR EACH ROW EXECUTE FUNCTION wait_before_writing()",
    )
    .await;
    for (order, refused) in [("given", 1), ("ordered", 0)] {
        bank.app
            .set_knobs(json!({"point.lock": "row", "point.transfer_order": order}))
            .await;
        execute(&mut database, "SELECT pg_advisory_lock(78)").await;
        let let_go = async {
            bank.app.wait_for_lock_waiters(2).await;
            execute(&mut database, "SELECT pg_advisory_unlock(78)").await;
        };
        let (there, back) = (format!("{order} there"), format!("{order} back"));
        let (there, back, ()) = tokio::join!(
            bank.transfer(kim, lee, 1, &there),
            bank.transfer(lee, kim, 1, &back),
            let_go
        );
        let answers = [there, back];
        let ended: Vec<_> = answers.iter().filter(|one| one.status != 200).collect();
        for answer in &ended {
            answer.assert_problem(503, "deadlock");
        }
        assert_eq!(ended.len(), refused, "{order}: {answers:?}");
        let sum = bank.balance(kim).await + bank.balance(lee).await;
        assert_eq!((sum, bank.books().await.1), (20, 0), "{order}");
    }
}

/// A wait in a circle is bounded also where nobody looks for circles.
#[tokio::test]
async fn who_waits_for_the_second_lock_waits_for_no_longer_than_a_lock_may_take() {
    let bank = Bank::open(2, &[]).await;
    let [kim, lee] = bank.members[..] else {
        unreachable!()
    };
    bank.charge(kim, 10).await;
    bank.charge(lee, 10).await;
    bank.app
        .set_knobs(json!({"point.lock": "row", "db.lock_timeout": "50ms"}))
        .await;
    let mut other = bank.app.connect().await;
    let lock = format!("BEGIN; SELECT FROM point_accounts WHERE member_id = {lee} FOR UPDATE");
    execute(&mut other, &lock).await;
    bank.transfer(kim, lee, 1, "a")
        .await
        .assert_problem(503, "lock_timeout");
    execute(&mut other, "ROLLBACK").await;
    assert_eq!(bank.transfer(kim, lee, 1, "a").await.status, 200);
    assert_eq!((bank.balance(kim).await, bank.balance(lee).await), (9, 11));
}
