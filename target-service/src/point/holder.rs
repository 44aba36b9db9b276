//! Who may change a member's points, where the lock is one in Redis: held around the transaction, taken before
//! it begins and given back after its end.

use super::{EntryKind, PointError, store};
use crate::context::RequestContext;
use crate::database::Database;
use crate::ids::MemberId;
use crate::lock::{Fence, Guard, Locks};
use crate::strategy::LockKey;

/// Somebody who may change the points of one member, as far as locks outside of the database say.
#[derive(Debug)]
pub struct Holder(Option<Guard>);

impl Holder {
    /// Takes the lock of `point.lock`, if that is one in Redis. A holder with a number announces it before
    /// anything is read: from then on what earlier holders write is refused.
    pub async fn take(
        database: &Database,
        locks: &Locks,
        ctx: &RequestContext,
        member: MemberId,
        kind: EntryKind,
    ) -> Result<Self, PointError> {
        let Some(waiting) = ctx.knobs().point_lock.in_redis() else {
            return Ok(Self(None));
        };
        let name = match ctx.knobs().point_lock_key {
            LockKey::Member => format!("points:{member}"),
            LockKey::PerOperation => format!("points:{member}:{}", kind.as_str()),
        };
        let guard = locks.acquire(ctx, waiting, &name).await?;
        if let Some(fence) = guard.fence()
            && let Err(error) = announce(database, ctx, member, fence).await
        {
            guard.release(false).await;
            return Err(error);
        }
        Ok(Self(Some(guard)))
    }

    /// Of somebody who needs no lock.
    pub fn of_nothing() -> Self {
        Self(None)
    }

    pub(super) fn fence(&self) -> Option<Fence> {
        self.0.as_ref().and_then(Guard::fence)
    }

    /// `end_is_uncertain`: nobody knows whether the transaction under the lock has come to its end.
    pub async fn release(self, end_is_uncertain: bool) {
        if let Some(guard) = self.0 {
            guard.release(end_is_uncertain).await;
        }
    }
}

async fn announce(
    database: &Database,
    ctx: &RequestContext,
    member: MemberId,
    fence: Fence,
) -> Result<(), PointError> {
    let mut connection = database.acquire(ctx).await?;
    Ok(store::announce(&mut connection, ctx, member, fence).await?)
}
