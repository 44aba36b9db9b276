//! Events and the mails that follow from them: through Redis and without, with everything that can go wrong
//! on the way.

use reqwest::Method;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::support::{PATIENT, Settings, TestApp, TestDatabase, TestRedis, until};

pub const AT_WORK: Settings = &[
    ("outbox.relay", "true"),
    ("outbox.consumer", "true"),
    ("outbox.retry_after", "50ms"),
];
pub const RELAY_ONLY: Settings = &[("outbox.relay", "true"), ("outbox.consumer", "false")];

pub async fn number(database: &TestDatabase, query: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap()
}

/// Mails that were accepted, and how often they were handed over in all.
pub async fn mailbox(app: &TestApp) -> (i64, i64) {
    let database = &app.database;
    (
        number(database, "SELECT count(*) FROM mailbox").await,
        number(
            database,
            "SELECT COALESCE(sum(handed_over), 0)::bigint FROM mailbox",
        )
        .await,
    )
}

pub async fn open_events(app: &TestApp) -> i64 {
    let open = "SELECT count(*) FROM outbox_events WHERE delivered_at IS NULL";
    number(&app.database, open).await
}

pub async fn published_events(app: &TestApp) -> i64 {
    let published = "SELECT count(*) FROM outbox_events WHERE published_at IS NOT NULL";
    number(&app.database, published).await
}

pub async fn until_all_are_handled(app: &TestApp) {
    until("all events are handled", async || {
        open_events(app).await == 0
    })
    .await;
}

pub async fn register(app: &TestApp, members: usize) {
    for member in 0..members {
        app.register(&format!("m{member}")).await;
    }
}

/// On a database and a Redis of its own.
pub async fn app_with(redis: &TestRedis, settings: Settings<'_>) -> TestApp {
    let url = redis.url();
    TestApp::with(&[PATIENT, &[("redis.url", url.as_str())], settings].concat()).await
}

/// Another instance on the same database.
pub async fn instance_of(app: &TestApp, redis: &TestRedis, settings: Settings<'_>) -> TestApp {
    let url = app.database.url();
    app_with(redis, &[&[("db.url", url.as_str())], settings].concat()).await
}

#[tokio::test]
async fn new_members_are_welcomed_once_each_with_redis_and_without() {
    let redis = TestRedis::start().await;
    for app in [
        app_with(&redis, AT_WORK).await,
        TestApp::with(AT_WORK).await,
    ] {
        register(&app, 5).await;
        until_all_are_handled(&app).await;
        assert_eq!(mailbox(&app).await, (5, 5));
        let to_first = "SELECT count(*) FROM mailbox WHERE recipient = 'm0@example.com' AND subject = 'Welcome'";
        assert_eq!(number(&app.database, to_first).await, 1);
        until("all of it is counted", async || {
            let handled = app.metric("target_outbox_received_total", &["outcome=\"handled\""]);
            handled.await == 5.0
        })
        .await;
    }
}

#[tokio::test]
async fn members_are_told_how_their_orders_ended() {
    let app = TestApp::with(AT_WORK).await;
    let member = app.register("kim").await;
    let charge = json!({"amount": 5, "idempotency_key": "a"});
    let path = format!("/members/{member}/points/charge");
    assert_eq!(app.post(&path, charge).await.status, 200);
    let order = |points: i64| json!({"member_id": member, "points": points, "amount": 5});
    assert_eq!(app.post("/orders", order(5)).await.status, 201);
    // There is no payment gateway.
    assert_eq!(app.post("/orders", order(0)).await.status, 503);
    until_all_are_handled(&app).await;
    for (kind, subject) in [
        ("order_paid", "Your order is paid"),
        ("order_failed", "Your order has failed"),
    ] {
        let query = format!(
            "SELECT count(*) FROM mailbox WHERE recipient = 'kim@example.com' \
             AND subject = '{subject}' AND message_id LIKE '{kind}-%'"
        );
        assert_eq!(number(&app.database, &query).await, 1, "{kind}");
    }
    assert_eq!(mailbox(&app).await, (3, 3));
}

