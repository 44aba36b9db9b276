//! The SQL of seats.
//!
//! Holds run out by the database's clock, which is the same for all instances of the service.

use std::time::Duration;

use sqlx::PgConnection;

use super::Seat;
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::{MemberId, OrderId, SeatId};

/// The constraint that says that there is no such member.
pub(super) const MEMBER: &str = "seats_member";

/// `None`: it is not free.
pub(super) async fn hold(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: SeatId,
    member: MemberId,
    hold: Duration,
) -> Result<Option<Seat>, DatabaseError> {
    let query = sqlx::query_as(
        "INSERT INTO seats (event, seat, status, member_id, held_until) \
         VALUES ($1, $2, 'HELD', $3, now() + make_interval(secs => $4)) \
         ON CONFLICT ON CONSTRAINT seats_one_each DO UPDATE \
         SET status = 'HELD', member_id = EXCLUDED.member_id, held_until = EXCLUDED.held_until \
         WHERE seats.status = 'FREE' OR seats.status = 'HELD' AND seats.held_until <= now() \
         RETURNING event, seat, status, member_id, held_until",
    )
    .bind(id.event)
    .bind(id.seat)
    .bind(member)
    .bind(hold.as_secs_f64())
    .fetch_optional(connection);
    observed(ctx, "seat.hold", query).await
}

/// As it is at the moment. `None`: nobody has ever taken it.
pub(super) async fn find(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: SeatId,
) -> Result<Option<Seat>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT event, seat, status, member_id, held_until FROM seats \
         WHERE event = $1 AND seat = $2 AND (held_until IS NULL OR held_until > now())",
    )
    .bind(id.event)
    .bind(id.seat)
    .fetch_optional(connection);
    observed(ctx, "seat.find", query).await
}

/// `false`: somebody else has it, or another order.
pub(super) async fn claim(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: SeatId,
    member: MemberId,
    order: OrderId,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "INSERT INTO seats (event, seat, status, member_id, order_id) VALUES ($1, $2, 'HELD', $3, $4) \
         ON CONFLICT ON CONSTRAINT seats_one_each DO UPDATE \
         SET status = 'HELD', member_id = EXCLUDED.member_id, held_until = NULL, \
             order_id = EXCLUDED.order_id \
         WHERE seats.status = 'FREE' \
            OR seats.status = 'HELD' AND seats.order_id IS NULL \
               AND (seats.held_until <= now() OR seats.member_id = EXCLUDED.member_id)",
    )
    .bind(id.event)
    .bind(id.seat)
    .bind(member)
    .bind(order)
    .execute(connection);
    let claimed = observed(ctx, "seat.claim", query).await?;
    Ok(claimed.rows_affected() == 1)
}

pub(super) async fn sell(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<bool, DatabaseError> {
    let query =
        sqlx::query("UPDATE seats SET status = 'SOLD' WHERE order_id = $1 AND status = 'HELD'")
            .bind(order)
            .execute(connection);
    let sold = observed(ctx, "seat.sell", query).await?;
    Ok(sold.rows_affected() == 1)
}

pub(super) async fn release(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<(), DatabaseError> {
    let query = sqlx::query(
        "UPDATE seats SET status = 'FREE', member_id = NULL, order_id = NULL \
         WHERE order_id = $1 AND status = 'HELD'",
    )
    .bind(order)
    .execute(connection);
    observed(ctx, "seat.release", query).await?;
    Ok(())
}
