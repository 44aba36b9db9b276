//! The goods of an order (its seat or coupon, and its points): taken, granted, given back.
//!
//! Invariant: each of the three is one transaction together with the order's status, so that an order that is
//! CREATED holds all of its goods, one that is PAID has granted them, and one that FAILED has none. All of
//! them go through order, seat, coupon and points in this order, so that no two wait for each other in a
//! circle.

use std::time::Duration;

use metrics::counter;

use super::FlowError;
use super::holders::Holders;
use crate::context::RequestContext;
use crate::database::{Database, Transaction};
use crate::ids::OrderId;
use crate::lock::Locks;
use crate::order::{self, Created, Failure, NewOrder, Order, OrderStatus};
use crate::outbox::{self, Kind, RelaySoon};
use crate::point::{self, Amount};
use crate::{coupon, seat};

/// Where goods are moved, and what else is needed for that.
#[derive(Debug, Clone)]
pub struct Goods {
    pub database: Database,
    pub locks: Locks,
    pub relay_soon: RelaySoon,
}

/// Creates the order and takes its goods, all of them or none. An order that points pay for in full is
/// granted at once.
pub(super) async fn take(
    goods: &Goods,
    ctx: &RequestContext,
    new: &NewOrder,
    look_after: Duration,
) -> Result<Created, FlowError> {
    let holders = Holders::taking(goods, ctx, new).await?;
    let taken = Box::pin(take_as(&holders, goods, ctx, new, look_after)).await;
    holders.release(&taken).await;
    taken
}

impl Goods {
    /// What is committed is counted, and the member is told of the end.
    fn settled(&self, order: &Order) {
        count(order);
        if order.status != OrderStatus::Created {
            self.relay_soon.after_commit();
        }
    }
}

async fn take_as(
    holders: &Holders,
    goods: &Goods,
    ctx: &RequestContext,
    new: &NewOrder,
    look_after: Duration,
) -> Result<Created, FlowError> {
    let mut transaction = goods.database.begin(ctx).await?;
    let mut order = match order::create(&mut transaction, ctx, new, look_after).await? {
        Created::New(order) => order,
        before @ Created::Before(_) => return Ok(before),
    };
    let member = order.member_id;
    if let Some(seat) = order.seat {
        seat::claim(&mut transaction, ctx, seat, member, order.id).await?;
    }
    if let Some(coupon) = order.coupon_id {
        let holder = &holders.coupon;
        coupon::claim(&mut transaction, ctx, holder, coupon, member, order.id).await?;
    }
    // No points at all are no amount of points.
    if let Ok(amount) = Amount::new(order.points) {
        let holder = &holders.points;
        point::spend(&mut transaction, ctx, holder, member, order.id, amount).await?;
    }
    if order.due() == 0 {
        order = grant_within(&mut transaction, ctx, &order)
            .await?
            .ok_or(FlowError::NotGranted(order.id))?;
    }
    transaction.commit().await?;
    goods.settled(&order);
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
    goods: &Goods,
    ctx: &RequestContext,
    order: &Order,
) -> Result<Granted, FlowError> {
    let mut transaction = goods.database.begin(ctx).await?;
    if let Some(paid) = grant_within(&mut transaction, ctx, order).await? {
        transaction.commit().await?;
        goods.settled(&paid);
        return Ok(Granted::Now(paid));
    }
    drop(transaction);
    let now = order::find(&goods.database, ctx, order.id).await?;
    match now.status {
        OrderStatus::Paid => Ok(Granted::Before(now)),
        OrderStatus::Failed => Ok(Granted::Never),
        OrderStatus::Created => {
            give_back(goods, ctx, order.id, Failure::GoodsGone, true).await?;
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
    outbox::append(transaction, ctx, Kind::OrderPaid, order.id.0).await?;
    // Points are the order's since they were taken.
    let has_seat = order.seat.is_none() || seat::sell(transaction, ctx, order.id).await?;
    let has_coupon = order.coupon_id.is_none() || coupon::grant(transaction, ctx, order.id).await?;
    Ok((has_seat && has_coupon).then_some(paid))
}

/// `false`: the order had ended before. `look_again`: whether a payment may still come for it, or must still
/// go back.
pub(super) async fn give_back(
    goods: &Goods,
    ctx: &RequestContext,
    id: OrderId,
    failure: Failure,
    look_again: bool,
) -> Result<bool, FlowError> {
    let holders = Holders::giving_back(goods, ctx, id).await?;
    let given_back = give_back_as(&holders, goods, ctx, id, failure, look_again);
    let given_back = Box::pin(given_back).await;
    holders.release(&given_back).await;
    given_back
}

async fn give_back_as(
    holders: &Holders,
    goods: &Goods,
    ctx: &RequestContext,
    id: OrderId,
    failure: Failure,
    look_again: bool,
) -> Result<bool, FlowError> {
    let mut transaction = goods.database.begin(ctx).await?;
    let failed = order::mark_failed(&mut transaction, ctx, id, failure, look_again).await?;
    let Some(order) = failed else {
        return Ok(false);
    };
    seat::release(&mut transaction, ctx, id).await?;
    if let Some(coupon) = order.coupon_id {
        coupon::give_back(&mut transaction, ctx, &holders.coupon, coupon, id).await?;
    }
    point::give_back(&mut transaction, ctx, &holders.points, id).await?;
    outbox::append(&mut transaction, ctx, Kind::OrderFailed, id.0).await?;
    transaction.commit().await?;
    goods.settled(&order);
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
