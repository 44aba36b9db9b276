//! Locks that are held in Redis, for what is to be done by one at a time on any number of instances.
//!
//! A lock is a key that exists: `SET key token NX PX lease` takes it, and whoever has the token deletes it
//! again (<https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/>). Callers take the lock
//! first and begin their transaction under it: lock, begin, commit, unlock.
//!
//! Invariant: of all who ask for a lock one has it, for as long as its lease lasts and Redis keeps what it
//! was told. A holder that is paused for longer than its lease does not know that it has lost the lock; what
//! protects against that is its fencing token, where whoever is written to compares it.

mod bell;
mod config;
mod guard;
mod holder;
mod meters;
mod scripts;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::time::Instant;

pub use config::{LockConfig, PubsubConfig, SpinConfig};
pub use guard::{Fence, Guard};
pub use holder::Holder;
pub use meters::fenced_off;

use crate::context::RequestContext;
use crate::redis::{Redis, RedisError};
use crate::section::{Followed, Section};
use crate::strategy::Waiting;
use bell::Bell;

#[derive(Debug, Clone)]
pub struct Locks {
    /// `None`: the service has no Redis.
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    redis: Redis,
    config: ArcSwap<LockConfig>,
    bell: Bell,
}

#[derive(Debug, Error)]
pub enum LockError {
    #[error("somebody else holds the lock")]
    Held,
    #[error("the lock did not become free within {after:?}")]
    TimedOut { after: Duration },
    #[error("whether the lock is free is not known: {0}")]
    Unavailable(#[from] RedisError),
    #[error("there is no Redis to hold locks in")]
    NoRedis,
}

impl Locks {
    pub fn new(config: &LockConfig, redis: Option<Redis>) -> Self {
        let inner = redis.map(|redis| {
            Arc::new(Inner {
                bell: Bell::new(redis.clone()),
                redis,
                config: ArcSwap::from_pointee(config.clone()),
            })
        });
        Self { inner }
    }

    /// The knobs `lock.`; none where there is no Redis.
    pub fn section(&self, config: &LockConfig) -> Option<Arc<dyn Section>> {
        let inner = Arc::clone(self.inner.as_ref()?);
        let section = Followed::new("lock", config.clone(), move |config: &LockConfig| {
            inner.config.store(Arc::new(config.clone()));
        });
        Some(section)
    }

    /// Takes the lock of this name, such as `coupon:7`. How long others are waited for is a matter of
    /// `waiting` and of the configuration.
    pub async fn acquire(
        &self,
        ctx: &RequestContext,
        waiting: Waiting,
        name: &str,
    ) -> Result<Guard, LockError> {
        let inner = self.inner.as_ref().ok_or(LockError::NoRedis)?;
        let config = inner.config.load_full();
        let begun = Instant::now();
        // In boxes: whoever locks has large futures of their own.
        let acquired = match waiting {
            Waiting::Not => Box::pin(waiting::not_at_all(inner, ctx, &config, name)).await,
            Waiting::Spinning => Box::pin(waiting::spinning(inner, ctx, &config, name)).await,
            Waiting::Listening => Box::pin(waiting::listening(inner, ctx, &config, name)).await,
        };
        meters::waited(waiting, begun.elapsed(), acquired.as_ref().err());
        acquired
    }
}
