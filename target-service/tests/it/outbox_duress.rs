//! The outbox when somebody holds things up, and the mistakes that lose a mail or send it twice.

use reqwest::Method;
use serde_json::json;

use crate::outbox::{
    AT_WORK, RELAY_ONLY, app_with, instance_of, mailbox, number, open_events, published_events,
    register, stream_length, until_all_are_handled,
};
use crate::support::{TestApp, TestRedis, until};

#[tokio::test]
async fn a_relay_passes_over_what_another_has_in_hand_and_waits_for_nobody() {
    let redis = TestRedis::start().await;
    let nobody = [("outbox.relay", "false"), ("outbox.consumer", "false")];
    let app = app_with(&redis, &nobody).await;
    register(&app, 3).await;
    // As a relay that is slow to publish holds what it has taken.
    let mut holder = app.connect().await;
    let mut taken = sqlx::Connection::begin(&mut holder).await.unwrap();
    sqlx::query("SELECT id FROM outbox_events ORDER BY id LIMIT 1 FOR UPDATE")
        .execute(&mut *taken)
        .await
        .unwrap();
    let _relay = instance_of(&app, &redis, RELAY_ONLY).await;
    until("the others are published", async || {
        published_events(&app).await == 2
    })
    .await;
    let first = "SELECT count(*) FROM outbox_events WHERE published_at IS NULL \
                 AND id = (SELECT min(id) FROM outbox_events)";
    assert_eq!(number(&app.database, first).await, 1);
    // It dies: what it had is free again.
    taken.rollback().await.unwrap();
    until("the first is published, too", async || {
        published_events(&app).await == 3
    })
    .await;
}

#[tokio::test]
async fn an_event_that_cannot_be_handled_holds_up_nobody_else() {
    let redis = TestRedis::start().await;
    let app = app_with(&redis, RELAY_ONLY).await;
    // Of an order that does not exist.
    sqlx::query("INSERT INTO outbox_events (kind, subject) VALUES ('order_paid', 987654)")
        .execute(&mut app.connect().await)
        .await
        .unwrap();
    // And what is no event at all.
    let mut stream = redis.connect().await;
    let _: String = redis::cmd("XADD")
        .arg(&["target:outbox", "*", "kind", "birthday"])
        .query_async(&mut stream)
        .await
        .unwrap();
    register(&app, 40).await;
    let consumer = instance_of(&app, &redis, AT_WORK).await;
    until("everybody is welcomed", async || {
        mailbox(&app).await.0 == 40
    })
    .await;
    until("only the one is open, and is tried again", async || {
        let failed = consumer.metric("target_outbox_received_total", &["outcome=\"failed\""]);
        open_events(&app).await == 1 && failed.await >= 2.0
    })
    .await;
    assert_eq!(mailbox(&app).await, (40, 40));
    until("of the stream only that is left", async || {
        stream_length(&redis).await == 1
    })
    .await;
}

#[tokio::test]
async fn a_welcome_from_memory_is_sent_once_and_lost_where_the_mail_server_is_down() {
    let app = TestApp::with(AT_WORK).await;
    app.set_knobs(json!({"mail.welcome": "after_commit"})).await;
    app.register("kim").await;
    until("she is welcomed", async || mailbox(&app).await == (1, 1)).await;
    app.set_knobs(json!({"mail.server": "down"})).await;
    app.register("lee").await;
    until("it has been tried", async || {
        let refused = app.metric("target_mails_total", &["outcome=\"refused\""]);
        refused.await == 1.0
    })
    .await;
    app.set_knobs(json!({"mail.server": "ok"})).await;
    // Nobody knows of it any more.
    assert_eq!(open_events(&app).await, 0);
    assert_eq!(mailbox(&app).await, (1, 1));
}

#[tokio::test]
async fn under_a_new_name_the_mail_of_an_event_that_is_handled_again_comes_twice() {
    let redis = TestRedis::start().await;
    let mut app = app_with(&redis, AT_WORK).await;
    let patch = json!({"outbox.fault": "after_handle", "mail.message_ids": "per_attempt"});
    app.set_knobs(patch).await;
    let kim = json!({"email": "kim@example.com", "nickname": "kim", "birth_date": "2000-01-01"});
    let _ = app
        .request(Method::POST, "/members")
        .json(&kim)
        .send()
        .await;
    app.exit_code().await;
    assert_eq!(mailbox(&app).await, (1, 1));
    let settings = [AT_WORK, &[("mail.message_ids", "per_attempt")]].concat();
    let _other = instance_of(&app, &redis, &settings).await;
    until_all_are_handled(&app).await;
    assert_eq!(mailbox(&app).await, (2, 2));
}
