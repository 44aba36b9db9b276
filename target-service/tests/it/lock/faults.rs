//! One suite for every lock that holds, in the database or in Redis, with everything that can go wrong while it
//! is held or waited for. Whatever happens: who was told to have a coupon has it, nobody else, there are never
//! more than the quantity, and points are moved once. And when it is over everybody is served.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use super::suite::{HOLDING, IN_REDIS, Shop, in_transaction};
use crate::support::{Answer, Settings, until};

const MEMBERS: usize = 6;
const QUANTITY: i64 = 3;
/// How long a lock is held, so that there is time for something to happen.
const WORK: &str = "120ms";
const FENCED: Settings = &[("lock.fencing", "true"), ("lock.watchdog", "600ms")];

const END_TRANSACTIONS: &str = "\
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE datname = current_database() AND application_name = 'target-service' \
       AND state = 'idle in transaction'";

/// Everybody wants a coupon, of which there are not enough, and points for the same member; whoever is told
/// to try again does, until it is decided.
struct Rush<'a> {
    shop: &'a Shop,
    lock: &'a str,
    coupon: i64,
    is_over: AtomicBool,
}

impl<'a> Rush<'a> {
    async fn new(shop: &'a Shop, lock: &'a str) -> Self {
        shop.lock(lock).await;
        Self {
            shop,
            lock,
            coupon: shop.coupon(QUANTITY).await,
            is_over: AtomicBool::new(false),
        }
    }

    async fn with(self, fault: impl AsyncFnOnce(&Self)) {
        let Self { shop, lock, .. } = self;
        let beneficiary = shop.members[0];
        let before = shop.balance(beneficiary).await.0;
        let members = || shop.members.iter().copied();
        let claims = join_all(members().map(|member| self.claim(member)));
        let charges =
            join_all(
                members().map(|member| {
                    let key = format!("{lock}, {member}");
                    async move {
                        decided(async || shop.points("charge", beneficiary, 10, &key).await).await
                    }
                }),
            );
        let rush = async {
            let decided = tokio::join!(claims, charges);
            self.is_over.store(true, Ordering::Relaxed);
            decided
        };
        let ((claimed, charged), ()) = tokio::join!(rush, fault(&self));

        assert!(
            charged.iter().all(|answer| answer.status == 200),
            "{lock}: {charged:?}"
        );
        let balance = before + 10 * i64::try_from(MEMBERS).unwrap();
        assert_eq!(
            shop.balance(beneficiary).await,
            (balance, balance),
            "{lock}"
        );
        let told: BTreeSet<i64> = members()
            .zip(&claimed)
            .filter(|(_, answer)| has_one(answer))
            .map(|(member, _)| member)
            .collect();
        let owners = self.owners().await;
        let of_us: BTreeSet<i64> = members().filter(|member| owners.contains(member)).collect();
        assert_eq!(told, of_us, "{lock}: {claimed:?}");
        assert_eq!(shop.shown(self.coupon).await, (QUANTITY, 0), "{lock}");
    }

    async fn claim(&self, member: i64) -> Answer {
        decided(async || self.shop.issue(self.coupon, member).await).await
    }

    /// Somebody is at work under the lock, where a lock is held at all while there is work to do.
    async fn until_somebody_is_at_work(&self) {
        if self.lock == "increment" {
            return;
        }
        until("somebody is at work", async || {
            in_transaction(&self.shop.app).await > 0 || self.is_over.load(Ordering::Relaxed)
        })
        .await;
    }

    async fn owners(&self) -> BTreeSet<i64> {
        let owners: Vec<i64> =
            sqlx::query_scalar("SELECT member_id FROM coupon_issues WHERE coupon_id = $1")
                .bind(self.coupon)
                .fetch_all(&mut self.shop.app.connect().await)
                .await
                .unwrap();
        owners.into_iter().collect()
    }
}

