//! Answers to requests that never became one. hyper has given the connection up by then, so they are written
//! out by hand; they close the connection.

use std::time::Duration;

use axum::response::IntoResponse as _;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Collected};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::Code;
use super::problem::Problem;
use super::scope::REQUEST_ID;
use crate::ids::RequestId;

/// For so long, what the client still sends is read and thrown away: closing before it is read would make
/// the client's system drop the answer.
const DRAINED_AT_MOST: Duration = Duration::from_secs(1);

/// What hyper meant to say by `status`. A request in another protocol it answers with nothing.
pub(super) fn code(status: Option<StatusCode>) -> Code {
    match status {
        Some(StatusCode::URI_TOO_LONG) => Code::UriTooLong,
        Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE) => Code::HeadersTooLarge,
        _ => Code::MalformedRequest,
    }
}

/// Answers and closes. A client that has gone meanwhile misses nothing.
pub(super) async fn refuse(mut stream: TcpStream, code: Code) {
    let answer = written_out(code).await;
    if stream.write_all(&answer).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let drain = async {
        let mut thrown_away = [0; 4_096];
        while stream.read(&mut thrown_away).await.is_ok_and(|n| n > 0) {}
    };
    let _ = timeout(DRAINED_AT_MOST, drain).await;
}

async fn written_out(code: Code) -> Vec<u8> {
    let (mut head, body) = Problem::new(code).into_response().into_parts();
    let body = body
        .collect()
        .await
        .map(Collected::to_bytes)
        .unwrap_or_default();
    let headers = &mut head.headers;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Ok(id) = HeaderValue::from_str(RequestId::generate().as_str()) {
        headers.insert(REQUEST_ID, id);
    }
    let mut answer = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in headers {
        answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(&body);
    answer
}
