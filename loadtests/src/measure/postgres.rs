//! PostgreSQL's own counters: a witness that does not depend on what the service says.

use sqlx::{Connection, PgConnection, Row};

/// Counters of one database since its statistics were reset, and what is connected now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatabaseCounters {
    pub commits: f64,
    pub rollbacks: f64,
    pub blocks_read: f64,
    pub blocks_hit: f64,
    pub deadlocks: f64,
    /// Sessions ever opened.
    pub sessions: f64,
    /// Client connections now, this one left out.
    pub connections: f64,
    /// Missing where the server does not count statements.
    pub statements: Option<StatementCounters>,
}

/// Statements of the database's owner, which is the service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatementCounters {
    pub all: f64,
    /// Those that select from the posts.
    pub post_selects: f64,
}

const QUERY: &str = "
    SELECT xact_commit::float8, xact_rollback::float8, blks_read::float8, blks_hit::float8,
           deadlocks::float8, sessions::float8,
           (SELECT count(*)::float8 FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())
      FROM pg_stat_database WHERE datname = current_database()";

/// Unlike those of the database, these counters are up to date as soon as a statement has ended.
const STATEMENTS: &str = r"
    SELECT coalesce(sum(calls), 0)::float8,
           coalesce(sum(calls) FILTER (WHERE query ~* '^\s*select\M.*\mfrom\s+posts\M'), 0)::float8
      FROM pg_stat_statements
      JOIN pg_database ON pg_database.oid = dbid AND datdba = userid
     WHERE datname = current_database()";

/// A connection for reading counters only, opened again when the database was restarted.
#[derive(Debug)]
pub struct CounterReader {
    url: String,
    connection: Option<PgConnection>,
}

impl CounterReader {
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connection: None,
        }
    }

    /// Reads once; after an error the next call connects anew.
    pub async fn read(&mut self) -> Result<DatabaseCounters, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => PgConnection::connect(&self.url).await?,
        };
        let row = sqlx::query(QUERY).fetch_one(&mut connection).await?;
        let statements = statements(&mut connection).await?;
        self.connection = Some(connection);
        Ok(DatabaseCounters {
            commits: row.try_get(0)?,
            rollbacks: row.try_get(1)?,
            blocks_read: row.try_get(2)?,
            blocks_hit: row.try_get(3)?,
            deadlocks: row.try_get(4)?,
            sessions: row.try_get(5)?,
            connections: row.try_get(6)?,
            statements,
        })
    }
}

async fn statements(
    connection: &mut PgConnection,
) -> Result<Option<StatementCounters>, sqlx::Error> {
    match sqlx::query(STATEMENTS).fetch_one(connection).await {
        Ok(row) => Ok(Some(StatementCounters {
            all: row.try_get(0)?,
            post_selects: row.try_get(1)?,
        })),
        // There is no such view, or nothing behind it.
        Err(sqlx::Error::Database(_)) => Ok(None),
        Err(lost) => Err(lost),
    }
}
