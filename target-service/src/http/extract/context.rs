//! The request's context as a handler's argument.

use axum::extract::FromRequestParts;
use http::request::Parts;

use crate::context::RequestContext;
use crate::http::{Code, Problem};

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a route is served outside of the request scope");
            Problem::new(Code::Internal)
        })
    }
}
