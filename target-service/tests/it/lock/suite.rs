//! One suite for every lock that holds, in the database or in Redis, over HTTP: coupons and points.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, PATIENT, Settings, TestApp, TestRedis, until};

pub const HOLDING: [&str; 6] = [
    "row",
    "optimistic",
    "increment",
    "redis_simple",
    "redis_spin",
    "redis_pubsub",
];
pub const IN_REDIS: [&str; 3] = ["redis_simple", "redis_spin", "redis_pubsub"];

/// For tests in which requests wait for locks on purpose.
const PATIENT_LOCKS: Settings = &[
    ("lock.spin.retries", "10000"),
    ("lock.spin.delay", "3ms"),
    ("lock.pubsub.wait", "30s"),
    ("redis.timeout.command", "20s"),
    ("redis.timeout.connect", "20s"),
    ("redis.timeout.wait", "20s"),
];

pub struct Shop {
    pub app: TestApp,
    pub redis: TestRedis,
    pub members: Vec<i64>,
}

impl Shop {
    pub async fn open(members: usize, settings: Settings<'_>) -> Self {
        let redis = TestRedis::start().await;
        let url = redis.url();
        let settings = [
            PATIENT,
            PATIENT_LOCKS,
            &[("redis.url", url.as_str())],
            settings,
        ]
        .concat();
        let app = TestApp::with(&settings).await;
        let names: Vec<_> = (0..members).map(|number| format!("m{number}")).collect();
        let members = join_all(names.iter().map(|name| app.register(name))).await;
        Self {
            app,
            redis,
            members,
        }
    }

    /// Another instance of the service on the same database and Redis.
    pub async fn second_instance(&self, settings: Settings<'_>) -> TestApp {
        let (database, redis) = (self.app.database.url(), self.redis.url());
        let same = [("db.url", database.as_str()), ("redis.url", redis.as_str())];
        TestApp::with(&[PATIENT, PATIENT_LOCKS, &same, settings].concat()).await
    }

    pub async fn lock(&self, lock: &str) {
        set_lock(&self.app, lock).await;
    }

    pub async fn coupon(&self, quantity: i64) -> i64 {
        let body = json!({"name": "tea", "quantity": quantity});
        self.app.post("/coupons", body).await.body["id"]
            .as_i64()
            .unwrap()
    }

    pub async fn issue(&self, coupon: i64, member: i64) -> Answer {
        let path = format!("/coupons/{coupon}/issues");
        self.app.post(&path, json!({ "member_id": member })).await
    }

    /// Asks again for as long as somebody else has the lock.
    pub async fn insist(&self, coupon: i64, member: i64) -> Answer {
        insist(async || self.issue(coupon, member).await).await
    }

    pub async fn shown(&self, coupon: i64) -> (i64, i64) {
        let shown = self.app.get(&format!("/coupons/{coupon}")).await.body;
        let count = |name: &str| shown[name].as_i64().unwrap();
        (count("issued"), count("remaining"))
    }

    /// How many orders are so far.
    async fn orders(&self, status: &str) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM orders WHERE status = $1")
            .bind(status)
            .fetch_one(&mut self.app.connect().await)
            .await
            .unwrap()
    }

    pub async fn points(&self, operation: &str, member: i64, amount: i64, key: &str) -> Answer {
        let path = format!("/members/{member}/points/{operation}");
        let body = json!({"amount": amount, "idempotency_key": key});
        insist(async || self.app.post(&path, body.clone()).await).await
    }

    pub async fn balance(&self, member: i64) -> (i64, i64) {
        let path = format!("/members/{member}/points");
        let balance = self.app.get(&path).await.body["balance"].as_i64().unwrap();
        let ledger: i64 = sqlx::query_scalar(
            "SELECT COALESCE(sum(change), 0)::bigint FROM point_entries WHERE member_id = $1",
        )
        .bind(member)
        .fetch_one(&mut self.app.connect().await)
        .await
        .unwrap();
        (balance, ledger)
    }
}

async fn set_lock(app: &TestApp, lock: &str) {
    app.set_knobs(json!({
        "coupon.lock": lock, "coupon.optimistic_attempts": 1_000,
        "point.lock": lock, "point.optimistic_attempts": 1_000,
    }))
    .await;
}

