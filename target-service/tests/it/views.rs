//! Views of posts: counted while nobody waits, written behind, and what a crash costs.

use serde_json::json;
use sqlx::{Connection as _, query, query_scalar};

use crate::support::{PATIENT, Settings, TestApp, TestDatabase, until};

const NEVER: (&str, &str) = ("views.interval", "1h");
const OFTEN: (&str, &str) = ("views.interval", "20ms");
const MEMORY: (&str, &str) = ("views.counting", "memory");

async fn on(database: TestDatabase, settings: Settings<'_>) -> TestApp {
    let app = TestApp::on(database, &[PATIENT, settings].concat()).await;
    until("the service is ready", async || {
        app.get("/readyz").await.status == 200
    })
    .await;
    app
}

async fn with_post(settings: Settings<'_>) -> TestApp {
    let app = on(TestDatabase::create().await, settings).await;
    let author = app.register("kim").await;
    let body = json!({"member_id": author, "contents": "one"});
    assert_eq!(app.post("/posts", body).await.body["id"], 1);
    app
}

async fn read(app: &TestApp, times: usize) {
    for _ in 0..times {
        assert_eq!(app.get("/posts/1").await.status, 200);
    }
}

async fn views(app: &TestApp) -> i64 {
    let answer = app.get("/posts/1/views").await;
    assert_eq!((answer.status, &answer.body["post_id"]), (200, &json!(1)));
    answer.body["views"].as_i64().unwrap()
}

async fn pending(app: &TestApp) -> f64 {
    app.metric("target_post_views_pending", &[]).await
}

#[tokio::test]
async fn views_are_counted_once_written_once_and_only_where_that_is_wanted() {
    let app = with_post(&[OFTEN]).await;
    read(&app, 2).await;
    for (counting, times) in [("memory", 3), ("direct", 4), ("memory", 1)] {
        app.set_knobs(json!({"views.counting": counting})).await;
        read(&app, times).await;
    }
    until("all are written", async || pending(&app).await == 0.0).await;
    assert_eq!(views(&app).await, 8);
    for metric in ["target_post_views_total", "target_post_views_written_total"] {
        assert_eq!(app.metric(metric, &[]).await, 8.0, "{metric}");
    }
    assert_eq!(app.get("/posts/2").await.status, 404);
    assert_eq!(app.get("/posts/2/views").await.status, 404);
}

#[tokio::test]
async fn a_crash_loses_what_was_pending_and_nothing_that_was_written() {
    let app = with_post(&[MEMORY, OFTEN]).await;
    read(&app, 5).await;
    until("all are written", async || views(&app).await == 5).await;
    let app = on(app.into_database().await, &[MEMORY, NEVER]).await;
    assert_eq!(views(&app).await, 5);
    read(&app, 3).await;
    assert_eq!((views(&app).await, pending(&app).await), (5, 3.0));
    let app = on(app.into_database().await, &[MEMORY, NEVER]).await;
    assert_eq!((views(&app).await, pending(&app).await), (5, 0.0));
}

#[tokio::test]
async fn a_service_that_is_told_to_stop_loses_none() {
    let mut app = with_post(&[MEMORY, NEVER]).await;
    read(&app, 3).await;
    assert_eq!(pending(&app).await, 3.0);
    app.terminate();
    assert_eq!(app.exit_code().await, Some(0));
    let written: i64 = query_scalar("SELECT views FROM post_views WHERE post_id = 1")
        .fetch_one(&mut app.connect().await)
        .await
        .unwrap();
    assert_eq!(written, 3);
}

#[tokio::test]
async fn what_cannot_be_written_fails_nobody_and_is_written_later() {
    let app = with_post(&[MEMORY, NEVER]).await;
    let mut connection = app.connect().await;
    let rename = "ALTER TABLE post_views RENAME TO elsewhere";
    query(rename).execute(&mut connection).await.unwrap();
    read(&app, 3).await;
    app.set_knobs(json!({"views.interval": "20ms"})).await;
    read(&app, 2).await;
    until("writing has failed", async || {
        app.metric("db_client_operation_duration_seconds_count", &["views.add"])
            .await
            > 0.0
    })
    .await;
    assert_eq!(pending(&app).await, 5.0);
    let rename = "ALTER TABLE elsewhere RENAME TO post_views";
    query(rename).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    until("all are written", async || views(&app).await == 5).await;
    assert_eq!(pending(&app).await, 0.0);
}
