//! The tier in Redis, and the lock that instances share.

use std::time::Duration;

use redis::{Script, cmd};

use super::meters::{Meters, Trouble};
use crate::context::RequestContext;
use crate::redis::{Redis, RedisError};

/// Removes a lock only if it is still ours: it may have run out and be another's.
const UNLOCK: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";

#[derive(Debug)]
pub(super) struct Remote {
    redis: Redis,
    cache: &'static str,
}

/// What a look came to.
#[derive(Debug)]
pub(super) enum Held {
    Value(Vec<u8>),
    Nothing,
    /// Something that is no text at all lies under the key.
    WrongType,
}

impl Remote {
    pub(super) fn new(redis: Redis, cache: &'static str) -> Self {
        Self { redis, cache }
    }

    fn key(&self, key: &str) -> String {
        format!("cache:{}:{key}", self.cache)
    }

    fn lock_key(&self, key: &str) -> String {
        format!("cache-lock:{}:{key}", self.cache)
    }

    pub(super) async fn get(&self, ctx: &RequestContext, key: &str) -> Result<Held, RedisError> {
        let asked = self
            .redis
            .query::<Option<Vec<u8>>>(ctx, "cache.get", cmd("GET").arg(self.key(key)))
            .await;
        match asked {
            Ok(Some(bytes)) => Ok(Held::Value(bytes)),
            Ok(None) => Ok(Held::Nothing),
            Err(RedisError::Refused(error)) if error.code() == Some("WRONGTYPE") => {
                Ok(Held::WrongType)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns what was there before.
    pub(super) async fn put(
        &self,
        ctx: &RequestContext,
        key: &str,
        bytes: &[u8],
        lives_for: Duration,
    ) -> Result<Option<Vec<u8>>, RedisError> {
        let mut set = cmd("SET");
        set.arg(self.key(key)).arg(bytes);
        set.arg("PX").arg(millis(lives_for)).arg("GET");
        self.redis.query(ctx, "cache.put", &set).await
    }

    pub(super) async fn remove(&self, ctx: &RequestContext, key: &str) -> Result<(), RedisError> {
        self.redis
            .query(ctx, "cache.remove", cmd("DEL").arg(self.key(key)))
            .await
    }

    /// Whether the lock is ours now.
    pub(super) async fn lock(
        &self,
        ctx: &RequestContext,
        key: &str,
        token: &str,
        lease: Duration,
    ) -> Result<bool, RedisError> {
        let mut set = cmd("SET");
        set.arg(self.lock_key(key)).arg(token);
        set.arg("NX").arg("PX").arg(millis(lease));
        let answer: Option<String> = self.redis.query(ctx, "cache.lock", &set).await?;
        Ok(answer.is_some())
    }

    /// A failure is told and no more: the lease ends it.
    pub(super) async fn unlock(
        &self,
        ctx: &RequestContext,
        key: &str,
        token: &str,
        meters: &Meters,
    ) {
        let script = Script::new(UNLOCK);
        let mut invocation = script.prepare_invoke();
        invocation.key(self.lock_key(key)).arg(token);
        let unlocked: Result<i64, _> = self.redis.script(ctx, "cache.unlock", &invocation).await;
        if unlocked.is_err() {
            meters.troubled(Trouble::Lock);
        }
    }
}

/// Redis takes no life of 0.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis())
        .unwrap_or(u64::MAX / 4)
        .max(1)
}
