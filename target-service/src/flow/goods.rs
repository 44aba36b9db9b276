//! The goods of an order (its seat and points; coupons would join them here): taken, granted, given back.
//!
//! Invariant: each of the three is one transaction together with the order's status, so that an order that is
//! CREATED holds all of its goods, one that is PAID has granted them, and one that FAILED has none. All of
//! them go through order, seat and points in this order, so that no two wait for each other in a circle.

use std::time::Duration;

use metrics::counter;

use super::FlowError;
use crate::context::RequestContext;
use crate::database::{Database, Transaction};
use crate::ids::OrderId;
use crate::order::{self, Created, Failure, NewOrder, Order, OrderStatus};
use crate::point::{self, Amount};
use crate::seat;

/// Creates the order and takes its goods, all of them or none. An order that points pay for in full is
/// granted at once.
pub(super) async fn take(
    database: &Database,
    ctx: &RequestContext,
    new: &NewOrder,
    look_after: Duration,
) -> Result<Created, FlowError> {
    let mut transaction = database.begin(ctx).await?;
    let mut order = match order::create(&mut transaction, ctx, new, look_after).await? {
        Created::New(order) => order,
        before @ Created::Before(_) => return Ok(before),
    };
    if let Some(seat) = order.seat {
        seat::claim(&mut transaction, ctx, seat, order.member_id, order.id).await?;
    }
    // No points at all are no amount of points.
    if let Ok(amount) = Amount::new(order.points) {
        point::spend(&mut transaction, ctx, order.member_id, order.id, amount).await?;
    }
    if order.due() == 0 {
        order = grant_within(&mut transaction, ctx, &order)
            .await?
            .ok_or(FlowError::NotGranted(order.id))?;
    }
    transaction.commit().await?;
    count(&order);
    Ok(Created::New(order))
}

/// What became of an order that was to be granted.
pub(super) enum Granted {
    Now(Order),
    /// By somebody else.
    Before(Order),
    /// It has failed: before, or because its goods were gone.
    Never,
}

pub(super) async fn grant(
    database: &Database,
    ctx: &RequestContext,
    order: &Order,
) -> Result<Granted, FlowError> {
    let mut transaction = database.begin(ctx).await?;
    if let Some(paid) = grant_within(&mut transaction, ctx, order).await? {
        transaction.commit().await?;
        count(&paid);
        return Ok(Granted::Now(paid));
    }
    drop(transaction);
    let now = order::find(database, ctx, order.id).await?;
    match now.status {
        OrderStatus::Paid => Ok(Granted::Before(now)),
        OrderStatus::Failed => Ok(Granted::Never),
        OrderStatus::Created => {
            give_back(database, ctx, order.id, Failure::GoodsGone, true).await?;
            Ok(Granted::Never)
        }
    }
}

/// `None`: the order has ended, or its goods are gone; the transaction is not to be committed.
async fn grant_within(
    transaction: &mut Transaction,
    ctx: &RequestContext,
    order: &Order,
) -> Result<Option<Order>, FlowError> {
    let Some(paid) = order::mark_paid(transaction, ctx, order.id).await? else {
        return Ok(None);
    };
    // Points are the order's since they were taken.
    let has_goods = order.seat.is_none() || seat::sell(transaction, ctx, order.id).await?;
    Ok(has_goods.then_some(paid))
}

/// `false`: the order had ended before. `look_again`: whether a payment may still come for it, or must still
/// go back.
pub(super) async fn give_back(
    database: &Database,
    ctx: &RequestContext,
    id: OrderId,
    failure: Failure,
    look_again: bool,
) -> Result<bool, FlowError> {
    let mut transaction = database.begin(ctx).await?;
    let failed = order::mark_failed(&mut transaction, ctx, id, failure, look_again).await?;
    let Some(order) = failed else {
        return Ok(false);
    };
    seat::release(&mut transaction, ctx, id).await?;
    point::give_back(&mut transaction, ctx, id).await?;
    transaction.commit().await?;
    count(&order);
    Ok(true)
}

fn count(order: &Order) {
    let status = match order.status {
        OrderStatus::Created => "created",
        OrderStatus::Paid => "paid",
        OrderStatus::Failed => "failed",
    };
    counter!("target_orders_total", "status" => status).increment(1);
}
