//! From the start of the process to its end.

use reqwest::Method;
use serde_json::json;

use crate::support::{RawConnection, TestApp, until};

/// A request whose query takes 400 ms.
async fn slow_request(app: &TestApp) -> (reqwest::RequestBuilder, String) {
    let member = app.register("kim").await;
    let post = app
        .post("/posts", json!({"member_id": member, "contents": "hello"}))
        .await;
    let today = post.body["created_date"].as_str().unwrap().to_owned();
    app.set_knobs(json!({"db.simulated_delay": "400ms"})).await;
    let path = format!("/members/{member}/post-calendar?from={today}&to={today}");
    (app.request(Method::GET, &path), today)
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_under_way_accepts_nothing_more_and_ends_with_0() {
    let mut app = TestApp::start().await;
    let (request, today) = slow_request(&app).await;
    let under_way = tokio::spawn(request.send());
    until("the query runs", async || {
        app.database.active_statements().await == 1
    })
    .await;
    app.terminate();
    until("nothing is accepted", async || {
        tokio::net::TcpStream::connect(&app.service).await.is_err()
    })
    .await;

    let answer = under_way.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let calendar: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(calendar, json!([{"date": today, "count": 1}]));
    assert_eq!(app.exit_code().await, Some(0));
    until("all connections are closed", async || {
        app.database.backends().await.is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_shutdown_waits_no_longer_than_its_grace() {
    let mut app = TestApp::with(&[
        ("http.shutdown_grace", "50ms"),
        ("db.statement_timeout", "600s"),
    ])
    .await;
    let (request, _) = slow_request(&app).await;
    app.set_knobs(json!({"db.simulated_delay": "500s"})).await;
    let under_way = tokio::spawn(request.send());
    until("the query runs", async || {
        app.database.active_statements().await == 1
    })
    .await;
    app.terminate();
    assert_eq!(app.exit_code().await, Some(0));
    assert!(under_way.await.unwrap().is_err(), "it was broken off");
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_shutdown_up() {
    let mut app = TestApp::with(&[("http.shutdown_grace", "600s")]).await;
    let _silent = RawConnection::open(&app.service).await;
    let mut idle = RawConnection::open(&app.service).await;
    idle.send(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(idle.receive(12).await);
    app.terminate();
    assert_eq!(app.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_shutdown_waits_for_the_work_of_clients_that_have_gone() {
    let mut app = TestApp::start().await;
    let (request, _) = slow_request(&app).await;
    let under_way = tokio::spawn(request.send());
    until("the query runs", async || {
        app.database.active_statements().await == 1
    })
    .await;
    under_way.abort();
    app.terminate();
    assert_eq!(app.exit_code().await, Some(0));
    assert_eq!(app.database.active_statements().await, 0);
}

#[tokio::test]
async fn without_its_database_the_service_is_alive_but_not_ready_and_says_what_is_missing() {
    let app = TestApp::not_ready(&[("db.url", "postgres://kim@127.0.0.1:1/none")]).await;
    assert_eq!(app.get("/healthz").await.status, 200);
    let answer = app.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body["missing"][0]["dependency"], "database");
    assert!(
        !answer.body["missing"][0]["reason"]
            .as_str()
            .unwrap()
            .is_empty()
    );
    app.get("/members/1")
        .await
        .assert_problem(503, "database_unavailable");
}

#[tokio::test]
async fn the_service_is_ready_when_its_pool_is_warm() {
    let app = TestApp::with(&[("db.pool.min_size", "3"), ("db.pool.max_size", "3")]).await;
    assert_eq!(
        app.metric("db_client_connection_count", &["state=\"idle\""])
            .await,
        3.0
    );
}

#[tokio::test]
async fn a_service_that_lost_its_database_connections_serves_again() {
    let app = TestApp::with(&[("db.pool.validate", "always")]).await;
    let member = app.register("kim").await;
    app.database.terminate_backends().await;
    assert_eq!(app.get(&format!("/members/{member}")).await.status, 200);
    assert_eq!(app.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn the_service_is_not_ready_for_a_database_that_lacks_migrations_until_they_are_applied() {
    let app = TestApp::not_ready(&[]).await;
    let mut connection = app.connect().await;
    // As a build without the last migration has left it.
    let latest =
        "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
    sqlx::query(latest).execute(&mut connection).await.unwrap();
    let answer = app.get("/readyz").await;
    assert_eq!(answer.body["missing"][0]["dependency"], "database schema");
    assert!(answer.text.contains("1 of the migrations"), "{answer:?}");
    answer.assert_problem(503, "not_ready");

    sqlx::query("DROP TABLE _sqlx_migrations")
        .execute(&mut connection)
        .await
        .unwrap();
    let answer = app.get("/readyz").await;
    answer.assert_problem(503, "not_ready");
    assert!(
        answer.body["detail"]
            .as_str()
            .unwrap()
            .contains("target-service migrate"),
        "{answer:?}"
    );

    sqlx::raw_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        .execute(&mut connection)
        .await
        .unwrap();
    target_service::migrate::migrate(&mut connection)
        .await
        .unwrap();
    until("the service is ready", async || {
        app.get("/readyz").await.status == 200
    })
    .await;
}
