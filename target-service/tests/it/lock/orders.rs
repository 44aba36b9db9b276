//! What goes wrong around a lock: its order with the transaction, its key, a holder that outlives its lease.

use std::time::Duration;

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};

use super::suite::{IN_REDIS, Shop, in_transaction};
use crate::support::{Answer, TestApp, until};

async fn execute(database: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(database)
        .await
        .unwrap();
}

async fn tries(app: &TestApp) -> f64 {
    app.metric("target_lock_commands_total", &["command=\"acquire\""])
        .await
}

fn issued(answers: &[Answer]) -> i64 {
    answers
        .iter()
        .map(|answer| i64::from(answer.status == 201))
        .sum()
}

/// Both are brought to the wait for the lock before either has it: what is read before the lock is read twice.
#[tokio::test]
async fn stock_that_is_read_before_the_lock_is_issued_twice() {
    let shop = Shop::open(2, &[]).await;
    for (order, readers, expected) in [
        ("transaction_then_lock", 2, 2),
        ("lock_then_transaction", 0, 1),
    ] {
        for lock in ["redis_spin", "redis_pubsub"] {
            let place = format!("{order}, {lock}");
            shop.lock(lock).await;
            shop.app
                .set_knobs(json!({"coupon.lock_order": order, "lock.pubsub.recheck": "5ms"}))
                .await;
            let coupon = shop.coupon(1).await;
            let key = format!("target:lock:coupon:{coupon}");
            let mut redis = shop.redis.connect().await;
            redis::cmd("SET")
                .arg(&[key.as_str(), "else"])
                .exec_async(&mut redis)
                .await
                .unwrap();
            let let_go = async {
                until("those who read before the lock have begun", async || {
                    in_transaction(&shop.app).await == readers
                })
                .await;
                let before = tries(&shop.app).await;
                until("they have tried the lock since", async || {
                    tries(&shop.app).await >= before + 10.0
                })
                .await;
                redis::cmd("DEL")
                    .arg(&key)
                    .exec_async(&mut redis)
                    .await
                    .unwrap();
            };
            let (first, second, ()) = tokio::join!(
                shop.issue(coupon, shop.members[0]),
                shop.issue(coupon, shop.members[1]),
                let_go
            );
            assert_eq!(issued(&[first, second]), expected, "{place}");
            assert_eq!(shop.shown(coupon).await, (expected, 0), "{place}");
        }
    }
}

/// The first one's commit is held up: what the second one reads under the lock is then old, if it can have the
/// lock at all.
#[tokio::test]
async fn stock_is_issued_twice_when_the_lock_is_released_before_the_commit() {
    let shop = Shop::open(2, &[]).await;
    let mut database = shop.app.connect().await;
    execute(
        &mut database,
        "CREATE FUNCTION wait_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ \
         BEGIN PERFORM pg_advisory_xact_lock_shared(77); RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER wait_at_commit AFTER INSERT ON coupon_issues \
         DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_at_commit()",
    )
    .await;
    for (order, expected) in [("release_before_commit", 2), ("lock_then_transaction", 1)] {
        for lock in ["redis_spin", "redis_pubsub"] {
            let place = format!("{order}, {lock}");
            shop.lock(lock).await;
            shop.app
                .set_knobs(json!({"coupon.lock_order": order, "lock.pubsub.recheck": "5ms"}))
                .await;
            let coupon = shop.coupon(1).await;
            execute(&mut database, "SELECT pg_advisory_lock(77)").await;
            let before = tries(&shop.app).await;
            let let_go = async {
                // With the mistake the second one has come as far as the row that the first one wrote;
                // without it the second one tries the lock in vain.
                until("both are where they can get", async || {
                    if expected == 2 {
                        shop.app.database.lock_waiters().await == 2
                    } else {
                        shop.app.database.lock_waiters().await == 1
                            && tries(&shop.app).await >= before + 10.0
                    }
                })
                .await;
                execute(&mut database, "SELECT pg_advisory_unlock(77)").await;
            };
            let (first, second, ()) = tokio::join!(
                shop.issue(coupon, shop.members[0]),
                shop.issue(coupon, shop.members[1]),
                let_go
            );
            assert_eq!(issued(&[first, second]), expected, "{place}");
            assert_eq!(shop.shown(coupon).await, (expected, 0), "{place}");
        }
    }
}

/// The lease is so short that the second one has the lock while the first one is still at work.
#[tokio::test]
async fn a_holder_that_outlives_its_lease_oversells_unless_it_is_fenced_off() {
    let shop = Shop::open(2, &[]).await;
    for (fencing, expected) in [(false, 2), (true, 1)] {
        for lock in ["redis_spin", "redis_pubsub"] {
            let place = format!("fencing {fencing}, {lock}");
            shop.lock(lock).await;
            shop.app
                .set_knobs(json!({
                    "lock.lease": "100ms", "lock.fencing": fencing, "lock.pubsub.recheck": "5ms",
                    "db.simulated_work": "1500ms",
                }))
                .await;
            let coupon = shop.coupon(1).await;
            let second = async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                shop.issue(coupon, shop.members[1]).await
            };
            let (first, second) = tokio::join!(shop.issue(coupon, shop.members[0]), second);
            if fencing {
                let refused = if first.status == 201 { &second } else { &first };
                refused.assert_problem(503, "lock_lost");
                let fenced = shop.app.metric("target_lock_fenced_off_total", &[]).await;
                assert!(fenced >= 1.0, "{place}");
            }
            assert_eq!(issued(&[first, second]), expected, "{place}");
            assert_eq!(shop.shown(coupon).await, (expected, 0), "{place}");
            let lost = shop.app.metric("target_lock_lost_total", &[]).await;
            assert!(lost >= 1.0, "{place}");
        }
    }
}

/// A charge and a use are brought to the write of the balance, or only one of them where the other has to wait
/// for its lock.
#[tokio::test]
async fn charges_and_uses_with_a_lock_each_lose_points_and_with_one_lock_do_not() {
    let shop = Shop::open(6, &[]).await;
    let mut members = shop.members.iter();
    for (key, waiters, lossless) in [("per_operation", 2, false), ("member", 1, true)] {
        for lock in IN_REDIS {
            let member = *members.next().unwrap();
            let place = format!("{key}, {lock}");
            shop.lock(lock).await;
            shop.app.set_knobs(json!({"point.lock_key": key})).await;
            let path = |operation: &str| format!("/members/{member}/points/{operation}");
            let body = |amount: i64, key: &str| json!({"amount": amount, "idempotency_key": key});
            let first = shop.app.post(&path("charge"), body(100, "first")).await;
            assert_eq!(first.status, 200, "{place}: {first:?}");
            let mut database = shop.app.connect().await;
            execute(
                &mut database,
                "BEGIN; SELECT FROM point_accounts FOR UPDATE",
            )
            .await;
            let let_go = async {
                shop.app.wait_for_lock_waiters(waiters).await;
                execute(&mut database, "COMMIT").await;
            };
            let (charge, used) = (path("charge"), path("use"));
            let (charged, used, ()) = tokio::join!(
                shop.app.post(&charge, body(5, "charge")),
                shop.app.post(&used, body(7, "use")),
                let_go
            );
            let change = [(&charged, 5), (&used, -7)]
                .iter()
                .map(|(answer, change)| i64::from(answer.status == 200) * change)
                .sum::<i64>();
            let shown = shop.app.get(&format!("/members/{member}/points")).await;
            let is_right = shown.body["balance"] == 100 + change;
            assert_eq!(is_right, lossless, "{place}: {charged:?}, {used:?}");
        }
    }
}
