//! A connection while somebody uses it. Dropping it gives it back.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use sqlx::PgConnection;
use tokio::time::Instant;

use super::gate::Pass;
use super::pool::Pool;
use super::session::{Session, State};
use crate::context::RequestContext;

#[derive(Debug)]
pub struct Connection {
    /// `None` only while it is being dropped.
    held: Option<Held>,
    /// The request that keeps the connection to its end, with `db.hold = "request"`.
    keeper: Option<RequestContext>,
}

#[derive(Debug)]
pub(super) struct Held {
    pub session: Session,
    pub lease: Lease,
}

/// Counts a connection as used, from the moment a request gets it until it is fit for the next.
#[derive(Debug)]
pub(super) struct Lease {
    pub pool: Arc<Pool>,
    /// `None` without a pool.
    pub pass: Option<Pass>,
    begun: Instant,
}

impl Lease {
    pub(super) fn begin(pool: Arc<Pool>, pass: Option<Pass>) -> Self {
        pool.used.fetch_add(1, Ordering::Relaxed);
        pool.meters.used.increment(1);
        Self {
            pool,
            pass,
            begun: Instant::now(),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.used.fetch_sub(1, Ordering::Relaxed);
        self.pool.meters.used.decrement(1);
        self.pool.meters.use_time.record(self.begun.elapsed());
    }
}

impl Connection {
    pub(super) fn new(session: Session, lease: Lease) -> Self {
        Self {
            held: Some(Held { session, lease }),
            keeper: None,
        }
    }

    pub(super) fn kept_by(mut self, ctx: &RequestContext) -> Self {
        self.keeper = Some(ctx.clone());
        self
    }

    pub(super) fn session(&self) -> &Session {
        &self
            .held
            .as_ref()
            .expect("it is held until it is dropped")
            .session
    }

    pub(super) fn session_mut(&mut self) -> &mut Session {
        &mut self
            .held
            .as_mut()
            .expect("it is held until it is dropped")
            .session
    }
}

impl Deref for Connection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.session().connection()
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.session_mut().connection_mut()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(mut held) = self.held.take() else {
            return;
        };
        let state = held.session.state();
        match self.keeper.take() {
            Some(ctx) if state == State::Clean => ctx.keep(Self {
                held: Some(held),
                keeper: None,
            }),
            _ => Pool::put_back(held, state),
        }
    }
}
