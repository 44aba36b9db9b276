//! The deadline that a client sends along: how many milliseconds it is still going to wait.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName};
use tokio::time::{Instant, timeout_at};

use super::error::Code;
use super::problem::Problem;
use crate::context::RequestContext;

pub const HEADER: HeaderName = HeaderName::from_static("x-request-deadline-ms");

/// Nobody waits for longer; keeps arithmetic with it from overflowing.
const LONGEST: Duration = Duration::from_hours(24);

/// The moment until which the client waits, counted from now.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Instant>, Problem> {
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    let milliseconds: u64 = value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Problem::new(Code::MalformedDeadline))?;
    Ok(Some(
        Instant::now() + Duration::from_millis(milliseconds).min(LONGEST),
    ))
}

/// Answers at the deadline, and drops the work at the point where it waits.
pub async fn enforce(request: Request, next: Next) -> Response {
    let deadline = request
        .extensions()
        .get::<RequestContext>()
        .and_then(RequestContext::deadline);
    let exceeded = || Problem::new(Code::DeadlineExceeded).into_response();
    match deadline {
        None => next.run(request).await,
        Some(deadline) if deadline <= Instant::now() => exceeded(),
        Some(deadline) => timeout_at(deadline, next.run(request))
            .await
            .unwrap_or_else(|_| exceeded()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_value(value: &'static str) -> Result<Option<Instant>, Problem> {
        read(&HeaderMap::from_iter([(HEADER, value.parse().unwrap())]))
    }

    #[tokio::test(start_paused = true)]
    async fn a_number_of_milliseconds_counts_from_now() {
        assert_eq!(read(&HeaderMap::new()), Ok(None));
        assert_eq!(
            read_value("250"),
            Ok(Some(Instant::now() + Duration::from_millis(250)))
        );
        assert_eq!(
            read_value("18446744073709551615"),
            Ok(Some(Instant::now() + LONGEST))
        );
    }

    #[tokio::test]
    async fn anything_else_is_a_problem() {
        for value in ["", "-1", "1.5", "soon", "18446744073709551616"] {
            assert_eq!(
                read_value(value).unwrap_err().code(),
                Code::MalformedDeadline,
                "{value:?}"
            );
        }
    }
}
