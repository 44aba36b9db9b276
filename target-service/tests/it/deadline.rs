//! `X-Request-Deadline-Ms`: no work past it.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, TestApp, until};

async fn get_within(app: &TestApp, path: &str, milliseconds: &str) -> Answer {
    app.send(
        app.request(Method::GET, path)
            .header("x-request-deadline-ms", milliseconds),
    )
    .await
}

const CALENDAR: &str = "/members/1/post-calendar?from=2024-01-01&to=2024-01-31";

#[tokio::test]
async fn a_query_that_runs_past_the_deadline_is_answered_504_and_ended_on_the_server() {
    let app = TestApp::with(&[
        ("db.statement_timeout", "60s"),
        ("db.simulated_delay", "60s"),
    ])
    .await;
    app.register("kim").await;
    write_post(&app).await;
    get_within(&app, &today_calendar(&app).await, "150")
        .await
        .assert_problem(504, "deadline_exceeded");
    until("the database works on nothing", async || {
        app.database.active_statements().await == 0
    })
    .await;
    until("the connection is free again", async || {
        app.metric("db_client_connection_count", &["state=\"used\""])
            .await
            == 0.0
    })
    .await;
}

/// The delay is in the calendar's query, which must find a row to evaluate it for.
async fn write_post(app: &TestApp) {
    let answer = app
        .post("/posts", json!({"member_id": 1, "contents": "hello"}))
        .await;
    assert_eq!(answer.status, 201, "{answer:?}");
}

async fn today_calendar(app: &TestApp) -> String {
    let posts = app.get("/members/1/posts").await.body;
    let today = posts["items"][0]["created_date"]
        .as_str()
        .unwrap()
        .to_owned();
    format!("/members/1/post-calendar?from={today}&to={today}")
}

#[tokio::test]
async fn a_deadline_that_is_over_at_once_gets_no_work_done() {
    let app = TestApp::with(&[("db.pool.warm", "false")]).await;
    let answer = get_within(&app, "/members/1", "0").await;
    answer.assert_problem(504, "deadline_exceeded");
    let body = json!({"email": "kim@example.com", "nickname": "kim", "birth_date": "2000-01-01"});
    let request = app
        .request(Method::POST, "/members")
        .header("x-request-deadline-ms", "0")
        .json(&body);
    app.send(request)
        .await
        .assert_problem(504, "deadline_exceeded");
    assert!(
        app.database.backends().await.is_empty(),
        "no connection was opened"
    );
    app.get("/members/1")
        .await
        .assert_problem(404, "member_not_found");
}

#[tokio::test]
async fn the_wait_for_a_connection_ends_with_the_deadline() {
    let app = TestApp::with(&[
        ("db.pool.max_size", "1"),
        ("db.pool.acquire_timeout", "60s"),
        ("db.statement_timeout", "60s"),
        ("db.simulated_delay", "60s"),
    ])
    .await;
    app.register("kim").await;
    write_post(&app).await;
    let path = today_calendar(&app).await;
    let occupying = tokio::spawn(app.request(Method::GET, &path).send());
    until("the only connection is in use", async || {
        app.database.active_statements().await == 1
    })
    .await;
    get_within(&app, "/members/1", "100")
        .await
        .assert_problem(504, "deadline_exceeded");
    assert_eq!(
        app.metric("db_client_connection_timeouts_total", &[]).await,
        0.0,
        "it was not the pool's own timeout"
    );
    occupying.abort();
}

#[tokio::test]
async fn a_deadline_that_is_no_number_is_refused() {
    let app = TestApp::start().await;
    for deadline in ["soon", "-1", "1.5", ""] {
        get_within(&app, "/healthz", deadline)
            .await
            .assert_problem(400, "malformed_deadline");
    }
}

#[tokio::test]
async fn deadlines_can_be_switched_off() {
    let app = TestApp::with(&[("request.deadlines", "false")]).await;
    get_within(&app, "/members/1", "0")
        .await
        .assert_problem(404, "member_not_found");
    get_within(&app, "/members/1", "soon")
        .await
        .assert_problem(404, "member_not_found");
}

#[tokio::test]
async fn a_deadline_that_is_kept_changes_nothing() {
    let app = TestApp::start().await;
    app.register("kim").await;
    let answer = get_within(&app, "/members/1", "20000").await;
    assert_eq!(
        (answer.status, &answer.body["nickname"]),
        (200, &json!("kim"))
    );
    assert_eq!(get_within(&app, CALENDAR, "20000").await.body, json!([]));
}