/// Asks for as long as the answer is that it may be different later.
async fn decided(ask: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Now, or since an answer that did not arrive.
fn has_one(answer: &Answer) -> bool {
    answer.status == 201 || answer.body["code"] == "already_issued"
}

async fn open(settings: Settings<'_>) -> Shop {
    let shop = Shop::open(MEMBERS, &[FENCED, settings].concat()).await;
    shop.app
        .set_knobs(json!({ "db.simulated_work": WORK }))
        .await;
    shop
}

/// It comes back with nothing in it, while who held the lock is still at work.
#[tokio::test]
async fn redis_is_killed_while_the_lock_is_held() {
    let shop = open(&[]).await;
    for lock in HOLDING {
        let rush = Rush::new(&shop, lock).await;
        rush.with(async |rush| {
            rush.until_somebody_is_at_work().await;
            shop.redis.kill();
            shop.redis.run().await;
        })
        .await;
    }
}

/// What was asked of it is done late, and nobody hears of it.
#[tokio::test]
async fn redis_is_slower_than_anybody_waits() {
    let impatient: Settings = &[("redis.timeout.command", "100ms")];
    let shop = open(impatient).await;
    for lock in HOLDING {
        let rush = Rush::new(&shop, lock).await;
        rush.with(async |rush| {
            let mut redis = shop.redis.connect().await;
            for _ in 0..2 {
                rush.until_somebody_is_at_work().await;
                redis::cmd("CLIENT")
                    .arg(&["PAUSE", "250", "ALL"])
                    .exec_async(&mut redis)
                    .await
                    .unwrap();
                sleep(Duration::from_millis(300)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn the_connection_of_the_holder_is_gone() {
    let shop = open(&[]).await;
    for lock in HOLDING {
        let rush = Rush::new(&shop, lock).await;
        rush.with(async |rush| {
            let mut database = shop.app.connect().await;
            // Nobody stands still under a lock that lasts for one statement.
            until("a connection is ended", async || {
                let ended: Vec<bool> = sqlx::query_scalar(END_TRANSACTIONS)
                    .fetch_all(&mut database)
                    .await
                    .unwrap();
                !ended.is_empty() || rush.is_over.load(Ordering::Relaxed)
            })
            .await;
        })
        .await;
    }
}

/// Those who come first work for longer than their lease, those who come later do not.
#[tokio::test]
async fn the_lease_runs_out_while_its_holder_is_at_work() {
    let shop = open(&[]).await;
    for lock in HOLDING {
        let slow = json!({ "lock.lease": "80ms", "lock.pubsub.recheck": "5ms", "db.simulated_work": "400ms" });
        shop.app.set_knobs(slow).await;
        let rush = Rush::new(&shop, lock).await;
        rush.with(async |rush| {
            rush.until_somebody_is_at_work().await;
            shop.app
                .set_knobs(json!({ "db.simulated_work": "0ms" }))
                .await;
        })
        .await;
        if IN_REDIS.contains(&lock) {
            let label = format!("lock=\"{lock}\"");
            let lost = shop.app.metric("target_lock_lost_total", &[&label]).await;
            assert!(lost >= 1.0, "{lock}");
        }
    }
}

/// Those who leave may be given a coupon or not; they must leave nothing locked.
#[tokio::test]
async fn callers_go_away_while_they_wait() {
    let shop = open(&[]).await;
    for (turn, lock) in HOLDING.into_iter().enumerate() {
        let leavers = join_all((0..4).map(|number| {
            let name = format!("l{turn}{number}");
            let shop = &shop;
            async move { shop.app.register(&name).await }
        }))
        .await;
        let rush = Rush::new(&shop, lock).await;
        let path = format!("/coupons/{}/issues", rush.coupon);
        rush.with(async |rush| {
            rush.until_somebody_is_at_work().await;
            let leaving = leavers.iter().map(|member| {
                let body = json!({ "member_id": member });
                let request = shop.app.request(reqwest::Method::POST, &path).json(&body);
                request.timeout(Duration::from_millis(30)).send()
            });
            join_all(leaving).await;
        })
        .await;
    }
}
