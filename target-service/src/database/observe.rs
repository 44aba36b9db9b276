//! Times statements, and does not wait for a server that has fallen silent.

use std::time::Duration;

use metrics::histogram;
use tokio::time::Instant;

use super::error::DatabaseError;
use super::limits::Limits;
use crate::context::RequestContext;

/// Runs one statement under a name from a fixed set, such as `member.find`: its time goes into
/// `db_client_operation_duration_seconds` and into the request's time split.
pub async fn observed<T>(
    ctx: &RequestContext,
    operation: &'static str,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, DatabaseError> {
    let limits = Limits::of(ctx);
    let _timer = Timer {
        ctx,
        operation,
        begun: Instant::now(),
    };
    let result = match limits.response {
        Some(after) => tokio::time::timeout(after, statement)
            .await
            .map_err(|_| DatabaseError::Unresponsive { after })?,
        None => statement.await,
    };
    match result.map_err(DatabaseError::from) {
        Err(DatabaseError::StatementTimeout) if has_nothing_left(ctx) => {
            Err(DatabaseError::DeadlineExceeded)
        }
        result => result,
    }
}

/// The server counts in milliseconds, so its clock may run out one before the request's.
fn has_nothing_left(ctx: &RequestContext) -> bool {
    ctx.remaining()
        .is_some_and(|remaining| remaining <= Duration::from_millis(1))
}

/// Counts the time also when the caller gives up.
struct Timer<'a> {
    ctx: &'a RequestContext,
    operation: &'static str,
    begun: Instant,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        let time = self.begun.elapsed();
        self.ctx.time_split().add_sql(time);
        histogram!("db_client_operation_duration_seconds", "db_operation_name" => self.operation)
            .record(time);
    }
}