async fn insist(ask: impl AsyncFn() -> Answer) -> Answer {
    loop {
        let answer = ask().await;
        if answer.body["code"] != "lock_held" {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
}

fn status_of(answers: &[Answer], status: u16) -> usize {
    let with_status = answers.iter().filter(|answer| answer.status == status);
    with_status.count()
}

#[tokio::test]
async fn no_lock_that_holds_oversells_or_loses_an_issue() {
    let shop = Shop::open(30, &[]).await;
    for lock in HOLDING {
        shop.lock(lock).await;
        let coupon = shop.coupon(12).await;
        // Everybody asks twice.
        let members = shop.members.iter().chain(&shop.members);
        let answers = join_all(members.map(|&member| shop.insist(coupon, member))).await;
        assert_eq!(status_of(&answers, 201), 12, "{lock}: {answers:?}");
        assert_eq!(status_of(&answers, 409), 48, "{lock}: {answers:?}");
        assert_eq!(shop.shown(coupon).await, (12, 0), "{lock}");
    }
}

#[tokio::test]
async fn no_lock_that_holds_loses_points() {
    let shop = Shop::open(HOLDING.len(), &[]).await;
    for (lock, &member) in HOLDING.iter().zip(&shop.members) {
        shop.lock(lock).await;
        let keys: Vec<_> = (0..15).map(|number| format!("k{number}")).collect();
        let charges = keys
            .iter()
            .map(|key| shop.points("charge", member, 10, key));
        let charged = join_all(charges).await;
        assert_eq!(status_of(&charged, 200), 15, "{lock}: {charged:?}");
        let keys: Vec<_> = (0..15).map(|number| format!("u{number}")).collect();
        // Some of both, and not enough points for all uses.
        let uses = keys.iter().map(|key| shop.points("use", member, 20, key));
        let (used, late) = tokio::join!(join_all(uses), shop.points("charge", member, 7, "late"));
        assert_eq!(late.status, 200, "{lock}: {late:?}");
        assert_eq!(status_of(&used, 200), 7, "{lock}: {used:?}");
        assert_eq!(shop.balance(member).await, (17, 17), "{lock}");
    }
}

#[tokio::test]
async fn the_same_request_for_points_again_is_answered_alike_with_every_lock() {
    let shop = Shop::open(HOLDING.len(), &[("lock.fencing", "true")]).await;
    for (lock, &member) in HOLDING.iter().zip(&shop.members) {
        shop.lock(lock).await;
        let first = shop.points("charge", member, 10, "a").await;
        let again = shop.points("charge", member, 10, "a").await;
        assert_eq!((first.status, &first.body), (200, &again.body), "{lock}");
        let refused = shop.points("use", member, 11, "b").await;
        refused.assert_problem(409, "insufficient_points");
        assert_eq!(shop.balance(member).await, (10, 10), "{lock}");
    }
}

#[tokio::test]
async fn orders_take_points_and_give_them_back_with_every_lock() {
    let shop = Shop::open(HOLDING.len(), &[("lock.fencing", "true")]).await;
    for (lock, &member) in HOLDING.iter().zip(&shop.members) {
        shop.lock(lock).await;
        let charged = shop.points("charge", member, 50, "a").await;
        assert_eq!(charged.status, 200, "{lock}: {charged:?}");
        let order = |points: i64, amount: i64| json!({"member_id": member, "points": points, "amount": amount});
        let paid = shop.app.post("/orders", order(20, 20)).await;
        assert_eq!(paid.status, 201, "{lock}: {paid:?}");
        // There is no payment gateway for the rest.
        let failed = shop.app.post("/orders", order(20, 21)).await;
        assert_eq!(failed.status, 503, "{lock}: {failed:?}");
        assert_eq!(shop.balance(member).await, (30, 30), "{lock}");
    }
}

/// Half of the members order the coupon, and there is no payment gateway: what those orders take goes back into
/// the stock while the others ask for it.
#[tokio::test]
async fn coupons_that_orders_give_back_are_neither_lost_nor_issued_twice_with_every_lock() {
    // An order that finds the lock held when it is to give back is left to the settlement.
    let settings = [
        ("lock.fencing", "true"),
        ("flow.settlement", "true"),
        ("flow.settle_interval", "20ms"),
        ("flow.settle_after", "0s"),
    ];
    let shop = Shop::open(16, &settings).await;
    let (ordering, asking) = shop.members.split_at(8);
    for lock in HOLDING {
        shop.lock(lock).await;
        let coupon = shop.coupon(4).await;
        let order = async |member: i64| {
            let body = json!({"member_id": member, "coupon_id": coupon, "amount": 5});
            insist(async || shop.app.post("/orders", body.clone()).await).await
        };
        let (ordered, issued) = tokio::join!(
            join_all(ordering.iter().map(|&member| order(member))),
            join_all(asking.iter().map(|&member| shop.insist(coupon, member)))
        );
        assert_eq!(status_of(&ordered, 201), 0, "{lock}: {ordered:?}");
        until("the orders have given their coupons back", async || {
            shop.orders("CREATED").await == 0
        })
        .await;
        let issued = i64::try_from(status_of(&issued, 201)).unwrap();
        assert_eq!(shop.shown(coupon).await, (issued, 4 - issued), "{lock}");
        for &member in ordering {
            shop.insist(coupon, member).await;
        }
        assert_eq!(shop.shown(coupon).await, (4, 0), "{lock}");
    }
    assert!(shop.orders("FAILED").await > 0);
}

#[tokio::test]
async fn what_a_holder_that_is_killed_held_is_given_on() {
    for lock in HOLDING {
        let mut shop = Shop::open(2, &[("lock.watchdog", "600ms")]).await;
        shop.lock(lock).await;
        shop.app
            .set_knobs(json!({"db.simulated_work": "60s"}))
            .await;
        let coupon = shop.coupon(1).await;
        let other = shop.second_instance(&[("lock.watchdog", "600ms")]).await;
        set_lock(&other, lock).await;
        let path = format!("http://{}/coupons/{coupon}/issues", shop.app.service);
        let body = json!({ "member_id": shop.members[0] });
        if lock != "increment" {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let dying = tokio::spawn(client.post(path).json(&body).send());
            until("it is at work", async || {
                in_transaction(&shop.app).await == 1
            })
            .await;
            shop.app.kill().await;
            assert!(dying.await.unwrap().is_err(), "{lock}");
        }
        let path = format!("/coupons/{coupon}/issues");
        let body = json!({ "member_id": shop.members[1] });
        let issued = insist(async || other.post(&path, body.clone()).await).await;
        assert_eq!(issued.status, 201, "{lock}: {issued:?}");
        let shown = other.get(&format!("/coupons/{coupon}")).await.body;
        assert_eq!(
            (&shown["issued"], &shown["remaining"]),
            (&json!(1), &json!(0)),
            "{lock}"
        );
    }
}

/// Sessions of the service that are in the middle of a transaction and wait for the service.
pub async fn in_transaction(app: &TestApp) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'target-service' AND state = 'idle in transaction'",
    )
    .fetch_one(&mut app.connect().await)
    .await
    .unwrap()
}

