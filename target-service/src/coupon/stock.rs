//! Takes one coupon out of the stock, by the lock that `coupon.lock` names.
//!
//! All of them run within the transaction that also writes the issue, at READ COMMITTED: a read after a wait
//! sees what the other transaction has committed. Locks in Redis are held around that transaction, and not in
//! here: what is left to do is what is done without a lock.

use std::time::Duration;

use sqlx::PgConnection;

use super::store::{self, Stock};
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::ids::CouponId;
use crate::lock::{self, Fence};
use crate::strategy::{LockOrder, LockStrategy};

/// Spreads writers that lost to each other; about the time that the winner's commit takes.
const BACKOFF_STEP: Duration = Duration::from_millis(2);

pub(super) enum Taken {
    One,
    SoldOut,
    NoCoupon,
    /// An optimistic writer came second too often.
    Contended,
    /// A later holder of the lock has been here.
    LockLost,
}

pub(super) async fn take_one(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    coupon: CouponId,
    fence: Option<Fence>,
) -> Result<Taken, DatabaseError> {
    match ctx.knobs().coupon_lock {
        LockStrategy::None
        | LockStrategy::RedisSimple
        | LockStrategy::RedisSpin
        | LockStrategy::RedisPubsub => {
            let read = store::stock(transaction, ctx, coupon).await?;
            write_one_less(transaction, ctx, coupon, read, fence).await
        }
        LockStrategy::Row => under_row_lock(transaction, ctx, coupon).await,
        LockStrategy::Optimistic => by_version(transaction, ctx, coupon).await,
        LockStrategy::Increment => in_the_database(transaction, ctx, coupon).await,
    }
}

/// The same when the stock was read before.
pub(super) async fn take_of(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    coupon: CouponId,
    read: Option<Stock>,
) -> Result<Taken, DatabaseError> {
    write_one_less(transaction, ctx, coupon, read, None).await
}

async fn under_row_lock(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    coupon: CouponId,
) -> Result<Taken, DatabaseError> {
    let read_before = match ctx.knobs().coupon_lock_order {
        LockOrder::TransactionThenLock => store::stock(transaction, ctx, coupon).await?,
        LockOrder::LockThenTransaction | LockOrder::ReleaseBeforeCommit => None,
    };
    let read_under_lock = store::lock_stock(transaction, ctx, coupon).await?;
    let read = read_before.or(read_under_lock);
    write_one_less(transaction, ctx, coupon, read, None).await
}

async fn write_one_less(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    coupon: CouponId,
    read: Option<Stock>,
    fence: Option<Fence>,
) -> Result<Taken, DatabaseError> {
    let Some(stock) = read else {
        return Ok(Taken::NoCoupon);
    };
    if stock.remaining == 0 {
        return Ok(Taken::SoldOut);
    }
    ctx.simulate_work().await;
    if store::write_stock(transaction, ctx, coupon, stock.remaining - 1, fence).await? {
        return Ok(Taken::One);
    }
    lock::fenced_off("coupon");
    Ok(Taken::LockLost)
}

async fn by_version(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    coupon: CouponId,
) -> Result<Taken, DatabaseError> {
    for attempt in 0..ctx.knobs().coupon_optimistic_attempts {
        if attempt > 0 {
            let longest = BACKOFF_STEP * attempt;
            tokio::time::sleep(longest.mul_f64(rand::random())).await;
        }
        let Some(stock) = store::stock(transaction, ctx, coupon).await? else {
            return Ok(Taken::NoCoupon);
        };
        if stock.remaining == 0 {
            return Ok(Taken::SoldOut);
        }
        ctx.simulate_work().await;
        let (new, version) = (stock.remaining - 1, stock.version);
        if store::write_stock_of_version(transaction, ctx, coupon, new, version).await? {
            return Ok(Taken::One);
        }
        metrics::counter!("target_coupon_stock_conflicts_total").increment(1);
    }
    Ok(Taken::Contended)
}

async fn in_the_database(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    coupon: CouponId,
) -> Result<Taken, DatabaseError> {
    if store::take_from_stock(transaction, ctx, coupon).await? {
        return Ok(Taken::One);
    }
    // Only whether there is such a coupon: nothing was left a moment ago, even if an order has given one
    // back since.
    let stock = store::stock(transaction, ctx, coupon).await?;
    Ok(stock.map_or(Taken::NoCoupon, |_| Taken::SoldOut))
}
