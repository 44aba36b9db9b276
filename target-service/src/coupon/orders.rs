//! A coupon in the hands of an order: steps of a flow's transaction, which decides whether they count.
//!
//! What an order holds is issued to its member from the beginning on. While the order can still fail, the
//! issue can be given back, and then the next one gets it; once it is granted it stays the member's.

use sqlx::PgConnection;

use super::{CouponError, issue, stock, store};
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::ids::{CouponId, MemberId, OrderId};
use crate::lock::{self, Holder};

/// The order takes one out of the stock for its member, as the holder of the stock.
pub async fn claim(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    holder: &Holder,
    coupon: CouponId,
    member: MemberId,
    order: OrderId,
) -> Result<(), CouponError> {
    let taken = stock::take_one(transaction, ctx, coupon, holder.fence()).await?;
    issue::hand_over(transaction, ctx, coupon, member, Some(order), taken).await?;
    Ok(())
}

/// The order's coupon is its member's for good. `false`: the order has none that could be granted.
pub async fn grant(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<bool, DatabaseError> {
    store::grant(transaction, ctx, order).await
}

/// The order's coupon goes back into the stock, as the holder of the stock.
pub async fn give_back(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    holder: &Holder,
    coupon: CouponId,
    order: OrderId,
) -> Result<(), CouponError> {
    // The stock first, as for every issue.
    if !store::put_into_stock(transaction, ctx, coupon, holder.fence()).await? {
        lock::fenced_off("coupon");
        return Err(CouponError::LockLost);
    }
    store::take_back(transaction, ctx, order).await?;
    Ok(())
}
