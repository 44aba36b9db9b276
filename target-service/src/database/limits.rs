//! How long this request may wait for a connection and for the server: from the knobs, the class of its
//! route, and its deadline, whichever is shortest.

use std::time::Duration;

use tokio::time::Instant;

use crate::context::RequestContext;
use crate::knobs::Knobs;

/// What the server enforces within a session. Zero: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    pub statement: Duration,
    pub lock: Duration,
}

impl Bounds {
    pub(super) fn none() -> Self {
        Self {
            statement: Duration::ZERO,
            lock: Duration::ZERO,
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For getting a connection.
    pub acquire: Duration,
    /// Whether it is the deadline that limits `acquire`.
    pub acquire_ends_with_deadline: bool,
    pub bounds: Bounds,
    /// How long an answer is waited for, when that is bounded.
    pub response: Option<Duration>,
    pub deadline: Option<Instant>,
}

impl Limits {
    pub(super) fn of(ctx: &RequestContext) -> Self {
        let knobs = ctx.knobs();
        let class = knobs.class(ctx.class());
        let remaining = ctx.remaining();

        let acquire = class.acquire_timeout.unwrap_or(knobs.acquire_timeout);
        let query = class.query_timeout.unwrap_or(knobs.statement_timeout);
        let statement = shorter_limit(query, remaining);
        Self {
            acquire: remaining.map_or(acquire, |remaining| remaining.min(acquire)),
            acquire_ends_with_deadline: remaining.is_some_and(|remaining| remaining < acquire),
            bounds: Bounds {
                statement,
                lock: knobs.lock_timeout,
            },
            response: (!statement.is_zero()).then_some(statement + knobs.response_grace),
            deadline: ctx.deadline(),
        }
    }

    /// What a session is told that is opened for no request in particular.
    pub(super) fn bounds_of(knobs: &Knobs) -> Bounds {
        Bounds {
            statement: knobs.statement_timeout,
            lock: knobs.lock_timeout,
        }
    }

    pub(super) fn is_past_deadline(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| deadline <= Instant::now())
    }
}

/// In whole milliseconds, the server's unit, and at least one of them: zero means no limit there.
fn shorter_limit(limit: Duration, remaining: Option<Duration>) -> Duration {
    let Some(remaining) = remaining else {
        return limit;
    };
    let remaining = Duration::from_millis(remaining.as_millis().max(1) as u64);
    if limit.is_zero() {
        remaining
    } else {
        limit.min(remaining)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::context::RouteClass;
    use crate::ids::RequestId;

    fn limits(knobs: Knobs, class: RouteClass, deadline_in: Option<Duration>) -> Limits {
        let deadline = deadline_in.map(|time| Instant::now() + time);
        let ctx = RequestContext::new(RequestId::generate(), deadline, Arc::new(knobs));
        Limits::of(&ctx.in_class(class))
    }

    const MS: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn the_deadline_counts_where_it_is_nearer() {
        let near = limits(Knobs::default(), RouteClass::Standard, Some(200 * MS));
        assert_eq!((near.acquire, near.bounds.statement), (200 * MS, 200 * MS));
        assert!(near.acquire_ends_with_deadline);

        let far = limits(Knobs::default(), RouteClass::Standard, Some(60_000 * MS));
        assert_eq!(
            (far.acquire, far.bounds.statement),
            (1_000 * MS, 1_000 * MS)
        );
        assert!(!far.acquire_ends_with_deadline);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_statement_timeout_only_a_deadline_bounds_a_query() {
        let knobs = || Knobs {
            statement_timeout: Duration::ZERO,
            ..Knobs::default()
        };
        let unbounded = limits(knobs(), RouteClass::Standard, None);
        assert_eq!(
            (unbounded.bounds.statement, unbounded.response),
            (Duration::ZERO, None)
        );
        let bounded = limits(knobs(), RouteClass::Standard, Some(MS / 2));
        assert_eq!(bounded.bounds.statement, MS);
    }

    #[tokio::test(start_paused = true)]
    async fn a_class_replaces_what_it_names() {
        let knobs = || Knobs {
            slow_query_timeout: Some(5_000 * MS),
            ..Knobs::default()
        };
        let slow = limits(knobs(), RouteClass::Slow, None);
        assert_eq!(
            (slow.acquire, slow.bounds.statement),
            (1_000 * MS, 5_000 * MS)
        );
        let standard = limits(knobs(), RouteClass::Standard, None);
        assert_eq!(standard.bounds.statement, 1_000 * MS);
    }
}
