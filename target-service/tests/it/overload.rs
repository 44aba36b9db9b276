//! More work than the service takes on, and work that nobody waits for any more.

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{PATIENT, TestApp, until};

/// Path of a calendar whose query is delayed: it finds a post.
async fn calendar(app: &TestApp) -> String {
    let member = app.register("kim").await;
    let post = app
        .post("/posts", json!({"member_id": member, "contents": "hello"}))
        .await;
    let today = post.body["created_date"].as_str().unwrap().to_owned();
    format!("/members/{member}/post-calendar?from={today}&to={today}")
}

/// A request that occupies a connection as long as anybody looks.
async fn occupy(app: &TestApp) -> JoinHandle<reqwest::Result<reqwest::Response>> {
    let path = calendar(app).await;
    app.set_knobs(json!({"db.simulated_delay": "600s", "db.statement_timeout": "600s"}))
        .await;
    let occupying = tokio::spawn(app.request(Method::GET, &path).send());
    until("the query runs", async || {
        app.database.active_statements().await == 1
    })
    .await;
    occupying
}

#[tokio::test]
async fn an_exhausted_pool_answers_503_and_counts_it() {
    let app = TestApp::with(&[PATIENT, &[("db.pool.max_size", "1")]].concat()).await;
    let occupying = occupy(&app).await;
    // Not before: what leads up to here connects and waits for the one connection too.
    app.set_knobs(json!({"db.pool.acquire_timeout": "50ms"}))
        .await;
    app.get("/members/1")
        .await
        .assert_problem(503, "pool_exhausted");
    assert_eq!(
        app.metric("db_client_connection_timeouts_total", &[]).await,
        1.0
    );
    occupying.abort();
}

#[tokio::test]
async fn each_route_waits_for_a_connection_as_long_as_its_class_says() {
    let app = TestApp::with(&[PATIENT, &[("db.pool.max_size", "1")]].concat()).await;
    let occupying = occupy(&app).await;
    app.set_knobs(json!({"db.pool.acquire_timeout": "600s"}))
        .await;
    for (class, path) in [
        ("realtime", "/members/1"),
        ("realtime", "/posts/1"),
        ("standard", "/members/1/posts"),
        ("standard", "/members/1/nicknames"),
        (
            "slow",
            "/members/1/post-calendar?from=2024-01-01&to=2024-01-31",
        ),
    ] {
        let knob = format!("db.class.{class}.acquire_timeout");
        app.set_knobs(json!({ &knob: "10ms" })).await;
        // A wait as long as all others' ends with the deadline, and its answer is another.
        let request = app
            .request(Method::GET, path)
            .header("x-request-deadline-ms", "20000");
        app.send(request)
            .await
            .assert_problem(503, "pool_exhausted");
        app.set_knobs(json!({ &knob: null })).await;
    }
    occupying.abort();
}

#[tokio::test]
async fn a_query_that_takes_too_long_answers_503() {
    let app = TestApp::with(PATIENT).await;
    let path = calendar(&app).await;
    app.set_knobs(json!({"db.simulated_delay": "100ms"})).await;
    assert_eq!(app.get(&path).await.status, 200);
    app.set_knobs(json!({"db.simulated_delay": "600s", "db.statement_timeout": "50ms"}))
        .await;
    app.get(&path).await.assert_problem(503, "query_timeout");
}

#[tokio::test]
async fn above_the_limit_requests_are_shed_but_health_and_metrics_are_not() {
    let app = TestApp::with(&[("http.max_in_flight", "1")]).await;
    let occupying = occupy(&app).await;
    app.get("/members/1")
        .await
        .assert_problem(503, "overloaded");
    assert_eq!(app.get("/healthz").await.status, 200);
    assert_eq!(app.get("/readyz").await.status, 200);
    app.set_knobs(json!({"http.max_in_flight": 0})).await;
    assert_eq!(app.get("/members/1").await.status, 200);
    occupying.abort();
}

/// Whether a rename whose client has gone was carried out.
async fn is_finished_without_its_client(abandoned: &str) -> bool {
    let app = TestApp::with(&[
        ("request.abandoned", abandoned),
        ("db.lock_timeout", "60s"),
        ("db.statement_timeout", "60s"),
    ])
    .await;
    let member = app.register("kim").await;
    let mut database = app.connect().await;
    sqlx::raw_sql("BEGIN; SELECT FROM members FOR UPDATE")
        .execute(&mut database)
        .await
        .unwrap();
    let rename = app
        .request(Method::PATCH, &format!("/members/{member}/nickname"))
        .json(&json!({"nickname": "lee"}));
    let renaming = tokio::spawn(rename.send());
    app.wait_until_someone_waits_for_a_lock().await;
    renaming.abort();
    until("the service knows that the client has gone", async || {
        app.metric("target_http_requests_abandoned_total", &[])
            .await
            == 1.0
    })
    .await;
    sqlx::raw_sql("COMMIT")
        .execute(&mut database)
        .await
        .unwrap();
    until("the connection is free", async || {
        app.metric("db_client_connection_count", &["state=\"used\""])
            .await
            == 0.0
    })
    .await;
    app.get(&format!("/members/{member}")).await.body["nickname"] == "lee"
}

#[tokio::test]
async fn work_whose_client_has_gone_is_continued_or_cancelled_as_configured() {
    assert!(is_finished_without_its_client("continue").await);
    assert!(!is_finished_without_its_client("cancel").await);
}

#[tokio::test]
async fn without_a_pool_every_request_opens_a_connection() {
    for (enabled, opened) in [("false", 4.0), ("true", 1.0)] {
        let app = TestApp::with(&[("db.pool.enabled", enabled)]).await;
        let member = app.register("kim").await;
        for _ in 0..3 {
            assert_eq!(app.get(&format!("/members/{member}")).await.status, 200);
        }
        let counted = app.metric("target_db_connections_opened_total", &[]).await;
        assert_eq!(counted, opened, "enabled = {enabled}");
    }
}
