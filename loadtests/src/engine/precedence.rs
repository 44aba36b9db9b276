//! Precedence for the generator's threads over what runs beside them.
//!
//! A target that takes all processor time of a shared machine must show in its own answers, not in
//! how late the generator sends. Where the system does not permit this (it takes root, or a limit
//! for real-time priorities), a generator that came too late is found by its lag, as ever.
//!
//! All of its threads have it: pacers, users and collector. Where one lacks it, the others wait for it, or for
//! what it left undone. Pacers go before the others: they have the least to do, and are waited for by all.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// The least of the real-time priorities: enough to go before everything that has none.
const LEAST: u8 = 1;
const BEFORE_USERS: u8 = LEAST + 1;

/// Lets the calling thread run as soon as it has something to do.
pub(super) fn take() {
    take_level(LEAST);
}

/// The same, also where the generator's other threads are at work.
pub(super) fn take_before_users() {
    take_level(BEFORE_USERS);
}

fn take_level(level: u8) {
    let Ok(priority) = ThreadPriorityValue::try_from(level) else {
        return;
    };
    let policy = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);
    // Not permitted is not wrong: the lag tells whether it was needed.
    let _ = set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Crossplatform(priority),
        policy,
    );
}
