//! The metrics that dashboards and reports read, by their names.

use crate::support::TestApp;

#[tokio::test]
async fn the_metrics_of_requests_pool_and_statements_are_there_by_name_and_label() {
    let app = TestApp::start().await;
    let member = app.register("kim").await;
    for _ in 0..3 {
        app.get(&format!("/members/{member}")).await;
    }
    app.get("/members/999999").await;
    let route = "http_route=\"/members/{id}\"";
    for (name, labels, value) in [
        (
            "http_server_request_duration_seconds_count",
            &[route, "http_response_status_code=\"200\""][..],
            3.0,
        ),
        (
            "http_server_request_duration_seconds_count",
            &[route, "http_response_status_code=\"404\""],
            1.0,
        ),
        (
            "http_server_request_duration_seconds_count",
            &["http_request_method=\"POST\""],
            1.0,
        ),
        (
            "target_request_time_seconds_count",
            &[route, "part=\"pool_wait\""],
            4.0,
        ),
        (
            "target_request_time_seconds_count",
            &[route, "part=\"sql\""],
            4.0,
        ),
        (
            "target_request_time_seconds_count",
            &[route, "part=\"own\""],
            4.0,
        ),
        (
            "target_http_problems_total",
            &[route, "code=\"member_not_found\""],
            1.0,
        ),
        ("target_http_problems_total", &[], 1.0),
        ("db_client_connection_max", &[], 10.0),
        ("db_client_connection_count", &["state=\"used\""], 0.0),
        ("db_client_connection_count", &["state=\"idle\""], 1.0),
        ("db_client_connection_pending_requests", &[], 0.0),
        ("db_client_connection_wait_time_seconds_count", &[], 5.0),
        ("db_client_connection_use_time_seconds_count", &[], 5.0),
        ("db_client_connection_timeouts_total", &[], 0.0),
        (
            "db_client_operation_duration_seconds_count",
            &["db_operation_name=\"BEGIN\""],
            1.0,
        ),
    ] {
        assert_eq!(app.metric(name, labels).await, value, "{name} {labels:?}");
    }
    let sql = app
        .metric("target_request_time_seconds_sum", &[route, "part=\"sql\""])
        .await;
    let all = app
        .metric("http_server_request_duration_seconds_sum", &[route])
        .await;
    assert!(0.0 < sql && sql < all, "{sql} of {all}");
}

#[tokio::test]
async fn paths_that_match_no_route_are_one_label() {
    let app = TestApp::start().await;
    for number in 0..5 {
        app.get(&format!("/nowhere/{number}")).await;
    }
    let count = app
        .metric(
            "http_server_request_duration_seconds_count",
            &["http_route=\"unmatched\""],
        )
        .await;
    assert_eq!(count, 5.0);
    assert!(!app.get("/metrics").await.text.contains("nowhere"));
}

#[tokio::test]
async fn a_method_that_nobody_knows_is_one_label() {
    let app = TestApp::start().await;
    for method in ["BREW", "WHEN"] {
        let request = app.request(method.parse().unwrap(), "/members/1");
        app.send(request)
            .await
            .assert_problem(405, "method_not_allowed");
    }
    let count = app
        .metric(
            "http_server_request_duration_seconds_count",
            &["http_request_method=\"_OTHER\""],
        )
        .await;
    assert_eq!(count, 2.0);
}

#[tokio::test]
async fn without_telemetry_there_is_nothing_to_read_and_all_else_works() {
    let app = TestApp::with(&[("telemetry.enabled", "false")]).await;
    let member = app.register("kim").await;
    assert_eq!(app.get(&format!("/members/{member}")).await.status, 200);
    let metrics = app.get("/metrics").await;
    assert_eq!((metrics.status, metrics.text.as_str()), (200, ""));
}
