//! The scope of a request: gives it its context, and its answer its id, its metrics, and a problem document
//! when its handler panicked.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderName, HeaderValue};
use metrics::SharedString;
use tokio::time::Instant;

use super::error::Code;
use super::problem::Problem;
use super::{deadline, meters};
use crate::context::RequestContext;
use crate::ids::RequestId;
use crate::knobs::KnobStore;

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

#[derive(Debug, Clone)]
pub struct Scope {
    pub knobs: KnobStore,
    /// Whether a client's deadline counts.
    pub deadlines: bool,
}

pub async fn open(State(scope): State<Scope>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = route(&request);
    let active = meters::Active::begin(&method);
    let id = request_id(request.headers());
    let deadline = if scope.deadlines {
        deadline::read(request.headers())
    } else {
        Ok(None)
    };

    let ctx = RequestContext::new(
        id,
        deadline.clone().unwrap_or_default(),
        scope.knobs.snapshot(),
    );
    let mut response = if let Err(problem) = deadline {
        problem.into_response()
    } else {
        request.extensions_mut().insert(ctx.clone());
        run(request, next, &ctx).await
    };
    if let Ok(id) = HeaderValue::from_str(ctx.id().as_str()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    drop(active);
    meters::answered(
        &route,
        &method,
        &response,
        begun.elapsed(),
        ctx.time_split(),
    );
    response
}

async fn run(request: Request, next: Next, ctx: &RequestContext) -> Response {
    // Whatever the handler was at is dropped with it; what it shares with others heals from poisoning.
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    handled.unwrap_or_else(|_| {
        tracing::error!(request_id = %ctx.id(), "a handler panicked");
        Problem::new(Code::Internal).into_response()
    })
}

fn request_id(headers: &HeaderMap) -> RequestId {
    headers
        .get(REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .and_then(RequestId::from_client)
        .unwrap_or_else(RequestId::generate)
}

fn route(request: &Request) -> SharedString {
    match request.extensions().get::<MatchedPath>() {
        Some(path) => path.as_str().to_owned().into(),
        None => meters::UNMATCHED.into(),
    }
}
