//! The configuration of coupons (`coupon.`).

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;
use crate::strategy::{LockOrder, LockStrategy};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CouponConfig {
    /// What keeps two issues of one coupon from taking the same piece of its stock. With `none` nothing
    /// does, and more are issued than there are. May be switched at any time, but to or from a lock in Redis
    /// only while none is issued: it keeps away nobody who has another lock. Those in Redis need `redis.url`.
    /// Default `row`. A knob.
    pub lock: LockStrategy,
    /// Which of lock and transaction is the outer one. All but `lock_then_transaction` are mistakes: more
    /// are issued than there are, in spite of the lock, and no fencing token helps it. A row lock ends with
    /// its transaction and never before, so `release_before_commit` changes nothing for it; `none`,
    /// `optimistic` and `increment` have no lock to put in order. It is for coupons that are asked for by
    /// themselves: what an order takes is taken under a lock in Redis that is held around the order's
    /// transaction, whatever stands here. Default `lock_then_transaction`. A knob.
    pub lock_order: LockOrder,
    /// With `lock = "optimistic"`: how often an issue is tried while others keep changing the same stock,
    /// before it is answered by 503 `coupons_contended`. Default 5. A knob.
    pub optimistic_attempts: u32,
}

impl Default for CouponConfig {
    fn default() -> Self {
        let knobs = Knobs::default();
        Self {
            lock: knobs.coupon_lock,
            lock_order: knobs.coupon_lock_order,
            optimistic_attempts: knobs.coupon_optimistic_attempts,
        }
    }
}
