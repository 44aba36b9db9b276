//! Connections to PostgreSQL: who gets one, how long a request waits for it, how long a query may take.
//!
//! sqlx's own pool fixes its size and timeouts when it is built, hides its waiters, and checks connections
//! by a round trip when they come back. deadpool's can be resized, but one made smaller while few of its
//! connections are open goes on to hand out as many as before. So the connections are sqlx's, and the pool
//! is this one.
//!
//! Invariants: the pool never holds more connections than its size; nobody gets a connection on which
//! another request's query or transaction is still open; a change of size or timeouts loses no request.

mod config;
mod connect;
mod connection;
mod error;
mod gate;
mod limits;
mod maintenance;
mod meters;
mod observe;
mod pool;
mod session;
mod shelf;
mod transaction;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub use config::{ClassConfig, ClassesConfig, Config, DatabaseUrl, Hold, PoolConfig, Validate};
pub use connection::Connection;
pub use error::{DatabaseError, OnConstraint};
pub use observe::observed;
pub use pool::Status;
pub use transaction::Transaction;

use sqlx::PgConnection;

use crate::context::RequestContext;
use crate::knobs::Knobs;
use limits::Limits;
use pool::Pool;

#[derive(Debug, Clone)]
pub struct Database {
    pool: Arc<Pool>,
    hold: Hold,
}

impl Database {
    /// Connects to nothing yet: a pool with `db.pool.warm` fills itself from now on, see [`Self::is_warm`].
    /// Must be called within a tokio runtime.
    pub fn new(config: &Config, knobs: &Knobs) -> Self {
        let pool = Pool::new(config, knobs);
        if config.pool.enabled {
            maintenance::start(&pool, config.pool.warm);
        }
        Self {
            pool,
            hold: config.hold,
        }
    }

    /// A connection for statements that each stand for themselves. It goes back when it is dropped.
    ///
    /// The session carries the request's query timeout: where the connection's last user had another one,
    /// telling the server costs a round trip.
    pub async fn acquire(&self, ctx: &RequestContext) -> Result<Connection, DatabaseError> {
        let limits = Limits::of(ctx);
        let mut connection = self.lease(ctx, &limits).await?;
        if !connection.session().has_bounds(limits.bounds) {
            let telling = connection.session_mut().set_bounds(limits.bounds);
            observed(ctx, "SET", telling).await?;
        }
        Ok(connection)
    }

    /// A transaction. It is rolled back when it is dropped without a commit.
    pub async fn begin(&self, ctx: &RequestContext) -> Result<Transaction, DatabaseError> {
        let limits = Limits::of(ctx);
        let connection = self.lease(ctx, &limits).await?;
        Transaction::begin(connection, ctx, &limits).await
    }

    async fn lease(
        &self,
        ctx: &RequestContext,
        limits: &Limits,
    ) -> Result<Connection, DatabaseError> {
        if limits.is_past_deadline() {
            return Err(DatabaseError::DeadlineExceeded);
        }
        if let Some(kept) = ctx.take_kept::<Connection>() {
            return Ok(kept.kept_by(ctx));
        }
        let connection = self.pool.lease(ctx, limits).await?;
        Ok(match self.hold {
            Hold::Query => connection,
            Hold::Request => connection.kept_by(ctx),
        })
    }

    /// Follows a change of the knobs. Connections in use stay in use; those too many are closed as they
    /// come back, and new timeouts reach each connection when it is next handed out.
    pub fn follow(&self, knobs: &Knobs) {
        self.pool.follow(knobs);
    }

    /// Whether the minimum of connections has been opened, if it is to be opened in advance at all.
    pub fn is_warm(&self) -> bool {
        self.pool.is_warm.load(Ordering::Relaxed)
    }

    /// What `look` sees on a new connection; whether the database answers within `limit` at all. It does not
    /// touch the pool: a pool that is busy is no missing dependency.
    pub async fn check<T>(
        &self,
        limit: Duration,
        look: impl AsyncFnOnce(&mut PgConnection) -> T,
    ) -> Result<T, DatabaseError> {
        tokio::time::timeout(limit, self.pool.connector.probe(look))
            .await
            .unwrap_or(Err(DatabaseError::ConnectTimeout { after: limit }))
    }

    pub fn status(&self) -> Status {
        self.pool.status()
    }

    /// Refuses new work and closes what is idle. Connections in use are closed as they come back.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
