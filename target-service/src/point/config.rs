//! The configuration of points (`point.`).

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;
use crate::strategy::{LockKey, LockStrategy, TransferOrder};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PointConfig {
    /// What keeps two changes of one member's points from overwriting each other. With `none` nothing
    /// does, and balances go wrong under load. May be switched at any time, but to or from a lock in Redis
    /// only while no points move: it keeps away nobody who has another lock. Those in Redis need `redis.url`.
    /// Default `row`. A knob.
    pub lock: LockStrategy,
    /// With a lock in Redis: whether all changes of a member's points have one lock, or charges one and uses
    /// another, which is a mistake. Default `member`. A knob.
    pub lock_key: LockKey,
    /// In which order a transfer takes the locks of its two members, whichever locks they are: by their ids,
    /// or as they are named, the sender first. With `given` two transfers in opposite directions wait for each
    /// other in a circle: the database ends one of them after its `deadlock_timeout` (1 s), which is answered
    /// by 503 `deadlock`, unless `db.lock_timeout` ends it before; with locks in Redis both wait for as long as
    /// they may. Default `ordered`. A knob.
    pub transfer_order: TransferOrder,
    /// With `lock = "optimistic"`: how often a change is tried while others keep changing the same balance,
    /// before it is answered by 503 `points_contended`. Default 5. A knob.
    pub optimistic_attempts: u32,
}

impl Default for PointConfig {
    fn default() -> Self {
        let knobs = Knobs::default();
        Self {
            lock: knobs.point_lock,
            lock_key: knobs.point_lock_key,
            transfer_order: knobs.point_transfer_order,
            optimistic_attempts: knobs.point_optimistic_attempts,
        }
    }
}
