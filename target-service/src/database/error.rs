//! What can go wrong between the service and its database.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgDatabaseError;
use thiserror::Error;

/// Cheap to clone, because one failure may be told to many who wait for the same thing.
#[derive(Debug, Clone, Error)]
pub enum DatabaseError {
    #[error("no database connection became free within {after:?}")]
    PoolTimeout { after: Duration },
    #[error("connecting to the database took longer than {after:?}")]
    ConnectTimeout { after: Duration },
    #[error("the database cannot be connected to: {0}")]
    Connect(#[source] Arc<sqlx::Error>),
    #[error("the connection to the database was lost: {0}")]
    ConnectionLost(#[source] Arc<sqlx::Error>),
    #[error("the database did not answer within {after:?}")]
    Unresponsive { after: Duration },
    #[error("the database ended a statement that took too long")]
    StatementTimeout,
    #[error("a lock was not given within its time")]
    LockTimeout,
    #[error("others waited for this statement, and it for them")]
    Deadlock,
    #[error("the request's deadline has passed")]
    DeadlineExceeded,
    #[error("the database connections are being closed")]
    Closed,
    #[error("the database refused a statement: {0}")]
    Query(#[source] Arc<sqlx::Error>),
}

impl DatabaseError {
    /// Whether the statement, a commit for one, may have taken effect although it failed.
    pub fn is_uncertain(&self) -> bool {
        matches!(self, Self::ConnectionLost(_) | Self::Unresponsive { .. })
    }

    /// The name of the constraint that a statement would have violated.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Query(error) => match &**error {
                sqlx::Error::Database(refusal) => refusal.constraint(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// By PostgreSQL's error codes, see its manual's appendix A.
impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) => match refusal
                .try_downcast_ref::<PgDatabaseError>()
                .map(PgDatabaseError::code)
            {
                Some("57014") => Self::StatementTimeout,
                Some("55P03") => Self::LockTimeout,
                Some("40P01") => Self::Deadlock,
                Some(code) if ends_connection(code) => Self::ConnectionLost(Arc::new(error)),
                _ => Self::Query(Arc::new(error)),
            },
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => Self::ConnectionLost(Arc::new(error)),
            _ => Self::Query(Arc::new(error)),
        }
    }
}

/// The server shuts down, or ended the session because it was idle for too long, or the line broke.
fn ends_connection(code: &str) -> bool {
    code.starts_with("08")
        || matches!(
            code,
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "25P04"
        )
}

/// Turns the violation of a named constraint into the error that it means.
pub trait OnConstraint<T> {
    fn on_constraint<E: From<DatabaseError>>(
        self,
        constraint: &str,
        meaning: impl FnOnce() -> E,
    ) -> Result<T, E>;
}

impl<T> OnConstraint<T> for Result<T, DatabaseError> {
    fn on_constraint<E: From<DatabaseError>>(
        self,
        constraint: &str,
        meaning: impl FnOnce() -> E,
    ) -> Result<T, E> {
        self.map_err(|error| match error.constraint() {
            Some(violated) if violated == constraint => meaning(),
            _ => error.into(),
        })
    }
}
