//! The metrics of requests. Labels come from bounded sets: the route's pattern, never the path.

use std::time::Duration;

use axum::response::Response;
use http::{Method, StatusCode};
use metrics::{Gauge, SharedString, counter, gauge, histogram};

use super::error::Code;
use crate::context::TimeSplit;

/// What stands for requests that match no route.
pub(super) const UNMATCHED: &str = "unmatched";

/// Counts a request as active until it is dropped.
pub(super) struct Active(Gauge);

impl Active {
    pub(super) fn begin(method: &Method) -> Self {
        let active = gauge!("http_server_active_requests", "http_request_method" => known(method));
        active.increment(1);
        Self(active)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

pub(super) fn answered(
    route: &SharedString,
    method: &Method,
    response: &Response,
    duration: Duration,
    split: &TimeSplit,
) {
    histogram!(
        "http_server_request_duration_seconds",
        "http_route" => route.clone(),
        "http_request_method" => known(method),
        "http_response_status_code" => status_label(response.status()),
    )
    .record(duration);
    if let Some(code) = response.extensions().get::<Code>() {
        counter!(
            "target_http_problems_total",
            "http_route" => route.clone(),
            "code" => code.row().code,
        )
        .increment(1);
    }
    let own = duration
        .saturating_sub(split.pool_wait())
        .saturating_sub(split.sql())
        .saturating_sub(split.gateway())
        .saturating_sub(split.redis());
    for (part, time) in [
        ("pool_wait", split.pool_wait()),
        ("sql", split.sql()),
        ("gateway", split.gateway()),
        ("redis", split.redis()),
        ("own", own),
    ] {
        histogram!("target_request_time_seconds", "http_route" => route.clone(), "part" => part)
            .record(time);
    }
}

/// By OpenTelemetry's convention one label stands for all methods that nobody knows.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}

fn status_label(status: StatusCode) -> SharedString {
    match status.as_u16() {
        200 => "200".into(),
        201 => "201".into(),
        204 => "204".into(),
        404 => "404".into(),
        503 => "503".into(),
        other => other.to_string().into(),
    }
}
