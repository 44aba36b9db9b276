//! One session on the server, with what is known about its state.

use std::time::Duration;

use futures_util::FutureExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use tokio::time::Instant;

use super::limits::Bounds;

#[derive(Debug)]
pub(super) struct Session {
    connection: PgConnection,
    /// What the server has been told to enforce; `None` while an order is under way.
    bounds: Option<Bounds>,
    born: Instant,
    /// The share of the lifetime that this session gets.
    lifetime_share: f64,
    /// From before BEGIN is sent until after COMMIT is answered.
    in_transaction: bool,
}

/// What the last user left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Clean,
    /// A query is not answered yet, or a transaction may be open.
    Unfinished,
    Broken,
}

impl Session {
    pub(super) fn new(connection: PgConnection, bounds: Bounds) -> Self {
        Self {
            connection,
            bounds: Some(bounds),
            born: Instant::now(),
            lifetime_share: rand::random_range(0.975..=1.0),
            in_transaction: false,
        }
    }

    pub(super) fn connection(&self) -> &PgConnection {
        &self.connection
    }

    pub(super) fn connection_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    pub(super) fn has_bounds(&self, bounds: Bounds) -> bool {
        self.bounds == Some(bounds)
    }

    pub(super) async fn set_bounds(&mut self, bounds: Bounds) -> Result<(), sqlx::Error> {
        self.bounds = None;
        self.execute(set_statements("SET", bounds)).await?;
        self.bounds = Some(bounds);
        Ok(())
    }

    /// Timeouts that differ from the session's travel with BEGIN, so that they cost no round trip, and end
    /// with the transaction.
    pub(super) async fn begin(&mut self, bounds: Bounds) -> Result<(), sqlx::Error> {
        self.in_transaction = true;
        if self.has_bounds(bounds) {
            return self.execute("BEGIN".to_owned()).await;
        }
        let set = set_statements("SET LOCAL", bounds);
        self.execute(format!("BEGIN; {set}")).await
    }

    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        self.execute("COMMIT".to_owned()).await?;
        self.in_transaction = false;
        Ok(())
    }

    pub(super) fn is_older_than(&self, lifetime: Duration) -> bool {
        !lifetime.is_zero() && self.born.elapsed() > lifetime.mul_f64(self.lifetime_share)
    }

    /// Looks without waiting: sqlx counts the answers that it has not read.
    pub(super) fn state(&mut self) -> State {
        match self.connection.flush().now_or_never() {
            Some(Ok(())) if self.in_transaction => State::Unfinished,
            Some(Ok(())) => State::Clean,
            Some(Err(_)) => State::Broken,
            None => State::Unfinished,
        }
    }

    /// Waits until the server has finished what it was asked, and ends a transaction that is left open.
    pub(super) async fn settle(&mut self) -> Result<(), sqlx::Error> {
        self.connection.flush().await?;
        if self.in_transaction {
            self.execute("ROLLBACK".to_owned()).await?;
            self.in_transaction = false;
        }
        Ok(())
    }

    /// How long [`Self::settle`] can take when the server keeps to the bounds it was told.
    pub(super) fn settles_within(&self, grace: Duration) -> Option<Duration> {
        let statement = self.bounds?.statement;
        (!statement.is_zero()).then_some(statement + grace)
    }

    pub(super) async fn validate(&mut self) -> Result<(), sqlx::Error> {
        self.connection.ping().await
    }

    /// Runs what is written in this file, never input.
    async fn execute(&mut self, statement: String) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(AssertSqlSafe(statement))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    /// Says goodbye, as far as the server still listens.
    pub(super) async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "a database connection was closed without a goodbye");
        }
    }
}

/// `SET` for the session or `SET LOCAL` for a transaction, in the server's unit, milliseconds.
fn set_statements(set: &str, bounds: Bounds) -> String {
    format!(
        "{set} statement_timeout = {}; {set} lock_timeout = {}",
        bounds.statement.as_millis(),
        bounds.lock.as_millis()
    )
}