#[tokio::test]
async fn a_registration_that_fails_leaves_no_event() {
    let app = TestApp::start().await;
    app.register("kim").await;
    let again = json!({"email": "KIM@example.com", "nickname": "lee", "birth_date": "2000-01-01"});
    let answer = app.post("/members", again).await;
    answer.assert_problem(409, "email_taken");
    assert_eq!(open_events(&app).await, 1);
}

#[tokio::test]
async fn while_the_mail_server_is_down_or_slow_members_register_and_are_welcomed_later() {
    let redis = TestRedis::start().await;
    for server in ["down", "slow"] {
        for app in [
            app_with(&redis, AT_WORK).await,
            TestApp::with(&[AT_WORK, &[("outbox.republish_after", "100ms")]].concat()).await,
        ] {
            app.set_knobs(json!({"mail.server": server, "mail.slow_by": "300ms"}))
                .await;
            register(&app, 3).await;
            if server == "down" {
                until("it has been tried", async || {
                    let refused = app.metric("target_mails_total", &["outcome=\"refused\""]);
                    refused.await >= 4.0
                })
                .await;
                assert_eq!(mailbox(&app).await, (0, 0));
                app.set_knobs(json!({"mail.server": "ok"})).await;
            }
            until_all_are_handled(&app).await;
            assert_eq!(mailbox(&app).await.0, 3);
        }
    }
}

/// However long that takes, they are not handed on again and again.
#[tokio::test]
async fn events_that_are_tried_again_stand_in_the_stream_once() {
    let redis = TestRedis::start().await;
    let settings = [AT_WORK, &[("outbox.republish_after", "3s")]].concat();
    let app = app_with(&redis, &settings).await;
    app.set_knobs(json!({"mail.server": "down"})).await;
    register(&app, 3).await;
    until("it has lasted longer than twice that", async || {
        app.metric("target_outbox_lag_seconds", &[]).await >= 7.0
    })
    .await;
    let published = "target_outbox_published_total";
    assert_eq!(app.metric(published, &[]).await, 3.0);
    app.set_knobs(json!({"mail.server": "ok"})).await;
    until_all_are_handled(&app).await;
}

#[tokio::test]
async fn a_mail_that_is_sent_before_the_commit_takes_the_registration_down_with_it() {
    let app = TestApp::with(AT_WORK).await;
    app.set_knobs(json!({"mail.welcome": "inline", "mail.server": "down"}))
        .await;
    let body = json!({"email": "kim@example.com", "nickname": "kim", "birth_date": "2000-01-01"});
    let answer = app.post("/members", body).await;
    answer.assert_problem(503, "mail_unavailable");
    assert_eq!(
        number(&app.database, "SELECT count(*) FROM members").await,
        0
    );
    app.set_knobs(json!({"mail.server": "ok"})).await;
    app.register("kim").await;
    assert_eq!(mailbox(&app).await, (1, 1));
    assert_eq!(open_events(&app).await, 0);
}

#[tokio::test]
async fn several_instances_share_the_work_and_nothing_is_done_twice() {
    let redis = TestRedis::start().await;
    // Nothing is tried again, however slow the machine is.
    let settings = [AT_WORK, &[("outbox.retry_after", "30s")]].concat();
    let first = app_with(&redis, &settings).await;
    let second = instance_of(&first, &redis, &settings).await;
    let third = instance_of(&first, &redis, &settings).await;
    let everybody = (0..60).map(|member| {
        let app = [&first, &second, &third][member % 3];
        async move { app.register(&format!("m{member}")).await }
    });
    futures_util::future::join_all(everybody).await;
    until_all_are_handled(&first).await;
    assert_eq!(mailbox(&first).await, (60, 60));
}

