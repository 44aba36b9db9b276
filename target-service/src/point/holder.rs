//! Who may change a member's points, where the lock is one in Redis.

use super::{EntryKind, PointError, store};
use crate::context::RequestContext;
use crate::database::Database;
use crate::ids::MemberId;
use crate::lock::{Holder, Locks};
use crate::strategy::LockKey;

/// Takes the lock of `point.lock`, if that is one in Redis.
pub async fn hold(
    database: &Database,
    locks: &Locks,
    ctx: &RequestContext,
    member: MemberId,
    kind: EntryKind,
) -> Result<Holder, PointError> {
    let Some(waiting) = ctx.knobs().point_lock.in_redis() else {
        return Ok(Holder::of_nothing());
    };
    let name = match ctx.knobs().point_lock_key {
        LockKey::Member => format!("points:{member}"),
        LockKey::PerOperation => format!("points:{member}:{}", kind.as_str()),
    };
    let guard = locks.acquire(ctx, waiting, &name).await?;
    Holder::announced(guard, async |fence| {
        let mut connection = database.acquire(ctx).await?;
        Ok(store::announce(&mut connection, ctx, member, fence).await?)
    })
    .await
}
