//! Requests that are wrong in every way: each gets a problem document that says what is wrong.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::support::{Answer, RawConnection, TestApp};

async fn post_text(app: &TestApp, body: impl Into<reqwest::Body>) -> Answer {
    let request = app
        .request(Method::POST, "/members")
        .header(CONTENT_TYPE, "application/json");
    app.send(request.body(body)).await
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused_with_the_position() {
    let app = TestApp::start().await;
    for (body, position) in [
        ("{\"email\": ", "line 1 column 10"),
        ("{\n]", "line 2 column 1"),
        ("", "line 1 column 0"),
    ] {
        let answer = post_text(&app, body).await;
        answer.assert_problem(400, "malformed_json");
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.ends_with(position), "{detail}");
    }
}

#[tokio::test]
async fn bytes_that_are_no_utf8_are_refused_wherever_they_are() {
    let app = TestApp::start().await;
    post_text(&app, &b"{\"email\": \"\xff\xfe\"}"[..])
        .await
        .assert_problem(400, "malformed_json");
    app.get("/members/1/posts?cursor=%FF%FE")
        .await
        .assert_problem(400, "malformed_query");
    app.get("/members/%FF")
        .await
        .assert_problem(400, "malformed_path");
}

#[tokio::test]
async fn wrong_types_unknown_and_missing_fields_are_named() {
    let app = TestApp::start().await;
    let valid = json!({"email": "kim@example.com", "nickname": "kim", "birth_date": "2000-01-01"});
    for (field, value, expected) in [
        ("nickname", json!(7), ("nickname", "wrong_type")),
        ("email", json!(null), ("email", "wrong_type")),
        (
            "birth_date",
            json!({"year": 2000}),
            ("birth_date", "wrong_type"),
        ),
        ("is_admin", json!(true), ("is_admin", "unknown_field")),
    ] {
        let mut body = valid.clone();
        body[field] = value;
        let answer = app.post("/members", body).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [expected]);
    }
    let mut incomplete = valid.clone();
    incomplete.as_object_mut().unwrap().remove("email");
    assert_eq!(
        app.post("/members", incomplete).await.field_errors(),
        [("email", "missing_field")]
    );
    let twice = post_text(&app, r#"{"email": "a@b.c", "email": "d@e.f"}"#).await;
    assert_eq!(
        twice.field_errors(),
        [
            ("email", "duplicate_field"),
            ("nickname", "missing_field"),
            ("birth_date", "missing_field"),
        ]
    );
}

#[tokio::test]
async fn parameters_are_held_to_the_same_rules() {
    let app = TestApp::start().await;
    for (query, expected) in [
        ("size=many", ("size", "invalid_value")),
        ("sizes=10", ("sizes", "unknown_field")),
        ("size=1&size=2", ("size", "duplicate_field")),
    ] {
        let answer = app.get(&format!("/members/1/posts?{query}")).await;
        answer.assert_problem(422, "invalid");
        assert_eq!(answer.field_errors(), [expected], "{query}");
    }
    let answer = app.get("/members/1/post-calendar?till=2024-01-01").await;
    assert_eq!(
        answer.field_errors(),
        [
            ("till", "unknown_field"),
            ("from", "missing_field"),
            ("to", "missing_field")
        ]
    );
}

#[tokio::test]
async fn a_path_whose_number_is_none_is_malformed() {
    let app = TestApp::start().await;
    for id in ["kim", "1.5", "9223372036854775808", "%20"] {
        app.get(&format!("/members/{id}"))
            .await
            .assert_problem(400, "malformed_path");
    }
}

#[tokio::test]
async fn a_body_may_have_64_kib_and_not_one_byte_more() {
    let app = TestApp::start().await;
    let padded = |length: usize| format!("{}{}", " ".repeat(length - 1), "[");
    post_text(&app, padded(65_536))
        .await
        .assert_problem(400, "malformed_json");
    post_text(&app, padded(65_537))
        .await
        .assert_problem(413, "body_too_large");
    post_text(&app, padded(3_000_000))
        .await
        .assert_problem(413, "body_too_large");
}

