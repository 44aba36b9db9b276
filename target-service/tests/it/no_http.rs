//! Bytes that are no HTTP: their sender is told so like any other client, and nobody else notices.

use crate::support::{RawConnection, TestApp};

#[tokio::test]
async fn what_is_no_http_gets_a_problem_and_ends_its_connection_and_no_other() {
    let app = TestApp::start().await;
    let large = format!("GET / HTTP/1.1\r\nlarge: {}\r\n\r\n", "x".repeat(500_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "many: x\r\n".repeat(200));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000));
    for (sent, status, code) in [
        (
            &b"\x16\x03\x01\x02\x00\r\n\r\n"[..],
            400,
            "malformed_request",
        ),
        (b"GET\r\n\r\n", 400, "malformed_request"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "malformed_request"),
        (
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            400,
            "malformed_request",
        ),
        (
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            400,
            "malformed_request",
        ),
        (
            b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
            400,
            "malformed_request",
        ),
        (many.as_bytes(), 431, "headers_too_large"),
        (large.as_bytes(), 431, "headers_too_large"),
        (long.as_bytes(), 414, "uri_too_long"),
    ] {
        for address in [&app.service, &app.admin] {
            let mut connection = RawConnection::open(address).await;
            connection.send(sent).await;
            let (answered, head, body) = connection.only_answer().await;
            let sent = String::from_utf8_lossy(&sent[..sent.len().min(40)]);
            assert_eq!(answered, status, "{sent}: {head}");
            assert_eq!(body["code"], code, "{sent}");
            assert_eq!(body["status"], status, "{sent}");
            for header in [
                "content-type: application/problem+json",
                "connection: close",
                "x-request-id: ",
            ] {
                assert!(head.contains(header), "{sent}: {head}");
            }
        }
    }
    assert_eq!(app.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_request_before_what_is_no_http_is_answered_in_full() {
    let app = TestApp::start().await;
    let mut connection = RawConnection::open(&app.service).await;
    connection
        .send(b"GET /members/kim HTTP/1.1\r\nhost: x\r\n\r\nno http\r\n\r\n")
        .await;
    let answers = String::from_utf8(connection.rest().await).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 400 ").count(), 2, "{answers}");
    let first = answers.find("\"malformed_path\"");
    let second = answers.find("\"malformed_request\"");
    assert!(first.is_some() && first < second, "{answers}");
}
