//! Load shedding: above `http.max_in_flight` requests at once, one more is refused at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::Code;
use super::problem::Problem;
use crate::context::RequestContext;

/// The requests under way.
#[derive(Debug, Clone, Default)]
pub struct InFlight(Arc<AtomicU32>);

struct Admitted<'a>(&'a AtomicU32);

impl InFlight {
    /// `limit` 0: everybody.
    fn admit(&self, limit: u32) -> Option<Admitted<'_>> {
        let admitted = Admitted(&self.0);
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        (limit == 0 || before < limit).then_some(admitted)
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub async fn shed(State(in_flight): State<InFlight>, request: Request, next: Next) -> Response {
    let limit = request
        .extensions()
        .get::<RequestContext>()
        .map_or(0, |ctx| ctx.knobs().max_in_flight);
    match in_flight.admit(limit) {
        Some(_admitted) => next.run(request).await,
        None => Problem::new(Code::Overloaded).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_than_the_limit_is_refused_until_one_is_done() {
        let in_flight = InFlight::default();
        let (first, _second) = (in_flight.admit(2), in_flight.admit(2));
        assert!(in_flight.admit(2).is_none());
        drop(first);
        assert!(in_flight.admit(2).is_some());
    }

    #[test]
    fn without_a_limit_nobody_is_refused() {
        let in_flight = InFlight::default();
        let all: Vec<_> = (0..1_000).map(|_| in_flight.admit(0)).collect();
        assert!(all.iter().all(Option::is_some));
    }
}
