//! The SQL of single payments.
//!
//! Every change of a status names the status that it expects, so that of two writers the second one changes
//! nothing.

pub(super) mod due;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};

use super::{Failure, NewPayment, Payment, Status};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::{MemberId, OrderId, PaymentId};

/// The constraint that says that the member is unknown.
pub(super) const MEMBER: &str = "payments_member";

macro_rules! columns {
    () => {
        "id, order_id, member_id, amount, status, failure, created_at, updated_at, queued, \
         cancel_requested_at IS NOT NULL AS cancelling, attempts"
    };
}
pub(in crate::payment) use columns;

#[derive(FromRow)]
pub(in crate::payment) struct Row {
    id: PaymentId,
    order_id: OrderId,
    member_id: MemberId,
    amount: i64,
    status: String,
    failure: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    queued: bool,
    cancelling: bool,
    attempts: i32,
}

impl TryFrom<Row> for Payment {
    type Error = sqlx::Error;

    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let unknown = |value: &str| sqlx::Error::Decode(format!("`{value}` is unknown").into());
        let status = Status::ALL
            .into_iter()
            .find(|status| status.as_str() == row.status)
            .ok_or_else(|| unknown(&row.status))?;
        let failure = match &row.failure {
            None => None,
            Some(name) => Some(
                Failure::ALL
                    .into_iter()
                    .find(|failure| failure.as_str() == name)
                    .ok_or_else(|| unknown(name))?,
            ),
        };
        Ok(Self {
            id: row.id,
            order_id: row.order_id,
            member_id: row.member_id,
            amount: row.amount,
            status,
            failure,
            refunding: row.cancelling && status == Status::Succeeded,
            created_at: row.created_at,
            updated_at: row.updated_at,
            queued: row.queued,
            cancelling: row.cancelling,
            attempts: row.attempts,
        })
    }
}

pub(in crate::payment) fn one(row: Option<Row>) -> Result<Option<Payment>, DatabaseError> {
    Ok(row.map(Payment::try_from).transpose()?)
}

pub(in crate::payment) fn all(rows: Vec<Row>) -> Result<Vec<Payment>, DatabaseError> {
    let payments: Result<_, _> = rows.into_iter().map(Payment::try_from).collect();
    Ok(payments?)
}

/// `None`: the member has used this key before. `due_at`: when it counts as forgotten, for one that is not
/// `queued`.
pub(super) async fn insert(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    new: &NewPayment,
    at: DateTime<Utc>,
    due_at: Option<DateTime<Utc>>,
) -> Result<Option<Payment>, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "INSERT INTO payments (order_id, member_id, amount, idempotency_key, fingerprint, \
                               queued, due_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) \
         ON CONFLICT ON CONSTRAINT payments_key_once DO NOTHING RETURNING ",
        columns!()
    ))
    .bind(new.order_id)
    .bind(new.member_id)
    .bind(new.amount.get())
    .bind(new.key.as_str())
    .bind(new.fingerprint())
    .bind(due_at.is_none())
    .bind(due_at)
    .bind(at)
    .fetch_optional(connection);
    one(observed(ctx, "payment.insert", query).await?)
}

pub(super) async fn find(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: PaymentId,
) -> Result<Option<Payment>, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM payments WHERE id = $1"
    ))
    .bind(id)
    .fetch_optional(connection);
    one(observed(ctx, "payment.find", query).await?)
}

/// What was asked for under this key, and whether it was the same.
pub(super) async fn find_by_key(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    new: &NewPayment,
) -> Result<Option<(Payment, bool)>, DatabaseError> {
    #[derive(FromRow)]
    struct Found {
        #[sqlx(flatten)]
        row: Row,
        is_same: bool,
    }
    let query = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        ", fingerprint = $3 AS is_same FROM payments \
         WHERE member_id = $1 AND idempotency_key = $2"
    ))
    .bind(new.member_id)
    .bind(new.key.as_str())
    .bind(new.fingerprint())
    .fetch_optional(connection);
    let found: Option<Found> = observed(ctx, "payment.find_by_key", query).await?;
    match found {
        Some(Found { row, is_same }) => Ok(Some((row.try_into()?, is_same))),
        None => Ok(None),
    }
}

pub(super) async fn of_order(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<Vec<Payment>, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM payments WHERE order_id = $1 ORDER BY id"
    ))
    .bind(order)
    .fetch_all(connection);
    all(observed(ctx, "payment.of_order", query).await?)
}

/// What a payment becomes.
#[derive(Debug, Clone)]
pub(super) struct Settlement {
    pub status: Status,
    pub failure: Option<Failure>,
    /// Kept as it is when `None`.
    pub gateway_id: Option<String>,
    /// When reconciliation looks at it; `None`: not any more.
    pub due_at: Option<DateTime<Utc>>,
}

/// `None`: it is not in a status from which this is reached, or it is being cancelled.
pub(super) async fn settle(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: PaymentId,
    settlement: &Settlement,
    at: DateTime<Utc>,
) -> Result<Option<Payment>, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "UPDATE payments SET status = $2, failure = $3, due_at = $5, updated_at = $6, attempts = 0, \
                gateway_payment_id = COALESCE($4, gateway_payment_id) \
         WHERE id = $1 AND status = ANY($7) AND ($2 <> 'SUCCEEDED' OR cancel_requested_at IS NULL) \
         RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(settlement.status.as_str())
    .bind(settlement.failure.map(Failure::as_str))
    .bind(settlement.gateway_id.as_deref())
    .bind(settlement.due_at)
    .bind(at)
    .bind(settlement.status.sources())
    .fetch_optional(connection);
    one(observed(ctx, "payment.settle", query).await?)
}

/// Records the decision to cancel at the gateway. `None`: the payment is in none of the statuses `from`.
pub(super) async fn request_cancel(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: PaymentId,
    from: &[&str],
    at: DateTime<Utc>,
    due_at: DateTime<Utc>,
) -> Result<Option<Payment>, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "UPDATE payments SET cancel_requested_at = COALESCE(cancel_requested_at, $3), updated_at = $3, \
                due_at = $4 \
         WHERE id = $1 AND status = ANY($2) RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(from)
    .bind(at)
    .bind(due_at)
    .fetch_optional(connection);
    one(observed(ctx, "payment.request_cancel", query).await?)
}
