//! One request's business with one key: looks in the tiers, loads from the origin, puts what was loaded into
//! the tiers.
//!
//! Invariant: whatever goes wrong with a tier is counted and never told to the caller; only the origin's own
//! failure is.

use std::sync::Arc;

use tokio::time::{Instant, sleep};

use super::config::Config;
use super::entry::{Entry, Version, living_version, now};
use super::meters::Trouble;
use super::remote::Held;
use super::{Cached, Inner};
use crate::context::RequestContext;

pub(super) struct Errand<V, E> {
    pub inner: Arc<Inner<V, E>>,
    pub config: Arc<Config>,
    pub ctx: RequestContext,
    pub key: String,
    /// What was found at the look that decided to load.
    pub seen: Option<Version>,
    /// Redis has not failed this request yet; one that has is not waited for again.
    pub redis_answers: bool,
}

/// What became of a value that was to be kept.
#[derive(Debug, Default)]
pub(super) struct Stored {
    is_put: bool,
    /// The version in its place before, if any.
    before: Option<Version>,
    is_in_redis: bool,
}

impl<V, E> Clone for Errand<V, E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            config: Arc::clone(&self.config),
            ctx: self.ctx.clone(),
            key: self.key.clone(),
            ..*self
        }
    }
}

impl<V: Cached, E> Errand<V, E> {
    /// The same for work that outlives the request, and counts against nobody's deadline.
    pub(super) fn detached(&self) -> Self {
        Self {
            ctx: self.ctx.detached(),
            ..self.clone()
        }
    }

    /// What is held under the key: a fresh value, or else the newest that may still be served.
    pub(super) async fn look(&mut self, is_counted: bool) -> Option<Arc<Entry<V>>> {
        let meters = &self.inner.meters;
        let mut stale = None;
        if self.config.tier.is_local() {
            let held = self.inner.local.get(&self.key);
            let is_fresh = held.as_ref().is_some_and(|entry| entry.is_fresh(now()));
            if is_counted && is_fresh {
                meters.local.hits.increment(1);
            } else if is_counted {
                meters.local.misses.increment(1);
            }
            if is_fresh {
                return held;
            }
            stale = held;
        }
        if self.config.tier.is_remote() && self.redis_answers {
            let held = self.look_in_redis().await;
            let is_fresh = held.as_ref().is_some_and(|entry| entry.is_fresh(now()));
            let meters = &self.inner.meters;
            if is_counted && is_fresh {
                meters.redis.hits.increment(1);
            } else if is_counted {
                meters.redis.misses.increment(1);
            }
            return held.or(stale);
        }
        stale
    }

    async fn look_in_redis(&mut self) -> Option<Arc<Entry<V>>> {
        let inner = Arc::clone(&self.inner);
        let generation = inner.generations.of(&self.key);
        let bytes = match inner.remote.as_ref()?.get(&self.ctx, &self.key).await {
            Ok(Held::Value(bytes)) => bytes,
            Ok(Held::Nothing) => return None,
            Ok(Held::WrongType) => {
                self.discard_corrupt().await;
                return None;
            }
            Err(_) => {
                inner.meters.troubled(Trouble::Read);
                self.redis_answers = false;
                return None;
            }
        };
        let Ok(entry) = Entry::<V>::decode(&bytes) else {
            self.discard_corrupt().await;
            return None;
        };
        if entry.is_dead(now()) {
            return None;
        }
        if self.config.tier.is_local() {
            let copy = entry.copied(self.config.local_ttl);
            inner.local.put(&self.key, Arc::new(copy));
            // Looked at only now: a write before the copy was there has removed nothing.
            if generation != inner.generations.of(&self.key) {
                inner.local.remove(&self.key);
            }
        }
        Some(Arc::new(entry))
    }

    async fn discard_corrupt(&mut self) {
        self.inner.meters.troubled(Trouble::Corrupt);
        tracing::warn!(cache = self.inner.name, key = %self.key, "a cached value cannot be read and is removed");
        self.remove_from_redis().await;
    }

