//! Who may change a coupon's stock, where the lock is one in Redis.

use super::{CouponError, store};
use crate::context::RequestContext;
use crate::database::Database;
use crate::ids::CouponId;
use crate::lock::{Guard, Holder, Locks};
use crate::strategy::Waiting;

/// Takes the lock of `coupon.lock`, if that is one in Redis.
pub async fn hold(
    database: &Database,
    locks: &Locks,
    ctx: &RequestContext,
    coupon: CouponId,
) -> Result<Holder, CouponError> {
    let Some(waiting) = ctx.knobs().coupon_lock.in_redis() else {
        return Ok(Holder::of_nothing());
    };
    let guard = lock(locks, ctx, coupon, waiting).await?;
    Holder::announced(guard, async |fence| {
        let mut connection = database.acquire(ctx).await?;
        Ok(store::announce(&mut connection, ctx, coupon, fence).await?)
    })
    .await
}

/// The lock alone: what is written under it is not fenced.
pub(super) async fn lock(
    locks: &Locks,
    ctx: &RequestContext,
    coupon: CouponId,
    waiting: Waiting,
) -> Result<Guard, CouponError> {
    let name = format!("coupon:{coupon}");
    Ok(locks.acquire(ctx, waiting, &name).await?)
}
