//! A seat in the hands of an order: steps of a flow's transaction, which decides whether they count.

use sqlx::PgConnection;

use super::{SeatError, SeatStatus, store};
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::ids::{MemberId, OrderId, SeatId};

/// The order takes the seat: a free one, or one that its member holds for no other order.
pub async fn claim(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    id: SeatId,
    member: MemberId,
    order: OrderId,
) -> Result<(), SeatError> {
    if !id.exists() {
        return Err(SeatError::NotFound);
    }
    if store::claim(transaction, ctx, id, member, order).await? {
        return Ok(());
    }
    let seat = store::find(transaction, ctx, id).await?;
    match seat {
        Some(seat) if seat.status == SeatStatus::Sold => Err(SeatError::Sold),
        _ => Err(SeatError::Held),
    }
}

/// The order's seat is its member's for good. `false`: the order has no seat that could be sold.
pub async fn sell(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<bool, DatabaseError> {
    store::sell(transaction, ctx, order).await
}

/// The order's seat is free again. Nothing happens where it has none.
pub async fn release(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<(), DatabaseError> {
    store::release(transaction, ctx, order).await
}
