//! What Redis is told, as scripts: each is one step for everybody else.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;

use super::guard::Fence;
use super::meters;
use crate::context::RequestContext;
use crate::redis::{Redis, RedisError};

/// Where all instances hear of releases; the message is the lock's name.
pub(super) const RELEASES: &str = "target:lock:released";

/// Counts the holders of all locks. It begins at the clock's microseconds: a Redis that has lost its data
/// hands out no number that it handed out before, as long as its clock runs and there are less than a million
/// holders a second.
const HOLDERS: &str = "target:lock:holders";

/// The holder's number, or 0 where holders are not counted; nothing where somebody else holds the lock.
/// `ARGV`: token, lease in milliseconds, whether to count.
static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end \
         if ARGV[3] == '0' then return 0 end \
         if redis.call('EXISTS', KEYS[2]) == 0 then \
             local now = redis.call('TIME') \
             redis.call('SET', KEYS[2], string.format('%d%06d', now[1], now[2])) \
         end \
         return redis.call('INCR', KEYS[2])",
    )
});

/// Compare and delete, and tell those who wait. `ARGV`: token, channel or nothing, message.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
         redis.call('DEL', KEYS[1]) \
         if ARGV[2] ~= '' then redis.call('PUBLISH', ARGV[2], ARGV[3]) end \
         return 1",
    )
});

/// `ARGV`: token, lease in milliseconds.
static PROLONG: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
         return redis.call('PEXPIRE', KEYS[1], ARGV[2])",
    )
});

pub(super) enum Answer {
    /// It is ours, with a number if there is to be one.
    Taken(Option<Fence>),
    Held,
}

pub(super) async fn acquire(
    redis: &Redis,
    ctx: &RequestContext,
    name: &str,
    token: &str,
    lease: Duration,
    fencing: bool,
) -> Result<Answer, RedisError> {
    meters::commanded("acquire");
    let mut call = ACQUIRE.key(key(name));
    call.key(HOLDERS)
        .arg(token)
        .arg(milliseconds(lease))
        .arg(i32::from(fencing));
    let number: Option<i64> = redis.script(ctx, "lock.acquire", &call).await?;
    Ok(match number {
        Some(number) => Answer::Taken(fencing.then_some(Fence(number))),
        None => Answer::Held,
    })
}

/// `false`: it was somebody else's, or nobody's.
pub(super) async fn release(
    redis: &Redis,
    ctx: &RequestContext,
    name: &str,
    token: &str,
    is_waited_for: bool,
) -> Result<bool, RedisError> {
    meters::commanded("release");
    let mut call = RELEASE.key(key(name));
    let channel = if is_waited_for { RELEASES } else { "" };
    call.arg(token).arg(channel).arg(name);
    redis.script(ctx, "lock.release", &call).await
}

/// `false`: it was somebody else's, or nobody's.
pub(super) async fn prolong(
    redis: &Redis,
    ctx: &RequestContext,
    name: &str,
    token: &str,
    lease: Duration,
) -> Result<bool, RedisError> {
    meters::commanded("prolong");
    let mut call = PROLONG.key(key(name));
    call.arg(token).arg(milliseconds(lease));
    redis.script(ctx, "lock.prolong", &call).await
}

fn key(name: &str) -> String {
    format!("target:lock:{name}")
}

fn milliseconds(lease: Duration) -> u64 {
    u64::try_from(lease.as_millis()).unwrap_or(u64::MAX).max(1)
}