#[tokio::test]
async fn the_largest_body_is_configured() {
    let app = TestApp::with(&[("http.max_body", "100")]).await;
    post_text(&app, "x".repeat(101))
        .await
        .assert_problem(413, "body_too_large");
}

#[tokio::test]
async fn a_body_that_says_it_is_huge_or_never_says_is_refused_without_being_read_to_the_end() {
    let app = TestApp::start().await;
    let head = "POST /members HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let mut declared = RawConnection::open(&app.service).await;
    declared
        .send(format!("{head}content-length: 100000000000\r\n\r\n").as_bytes())
        .await;
    let (status, _, body) = declared.only_answer().await;
    assert_eq!((status, &body["code"]), (413, &json!("body_too_large")));

    let mut endless = RawConnection::open(&app.service).await;
    endless
        .send(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes())
        .await;
    let chunk = [b"10000\r\n", " ".repeat(0x10000).as_bytes(), b"\r\n"].concat();
    for _ in 0..65 {
        endless.send(&chunk).await;
    }
    let (status, _, body) = endless.only_answer().await;
    assert_eq!((status, &body["code"]), (413, &json!("body_too_large")));
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let app = TestApp::start().await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "nonsense",
    ] {
        let request = app
            .request(Method::POST, "/members")
            .header(CONTENT_TYPE, content_type)
            .body("{}");
        app.send(request)
            .await
            .assert_problem(415, "unsupported_media_type");
    }
    app.send(app.request(Method::POST, "/members").body("{}"))
        .await
        .assert_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let app = TestApp::start().await;
    app.get("/nowhere")
        .await
        .assert_problem(404, "route_not_found");
    app.get("/").await.assert_problem(404, "route_not_found");
    let answer = app.delete("/members/1").await;
    answer.assert_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow").as_deref(), Some("GET,HEAD"));
    app.delete("/openapi.json")
        .await
        .assert_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn headers_that_come_too_slowly_get_a_problem_and_an_idle_connection_only_its_end() {
    let app = TestApp::with(&[("http.header_read_timeout", "100ms")]).await;
    let mut slow = RawConnection::open(&app.service).await;
    slow.send(b"GET /healthz HTTP/1.1\r\nhost: ").await;
    let (status, head, body) = slow.only_answer().await;
    assert_eq!((status, &body["code"]), (408, &json!("header_timeout")));
    for header in ["content-type: application/problem+json", "x-request-id: "] {
        assert!(head.contains(header), "{head}");
    }

    let idle = RawConnection::open(&app.service).await;
    assert!(idle.rest().await.is_empty());
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_given_up() {
    let app = TestApp::with(&[("http.body_read_timeout", "100ms")]).await;
    let mut slow = RawConnection::open(&app.service).await;
    let head = "POST /members HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    slow.send(format!("{head}content-length: 100\r\n\r\n{{").as_bytes())
        .await;
    let (status, _, body) = slow.only_answer().await;
    assert_eq!((status, &body["code"]), (408, &json!("body_timeout")));
}

#[tokio::test]
async fn a_request_id_is_kept_or_made_also_on_errors() {
    let app = TestApp::start().await;
    for path in ["/healthz", "/nowhere", "/members/kim"] {
        let request = app
            .request(Method::GET, path)
            .header("x-request-id", "order-7");
        assert_eq!(
            app.send(request).await.header("x-request-id").as_deref(),
            Some("order-7"),
            "{path}"
        );
    }
    let (first, second) = (app.get("/healthz").await, app.get("/healthz").await);
    assert_ne!(
        first.header("x-request-id").unwrap(),
        second.header("x-request-id").unwrap()
    );

    let too_long = app
        .request(Method::GET, "/healthz")
        .header("x-request-id", "x".repeat(200));
    assert!(
        app.send(too_long)
            .await
            .header("x-request-id")
            .unwrap()
            .len()
            < 100
    );
}