    pub(super) async fn remove_from_redis(&mut self) {
        let Some(remote) = &self.inner.remote else {
            return;
        };
        if remote.remove(&self.ctx, &self.key).await.is_err() {
            self.inner.meters.troubled(Trouble::Invalidate);
            self.redis_answers = false;
        }
    }

    /// Loads from the origin what has run out or was never there, and keeps what it got.
    pub(super) async fn fetch<L, W>(&mut self, load: L) -> Result<V, E>
    where
        L: FnOnce(RequestContext) -> W,
        W: Future<Output = Result<V, E>>,
    {
        let generation = self.inner.generations.of(&self.key);
        let (value, entry) = self.load(load).await?;
        let stored = self.store(entry, generation).await;
        // Together, so that nobody who reads the two finds one without the other.
        self.inner.meters.loads.increment(1);
        // It replaces just what was seen, or finds nothing, because that has run out in the meantime and nobody
        // else was faster.
        let is_first = stored.is_put && (stored.before.is_none() || stored.before == self.seen);
        self.inner.meters.expiries.increment(u64::from(is_first));
        Ok(value)
    }

    /// Loads from the origin what was written, and puts it in the place of what was there; whether it stands
    /// in Redis now.
    pub(super) async fn replace<L, W>(&mut self, load: L) -> bool
    where
        L: FnOnce(RequestContext) -> W,
        W: Future<Output = Result<V, E>>,
    {
        let generation = self.inner.generations.of(&self.key);
        match self.load(load).await {
            Ok((_, entry)) => self.store(entry, generation).await.is_in_redis,
            Err(_) => false,
        }
    }

    async fn load<L, W>(&self, load: L) -> Result<(V, Entry<V>), E>
    where
        L: FnOnce(RequestContext) -> W,
        W: Future<Output = Result<V, E>>,
    {
        self.inner.meters.origin_fetches.increment(1);
        let begun = Instant::now();
        if !self.config.recompute_delay.is_zero() {
            sleep(self.config.recompute_delay).await;
        }
        let loaded = load(self.ctx.clone()).await;
        if loaded.is_err() {
            self.inner.meters.origin_failures.increment(1);
        }
        let value = loaded?;
        let entry = Entry::new(value.clone(), begun.elapsed(), &self.config);
        Ok((value, entry))
    }

    /// `generation` is that of before the load: what was written meanwhile is not in the value.
    pub(super) async fn store(&mut self, entry: Entry<V>, generation: u64) -> Stored {
        let inner = Arc::clone(&self.inner);
        let mut stored = Stored::default();
        if generation != inner.generations.of(&self.key) {
            return stored;
        }
        let is_for_redis = self.config.tier.is_remote() && self.redis_answers;
        if is_for_redis {
            let put = self.put_into_redis(&entry).await;
            stored.is_in_redis = put.is_some();
            stored.before = put.flatten();
        }
        if self.config.tier.is_local() {
            let copy = entry.copied(if self.config.tier.is_remote() {
                self.config.local_ttl
            } else {
                std::time::Duration::ZERO
            });
            let before = inner.local.put(&self.key, Arc::new(copy));
            if !stored.is_in_redis {
                stored.before = before;
            }
        }
        stored.is_put = stored.is_in_redis || self.config.tier.is_local();
        // A write between the look at the generation and the store has removed nothing yet.
        if generation != inner.generations.of(&self.key) {
            inner.local.remove(&self.key);
            if is_for_redis {
                // Also where it did not answer: it may do late what it was asked for.
                self.remove_from_redis().await;
            }
            stored.is_in_redis = false;
        }
        stored
    }

    /// What it replaced; `None` when it did not get there.
    async fn put_into_redis(&mut self, entry: &Entry<V>) -> Option<Option<Version>> {
        let remote = self.inner.remote.as_ref()?;
        let Ok(bytes) = entry.encode() else {
            self.inner.meters.troubled(Trouble::Unwritable);
            return None;
        };
        let lives_for = entry.lives_for(now());
        let put = remote.put(&self.ctx, &self.key, &bytes, lives_for).await;
        let Ok(before) = put else {
            self.inner.meters.troubled(Trouble::Write);
            self.redis_answers = false;
            return None;
        };
        Some(before.as_deref().and_then(living_version))
    }
}
