//! The SQL of orders.
//!
//! What ends an order looks at its status in the statement that changes it: of several that race, the first
//! to commit has it, and the others find that they are late.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};

use super::{Due, Failure, NewOrder, Order, OrderStatus};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::idempotency::IdempotencyKey;
use crate::ids::{CouponId, MemberId, OrderId, SeatId};

/// The constraint that says that there is no such member.
pub(super) const MEMBER: &str = "orders_member";

/// However old an order is, it is looked at again after this long at the latest.
const LOOKS_APART_AT_MOST: Duration = Duration::from_secs(5);

#[derive(Debug, FromRow)]
struct Row {
    id: OrderId,
    member_id: MemberId,
    #[sqlx(try_from = "String")]
    status: OrderStatus,
    event: Option<i64>,
    seat: Option<i64>,
    coupon_id: Option<CouponId>,
    amount: i64,
    points: i64,
    failure: Option<String>,
    created_at: DateTime<Utc>,
    settled_at: Option<DateTime<Utc>>,
}

impl From<Row> for Order {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            member_id: row.member_id,
            status: row.status,
            seat: row
                .event
                .zip(row.seat)
                .map(|(event, seat)| SeatId { event, seat }),
            coupon_id: row.coupon_id,
            amount: row.amount,
            points: row.points,
            failure: row.failure.and_then(|failure| failure.try_into().ok()),
            created_at: row.created_at,
            settled_at: row.settled_at,
        }
    }
}

macro_rules! columns {
    () => {
        "id, member_id, status, event, seat, coupon_id, amount, points, failure, created_at, settled_at"
    };
}

/// As in the index that keeps keys apart. An order that failed without a verdict of the payment provider
/// gives its key up: the same request may be sent again, and is a new order.
macro_rules! has_its_key {
    () => {
        "failure IS NULL OR failure IN ('payment_failed', 'payment_timed_out')"
    };
}

/// `None`: the member has an order of this key.
pub(super) async fn insert(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    new: &NewOrder,
    look_after: Duration,
) -> Result<Option<Order>, DatabaseError> {
    let query = sqlx::query_as::<_, Row>(concat!(
        "INSERT INTO orders \
             (member_id, event, seat, coupon_id, amount, points, idempotency_key, look_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, now() + make_interval(secs => $8)) \
         ON CONFLICT (member_id, idempotency_key) WHERE ",
        has_its_key!(),
        " DO NOTHING RETURNING ",
        columns!()
    ))
    .bind(new.member)
    .bind(new.seat.map(|seat| seat.event))
    .bind(new.seat.map(|seat| seat.seat))
    .bind(new.coupon)
    .bind(new.amount)
    .bind(new.points)
    .bind(new.key.as_ref().map(IdempotencyKey::as_str))
    .bind(look_after.as_secs_f64())
    .fetch_optional(connection);
    Ok(observed(ctx, "order.insert", query).await?.map(Into::into))
}

pub(super) async fn find_by_key(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    key: &IdempotencyKey,
) -> Result<Option<Order>, DatabaseError> {
    let query = sqlx::query_as::<_, Row>(concat!(
        "SELECT ",
        columns!(),
        " FROM orders WHERE member_id = $1 AND idempotency_key = $2 AND (",
        has_its_key!(),
        ")"
    ))
    .bind(member)
    .bind(key.as_str())
    .fetch_optional(connection);
    let found = observed(ctx, "order.find_by_key", query).await?;
    Ok(found.map(Into::into))
}

pub(super) async fn find(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: OrderId,
) -> Result<Option<Order>, DatabaseError> {
    let query =
        sqlx::query_as::<_, Row>(concat!("SELECT ", columns!(), " FROM orders WHERE id = $1"))
            .bind(id)
            .fetch_optional(connection);
    Ok(observed(ctx, "order.find", query).await?.map(Into::into))
}

/// `None`: it has ended before. A step of the transaction that grants the goods.
pub async fn mark_paid(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    id: OrderId,
) -> Result<Option<Order>, DatabaseError> {
    let query = sqlx::query_as::<_, Row>(concat!(
        "UPDATE orders SET status = 'PAID', settled_at = now(), look_at = NULL \
         WHERE id = $1 AND status = 'CREATED' RETURNING ",
        columns!()
    ))
    .bind(id)
    .fetch_optional(transaction);
    let marked = observed(ctx, "order.mark_paid", query).await?;
    Ok(marked.map(Into::into))
}

/// `None`: it has ended before. A step of the transaction that gives the goods back. `look_again`: whether
/// a payment may still come, or must still go back.
pub async fn mark_failed(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    id: OrderId,
    failure: Failure,
    look_again: bool,
) -> Result<Option<Order>, DatabaseError> {
    let query = sqlx::query_as::<_, Row>(concat!(
        "UPDATE orders SET status = 'FAILED', failure = $2, settled_at = now(), \
             look_at = CASE WHEN $3 THEN now() END \
         WHERE id = $1 AND status = 'CREATED' RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(failure.as_str())
    .bind(look_again)
    .fetch_optional(transaction);
    let marked = observed(ctx, "order.mark_failed", query).await?;
    Ok(marked.map(Into::into))
}

#[derive(Debug, FromRow)]
struct DueRow {
    #[sqlx(flatten)]
    order: Row,
    age_secs: f64,
    settled_secs: Option<f64>,
}

/// Up to `limit` orders that it is time to look at. Whoever gets one has it for `every` at least, and for
/// longer when the order is old: nobody else gets it before that.
pub async fn claim_due(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    limit: u16,
    every: Duration,
) -> Result<Vec<Due>, DatabaseError> {
    let query = sqlx::query_as::<_, DueRow>(concat!(
        "WITH due AS MATERIALIZED ( \
             SELECT id AS due_id FROM orders WHERE look_at <= now() \
             ORDER BY look_at LIMIT $1 FOR UPDATE SKIP LOCKED \
         ) \
         UPDATE orders SET look_at = now() + GREATEST( \
             make_interval(secs => $2), \
             LEAST((now() - created_at) / 4, make_interval(secs => $3))) \
         FROM due WHERE id = due_id RETURNING ",
        columns!(),
        ", extract(epoch FROM now() - created_at)::float8 AS age_secs, \
           extract(epoch FROM now() - settled_at)::float8 AS settled_secs"
    ))
    .bind(i64::from(limit))
    .bind(every.as_secs_f64())
    .bind(LOOKS_APART_AT_MOST.as_secs_f64())
    .fetch_all(connection);
    let rows = observed(ctx, "order.claim_due", query).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

impl From<DueRow> for Due {
    fn from(row: DueRow) -> Self {
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Self {
            order: row.order.into(),
            age: seconds(row.age_secs),
            settled_for: row.settled_secs.map(seconds),
        }
    }
}

/// There is nothing left to see to. Has no effect on an order that holds goods.
pub async fn stop_looking(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: OrderId,
) -> Result<(), DatabaseError> {
    let query =
        sqlx::query("UPDATE orders SET look_at = NULL WHERE id = $1 AND status <> 'CREATED'")
            .bind(id)
            .execute(connection);
    observed(ctx, "order.stop_looking", query).await?;
    Ok(())
}
