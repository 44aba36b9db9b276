//! What locks tell about themselves.

use std::time::Duration;

use metrics::{counter, histogram};

use super::LockError;
use crate::strategy::Waiting;

/// An attempt to take a lock has come to its end. `refused`: why it is not held.
pub(super) fn waited(waiting: Waiting, time: Duration, refused: Option<&LockError>) {
    let lock = waiting.as_str();
    histogram!("target_lock_wait_seconds", "lock" => lock).record(time);
    let Some(refused) = refused else {
        counter!("target_lock_acquired_total", "lock" => lock).increment(1);
        return;
    };
    let reason = match refused {
        LockError::Held => "held",
        LockError::TimedOut { .. } => "timed_out",
        LockError::Unavailable(_) | LockError::NoRedis => "unavailable",
    };
    counter!("target_lock_refused_total", "lock" => lock, "reason" => reason).increment(1);
}

pub(super) fn held(waiting: Waiting, time: Duration) {
    histogram!("target_lock_hold_seconds", "lock" => waiting.as_str()).record(time);
}

/// The lease had run out when the lock was to be released.
pub(super) fn lost(waiting: Waiting) {
    counter!("target_lock_lost_total", "lock" => waiting.as_str()).increment(1);
}

pub(super) fn commanded(command: &'static str) {
    counter!("target_lock_commands_total", "command" => command).increment(1);
}

/// A message of a release.
pub(super) fn heard() {
    counter!("target_lock_messages_total").increment(1);
}

/// Something written under a lock was refused, because a later holder had been there.
pub fn fenced_off(what: &'static str) {
    counter!("target_lock_fenced_off_total", "what" => what).increment(1);
}
