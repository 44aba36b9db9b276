//! `db.hold`: how long a request keeps its connection.

use serde_json::json;

use crate::support::{PATIENT, RawConnection, TestApp, until};

/// An answer of several megabytes, of which the client has read one byte.
async fn begin_to_read_slowly(app: &TestApp) -> RawConnection {
    let member = app.register("kim").await;
    let contents = "가".repeat(10_000);
    for _ in 0..100 {
        let answer = app
            .post("/posts", json!({"member_id": member, "contents": contents}))
            .await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let mut slow = RawConnection::open_with_small_window(&app.service).await;
    let request = format!("GET /members/{member}/posts?size=100 HTTP/1.1\r\nhost: x\r\n\r\n");
    slow.send(request.as_bytes()).await;
    assert!(slow.receive(1).await);
    slow
}

const ONE_CONNECTION: [(&str, &str); 1] = [("db.pool.max_size", "1")];

#[tokio::test]
async fn with_query_a_slow_reader_holds_no_connection() {
    let app = TestApp::with(&[PATIENT, &ONE_CONNECTION].concat()).await;
    let _slow = begin_to_read_slowly(&app).await;
    assert_eq!(app.get("/members/1").await.status, 200);
}

#[tokio::test]
async fn with_request_a_slow_reader_holds_its_connection_until_it_has_read() {
    let app = TestApp::with(&[PATIENT, &ONE_CONNECTION, &[("db.hold", "request")]].concat()).await;
    let slow = begin_to_read_slowly(&app).await;
    // Not before: each of the requests that lead up to here waits until the one before has been read.
    app.set_knobs(json!({"db.pool.acquire_timeout": "100ms"}))
        .await;
    app.get("/members/1")
        .await
        .assert_problem(503, "pool_exhausted");
    drop(slow);
    until("the connection is free", async || {
        app.get("/members/1").await.status == 200
    })
    .await;
}