#[tokio::test]
async fn without_redis_its_locks_are_refused_in_time_and_all_others_work() {
    let impatient: Settings = &[
        ("redis.timeout.connect", "500ms"),
        ("redis.timeout.command", "500ms"),
    ];
    let shop = Shop::open(1, impatient).await;
    let member = shop.members[0];
    shop.redis.kill();
    for lock in HOLDING {
        shop.lock(lock).await;
        let coupon = shop.coupon(1).await;
        let issued = shop.issue(coupon, member).await;
        let charged = shop.points("charge", member, 5, lock).await;
        if IN_REDIS.contains(&lock) {
            issued.assert_problem(503, "lock_unavailable");
            charged.assert_problem(503, "lock_unavailable");
            assert_eq!(shop.shown(coupon).await, (0, 1), "{lock}");
        } else {
            assert_eq!((issued.status, charged.status), (201, 200), "{lock}");
        }
    }
    shop.redis.run().await;
    let coupon = shop.coupon(1).await;
    until("locks can be had again", async || {
        shop.issue(coupon, member).await.status == 201
    })
    .await;
}

#[tokio::test]
async fn who_finds_the_lock_held_for_too_long_is_told_so() {
    let brief: Settings = &[("lock.spin.retries", "2"), ("lock.pubsub.wait", "20ms")];
    let shop = Shop::open(1, brief).await;
    let coupon = shop.coupon(1).await;
    let mut redis = shop.redis.connect().await;
    let key = format!("target:lock:coupon:{coupon}");
    redis::cmd("SET")
        .arg(&[key.as_str(), "else"])
        .exec_async(&mut redis)
        .await
        .unwrap();
    for (lock, code) in [
        ("redis_simple", "lock_held"),
        ("redis_spin", "lock_timeout"),
        ("redis_pubsub", "lock_timeout"),
    ] {
        shop.lock(lock).await;
        shop.issue(coupon, shop.members[0])
            .await
            .assert_problem(503, code);
        let label = format!("lock=\"{lock}\"");
        for metric in [
            "target_lock_refused_total",
            "target_lock_wait_seconds_count",
        ] {
            let counted = shop.app.metric(metric, &[&label]).await;
            assert_eq!(counted, 1.0, "{lock}: {metric}");
        }
    }
    assert!(shop.app.metric("target_lock_commands_total", &[]).await >= 5.0);
}

#[tokio::test]
async fn locks_in_redis_are_refused_where_there_is_none() {
    let app = TestApp::start().await;
    for knob in ["coupon.lock", "point.lock"] {
        for lock in IN_REDIS {
            let patch: Value = json!({ knob: lock });
            let answer = app.admin(Method::PATCH, "/admin/knobs", Some(patch)).await;
            answer.assert_problem(422, "invalid");
            assert_eq!(answer.field_errors(), [(knob, "out_of_range")]);
        }
    }
}
