//! The SQL of work that is due: taking it, and putting it off.
//!
//! Rows that another instance is taking are passed over. What is taken is due again later, unless it has been
//! settled by then: so the work of an instance that dies is done by another.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{all, columns};
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

/// The next payments of the queue, in the order of their coming; `due_at` is when they count as forgotten.
pub(in crate::payment) async fn take_queued(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    now: DateTime<Utc>,
    due_at: DateTime<Utc>,
    at_most: u32,
) -> Result<Vec<Payment>, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "UPDATE payments SET taken_at = $1, due_at = $2, updated_at = $1 \
         WHERE id IN (SELECT id FROM payments WHERE queued AND taken_at IS NULL \
                      ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING ",
        columns!()
    ))
    .bind(now)
    .bind(due_at)
    .bind(i64::from(at_most))
    .fetch_all(connection);
    let mut taken = all(observed(ctx, "payment.take_queued", query).await?)?;
    taken.sort_by_key(|payment| payment.id);
    Ok(taken)
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

/// Payments that are open, those among them without an outcome after so many attempts, and those that wait in
/// the queue.
pub(in crate::payment) async fn count_open(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    attempts: i32,
) -> Result<(i64, i64, i64), DatabaseError> {
    let query = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE attempts >= $1), \
                (SELECT count(*) FROM payments WHERE queued AND taken_at IS NULL) \
         FROM payments WHERE due_at IS NOT NULL AND status <> 'FAILED'",
    )
    .bind(attempts)
    .fetch_one(connection);
    observed(ctx, "payment.count_open", query).await
}