/// How many entries the stream holds.
pub async fn stream_length(redis: &TestRedis) -> i64 {
    redis::cmd("XLEN")
        .arg("target:outbox")
        .query_async(&mut redis.connect().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn an_event_that_is_published_twice_is_handled_once() {
    let redis = TestRedis::start().await;
    let app = app_with(&redis, RELAY_ONLY).await;
    register(&app, 2).await;
    for entries in [2, 4] {
        until("the relay has published", async || {
            stream_length(&redis).await == entries && published_events(&app).await == 2
        })
        .await;
        if entries == 2 {
            // As after a crash between publishing and marking.
            sqlx::query("UPDATE outbox_events SET published_at = NULL")
                .execute(&mut app.connect().await)
                .await
                .unwrap();
        }
    }
    let consumer = instance_of(&app, &redis, AT_WORK).await;
    until("all four have come", async || {
        consumer.metric("target_outbox_received_total", &[]).await == 4.0
    })
    .await;
    assert_eq!(mailbox(&app).await.0, 2);
    let duplicates = consumer.metric("target_outbox_received_total", &["outcome=\"duplicate\""]);
    assert_eq!(duplicates.await, 2.0);
}

#[tokio::test]
async fn without_redis_events_wait_and_those_that_redis_lost_come_again() {
    let redis = TestRedis::start().await;
    let app = app_with(&redis, RELAY_ONLY).await;
    register(&app, 1).await;
    until("it is published", async || {
        published_events(&app).await == 1
    })
    .await;
    redis.kill();
    app.register("late").await;
    assert_eq!(open_events(&app).await, 2);
    // With nothing in it.
    redis.run().await;
    let settings = [AT_WORK, &[("outbox.republish_after", "100ms")]].concat();
    let _other = instance_of(&app, &redis, &settings).await;
    until_all_are_handled(&app).await;
    assert_eq!(mailbox(&app).await.0, 2);
}

#[tokio::test]
async fn what_a_killed_instance_was_about_to_do_is_done_by_another() {
    let redis = TestRedis::start().await;
    let mut app = app_with(&redis, AT_WORK).await;
    app.set_knobs(json!({"mail.server": "slow", "mail.slow_by": "60s"}))
        .await;
    register(&app, 3).await;
    until("all are on their way", async || {
        published_events(&app).await == 3 && pending_entries(&redis).await > 0
    })
    .await;
    app.kill().await;
    assert_eq!(mailbox(&app).await, (0, 0));
    let _other = instance_of(&app, &redis, AT_WORK).await;
    until_all_are_handled(&app).await;
    assert_eq!(mailbox(&app).await, (3, 3));
    until("the stream is empty", async || {
        pending_entries(&redis).await == 0
    })
    .await;
}

#[tokio::test]
async fn wherever_the_process_dies_the_event_is_handled_and_the_mail_comes_once() {
    // How often the mail is handed over at most: the mail server knows it again.
    for (point, at_most) in [
        ("after_take", 1),
        ("after_publish", 2),
        ("after_mark", 1),
        ("before_handle", 1),
        ("after_handle", 2),
        ("after_delivery", 1),
    ] {
        let redis = TestRedis::start().await;
        let mut app = app_with(&redis, AT_WORK).await;
        app.set_knobs(json!({"outbox.fault": point})).await;
        let kim =
            json!({"email": "kim@example.com", "nickname": "kim", "birth_date": "2000-01-01"});
        // The answer may come before the end, or never.
        let _ = app
            .request(Method::POST, "/members")
            .json(&kim)
            .send()
            .await;
        app.exit_code().await;
        let _other = instance_of(&app, &redis, AT_WORK).await;
        until("the welcome is accepted", async || {
            mailbox(&app).await.0 == 1 && open_events(&app).await == 0
        })
        .await;
        until("the stream is empty", async || {
            pending_entries(&redis).await == 0
        })
        .await;
        assert!(mailbox(&app).await.1 <= at_most, "{point}");
    }
}

/// Read and not done.
async fn pending_entries(redis: &TestRedis) -> i64 {
    let mut redis = redis.connect().await;
    let pending: redis::RedisResult<Vec<redis::Value>> = redis::cmd("XPENDING")
        .arg(&["target:outbox", "service"])
        .query_async(&mut redis)
        .await;
    match pending.as_deref() {
        Ok([redis::Value::Int(pending), ..]) => *pending,
        _ => 0,
    }
}

#[tokio::test]
async fn the_mail_server_is_a_knob_of_known_states() {
    let app = TestApp::start().await;
    let patch = json!({"mail.server": "grumpy"});
    let answer = app.admin(Method::PATCH, "/admin/knobs", Some(patch)).await;
    answer.assert_problem(422, "invalid");
}
