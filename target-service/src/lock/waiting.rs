//! The three ways to wait for a lock that somebody else holds.

use std::sync::Arc;

use tokio::time::Instant;

use super::config::LockConfig;
use super::guard::Guard;
use super::scripts::{self, Answer};
use super::{Inner, LockError};
use crate::context::RequestContext;
use crate::strategy::Waiting;

pub(super) async fn not_at_all(
    inner: &Arc<Inner>,
    ctx: &RequestContext,
    config: &LockConfig,
    name: &str,
) -> Result<Guard, LockError> {
    let taken = attempt(inner, ctx, config, name, Waiting::Not).await?;
    taken.ok_or(LockError::Held)
}

pub(super) async fn spinning(
    inner: &Arc<Inner>,
    ctx: &RequestContext,
    config: &LockConfig,
    name: &str,
) -> Result<Guard, LockError> {
    let begun = Instant::now();
    for retry in 0..=config.spin.retries {
        if retry > 0 {
            tokio::time::sleep(config.spin.delay).await;
        }
        if let Some(guard) = attempt(inner, ctx, config, name, Waiting::Spinning).await? {
            return Ok(guard);
        }
    }
    Err(LockError::TimedOut {
        after: begun.elapsed(),
    })
}

/// Who waits is registered before the lock is tried: a release between the two is heard.
pub(super) async fn listening(
    inner: &Arc<Inner>,
    ctx: &RequestContext,
    config: &LockConfig,
    name: &str,
) -> Result<Guard, LockError> {
    let begun = Instant::now();
    let listener = inner.bell.listen_for(name);
    let mut place = listener.place();
    loop {
        if let Some(guard) = attempt(inner, ctx, config, name, Waiting::Listening).await? {
            return Ok(guard);
        }
        let remaining = config.pubsub.wait.saturating_sub(begun.elapsed());
        if remaining.is_zero() {
            return Err(LockError::TimedOut {
                after: begun.elapsed(),
            });
        }
        // Without a message the lock is tried all the same: it may have been lost, or the holder may have
        // died and its lease run out.
        place
            .rung_within(remaining.min(config.pubsub.recheck))
            .await;
    }
}

/// `None`: somebody else holds it.
async fn attempt(
    inner: &Arc<Inner>,
    ctx: &RequestContext,
    config: &LockConfig,
    name: &str,
    waiting: Waiting,
) -> Result<Option<Guard>, LockError> {
    let guard = Guard::asking(inner, ctx, waiting, name);
    let (redis, token) = (&inner.redis, guard.token());
    let lease = config.first_lease();
    let answer = scripts::acquire(redis, ctx, name, token, lease, config.fencing).await;
    match answer {
        Ok(Answer::Taken(fence)) => Ok(Some(guard.taken(fence, config))),
        Ok(Answer::Held) => {
            guard.not_taken();
            Ok(None)
        }
        Err(error) => {
            // Where Redis may have given it to us the guard gives it back.
            if !error.is_uncertain() {
                guard.not_taken();
            }
            Err(LockError::Unavailable(error))
        }
    }
}
