//! The SQL of work that is due: taking it, and putting it off.
//!
//! Rows that another instance is taking are passed over. What is taken is due again later, unless it has been
//! settled by then: so the work of an instance that dies is done by another.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};

use super::{all, columns, one};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::PaymentId;
use crate::payment::Payment;

/// When what is taken is due again: at `soon` for the first attempts, then at `late`.
#[derive(Debug, Clone, Copy)]
pub(in crate::payment) struct Lease {
    pub now: DateTime<Utc>,
    pub soon: DateTime<Utc>,
    pub late: DateTime<Utc>,
    pub attempts: i32,
}

macro_rules! take {
    ($condition:literal) => {
        concat!(
            "UPDATE payments SET attempts = attempts + 1, \
                    due_at = CASE WHEN attempts + 1 < $4 THEN $2 ELSE $3 END \
             WHERE id IN (SELECT id FROM payments WHERE due_at <= $1 AND ",
            $condition,
            " ORDER BY due_at LIMIT $5 FOR UPDATE SKIP LOCKED) RETURNING ",
            columns!()
        )
    };
}

/// Payments whose outcome is not known, and those that are being given back.
pub(in crate::payment) async fn take_open(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    lease: Lease,
    at_most: u32,
) -> Result<Vec<Payment>, DatabaseError> {
    take(
        connection,
        ctx,
        lease,
        at_most,
        "payment.take_open",
        take!("status <> 'FAILED'"),
    )
    .await
}

/// Payments that were told to have failed and have not been compared with the gateway.
pub(in crate::payment) async fn take_failed(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    lease: Lease,
    at_most: u32,
) -> Result<Vec<Payment>, DatabaseError> {
    take(
        connection,
        ctx,
        lease,
        at_most,
        "payment.take_failed",
        take!("status = 'FAILED'"),
    )
    .await
}

async fn take(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    lease: Lease,
    at_most: u32,
    operation: &'static str,
    statement: &'static str,
) -> Result<Vec<Payment>, DatabaseError> {
    let query = sqlx::query_as(statement)
        .bind(lease.now)
        .bind(lease.soon)
        .bind(lease.late)
        .bind(lease.attempts)
        .bind(i64::from(at_most))
        .fetch_all(connection);
    all(observed(ctx, operation, query).await?)
}

/// The next payment of the queue; `due_at` is when it counts as forgotten.
pub(in crate::payment) async fn take_queued(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    now: DateTime<Utc>,
    due_at: DateTime<Utc>,
) -> Result<Option<Payment>, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "UPDATE payments SET taken_at = $1, due_at = $2, updated_at = $1 \
         WHERE id = (SELECT id FROM payments WHERE queued AND taken_at IS NULL \
                     ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING ",
        columns!()
    ))
    .bind(now)
    .bind(due_at)
    .fetch_optional(connection);
    one(observed(ctx, "payment.take_queued", query).await?)
}

/// The gateway has confirmed that nothing stands for it and nothing ever will.
pub(in crate::payment) async fn compared(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: PaymentId,
) -> Result<(), DatabaseError> {
    let query =
        sqlx::query("UPDATE payments SET due_at = NULL WHERE id = $1 AND status = 'FAILED'")
            .bind(id)
            .execute(connection);
    observed(ctx, "payment.compared", query).await?;
    Ok(())
}

/// What is not settled.
#[derive(Debug, FromRow)]
pub(in crate::payment) struct Open {
    pub all: i64,
    /// Those without an outcome after so many attempts.
    pub unresolved: i64,
    /// Those that wait in the queue; they are in no other number here.
    pub queued: i64,
    pub next_due: Option<DateTime<Utc>>,
}

pub(in crate::payment) async fn count_open(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    attempts: i32,
) -> Result<Open, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT count(*) AS \"all\", count(*) FILTER (WHERE attempts >= $1) AS unresolved, \
                (SELECT count(*) FROM payments WHERE queued AND taken_at IS NULL) AS queued, \
                min(due_at) AS next_due \
         FROM payments WHERE due_at IS NOT NULL AND status <> 'FAILED'",
    )
    .bind(attempts)
    .fetch_one(connection);
    observed(ctx, "payment.count_open", query).await
}

/// When the next failed payment is due to be compared.
pub(in crate::payment) async fn next_failed(
    connection: &mut PgConnection,
    ctx: &RequestContext,
) -> Result<Option<DateTime<Utc>>, DatabaseError> {
    let query = sqlx::query_scalar(
        "SELECT min(due_at) FROM payments WHERE due_at IS NOT NULL AND status = 'FAILED'",
    )
    .fetch_one(connection);
    observed(ctx, "payment.next_failed", query).await
}
