//! Values of knobs that make no sense, alone or together.

use super::{KnobError, Knobs, MAX_POOL_SIZE};
use crate::strategy::{OutboxFault, ViewsStrategy};

/// Nobody's service is to die because of a setting that was left behind.
const MAY_DIE: bool = cfg!(any(debug_assertions, feature = "fault-points"));

impl Knobs {
    /// What the types alone do not say.
    pub fn check(&self) -> Result<(), KnobError> {
        let refuse = |name: &str, reason: &str| {
            Err(KnobError::OutOfRange {
                name: name.to_owned(),
                reason: reason.to_owned(),
            })
        };
        if !(1..=MAX_POOL_SIZE).contains(&self.pool_max_size) {
            return refuse("db.pool.max_size", "the pool has 1 to 10000 connections");
        }
        if self.pool_min_size > self.pool_max_size {
            return refuse(
                "db.pool.min_size",
                "db.pool.min_size is at most db.pool.max_size",
            );
        }
        if self.calendar_max_days == 0 {
            return refuse("calendar.max_days", "a calendar covers at least one day");
        }
        if self.likes_optimistic_attempts == 0 {
            return refuse(
                "likes.optimistic_attempts",
                "a like is attempted at least once",
            );
        }
        if self.point_optimistic_attempts == 0 {
            return refuse(
                "point.optimistic_attempts",
                "a change of points is attempted at least once",
            );
        }
        if self.coupon_optimistic_attempts == 0 {
            return refuse(
                "coupon.optimistic_attempts",
                "issuing a coupon is attempted at least once",
            );
        }
        self.check_fault(MAY_DIE)?;
        if self.seat_hold.is_zero() {
            return refuse("seat.hold", "a seat is held for longer than no time");
        }
        Ok(())
    }

    /// `may_die`: whether this is a build that may die on purpose.
    pub(super) fn check_fault(&self, may_die: bool) -> Result<(), KnobError> {
        if self.outbox_fault == OutboxFault::None || may_die {
            return Ok(());
        }
        Err(KnobError::OutOfRange {
            name: "outbox.fault".to_owned(),
            reason: "this build does not die on purpose: it lacks the feature fault-points"
                .to_owned(),
        })
    }

    /// What needs a Redis is refused where there is none.
    pub fn check_without_redis(&self) -> Result<(), KnobError> {
        for (name, lock) in [
            ("point.lock", self.point_lock),
            ("coupon.lock", self.coupon_lock),
        ] {
            if lock.in_redis().is_some() {
                return Err(KnobError::OutOfRange {
                    name: name.to_owned(),
                    reason: "locks in Redis need one: set redis.url".to_owned(),
                });
            }
        }
        if self.views_strategy == ViewsStrategy::Redis {
            return Err(KnobError::OutOfRange {
                name: "views.strategy".to_owned(),
                reason: "counting views in Redis needs one: set redis.url".to_owned(),
            });
        }
        Ok(())
    }
}
