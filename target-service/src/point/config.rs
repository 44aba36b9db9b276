//! The configuration of points (`point.`).

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;
use crate::strategy::{LockKey, LockStrategy};

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
            optimistic_attempts: knobs.point_optimistic_attempts,
        }
    }
}
