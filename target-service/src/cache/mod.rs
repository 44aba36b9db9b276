//! Caches: keep what was loaded, in memory, in Redis or in both, and keep many from loading it at once.
//!
//! A domain opens a cache for each kind of value and reads through [`Cache::get_or_load`], without knowing
//! whether and where values are kept; after a write it calls [`Cache::after_write`]. Which tier, which guard
//! and how long is decided by the knobs `cache.`.
//!
//! Invariant: a cache never fails a request. What goes wrong in it is counted, and the origin answers.

mod config;
mod entry;
mod errand;
mod generations;
mod guard;
mod hub;
mod local;
mod meters;
mod remote;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use config::{Config, Eviction, Guard, Invalidate, Tier, WritePolicy};

use crate::context::RequestContext;
use crate::redis::Redis;
use crate::resilience::single_flight::SingleFlight;
use crate::section::{Followed, Section};
use entry::Entry;
use errand::Errand;
use generations::Generations;
pub use generations::Moment;
use guard::Brought;
use hub::{Hub, Member};
use local::Local;
use meters::{Meters, Outcome, Trouble};
use remote::Remote;

/// What can be kept. Values are cloned out of the cache: large ones are wrapped in an `Arc`.
pub trait Cached: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<V: Clone + Serialize + DeserializeOwned + Send + Sync + 'static> Cached for V {}

/// All caches of an instance.
#[derive(Debug, Clone)]
pub struct Caches {
    hub: Arc<Hub>,
}

/// The values of one kind, such as posts by their id; `E` is how loading them fails.
#[derive(Debug)]
pub struct Cache<V, E> {
    inner: Arc<Inner<V, E>>,
}

#[derive(Debug)]
struct Inner<V, E> {
    name: &'static str,
    hub: Arc<Hub>,
    local: Local<V>,
    remote: Option<Remote>,
    flights: Arc<SingleFlight<Result<Brought<V>, E>>>,
    generations: Generations,
    meters: Meters,
}

impl<V, E> Clone for Cache<V, E> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl Caches {
    /// Must be called within a tokio runtime.
    pub fn new(config: &Config, redis: Option<Redis>) -> Self {
        Self {
            hub: Hub::new(config.clone(), redis),
        }
    }

    /// The knobs `cache.`. What they were before is not kept in memory when the tier changes; what Redis
    /// holds is found again by whoever switches back before it has run out.
    pub fn section(&self, config: &Config) -> Arc<dyn Section> {
        let hub = Arc::clone(&self.hub);
        let has_redis = hub.redis.is_some();
        Followed::checked(
            "cache",
            config.clone(),
            move |config: &Config| config.check_with(has_redis),
            move |config| hub.follow(config),
        )
    }

    /// Waits until writes of the other instances are heard; what is kept before that is forgotten then.
    /// `false`: not within this time, or there is no Redis to hear them over.
    pub async fn until_listening(&self, at_most: Duration) -> bool {
        self.hub.until_listening(at_most).await
    }

    /// For values that are loaded in another shape to be kept.
    pub fn are_off(&self) -> bool {
        self.hub.config.load().tier == Tier::Off
    }

    /// `name` stands in the metrics and in Redis's keys; there is one of each name.
    pub fn open<V, E>(&self, name: &'static str) -> Cache<V, E>
    where
        V: Cached,
        E: Clone + Send + Sync + 'static,
    {
        let hub = Arc::clone(&self.hub);
        let meters = Meters::new(name);
        let inner = Arc::new(Inner {
            name,
            local: Local::new(
                &hub.config.load(),
                meters.evictions.clone(),
                meters.entries.clone(),
            ),
            remote: hub.redis.clone().map(|redis| Remote::new(redis, name)),
            flights: Arc::default(),
            generations: Generations::new(),
            meters,
            hub,
        });
        let member: Arc<dyn Member> = Arc::<Inner<V, E>>::clone(&inner);
        inner.hub.join(Arc::downgrade(&member));
        Cache { inner }
    }
}

impl<V, E> Cache<V, E>
where
    V: Cached,
    E: Clone + Send + Sync + 'static,
{
    /// The value under `key`, kept or loaded. What `load` fails with is not kept.
    ///
    /// `load` may run in the context that it is handed rather than in the caller's: where others wait for the
    /// same value, it goes on when the caller leaves, and his deadline does not end it.
    pub async fn get_or_load<L, W>(&self, ctx: &RequestContext, key: &str, load: L) -> Result<V, E>
    where
        L: FnOnce(RequestContext) -> W + Send + 'static,
        W: Future<Output = Result<V, E>> + Send + 'static,
    {
        let mut errand = self.errand(ctx, key);
        if errand.config.tier == Tier::Off {
            self.inner.meters.answered(Outcome::Miss);
            return errand.fetch(load).await;
        }
        errand.answer(load).await
    }

    /// To be called when a write to what stands under `key` is committed. `load` is for the policies that put
    /// the new value in place at once.
    pub async fn after_write<L, W>(&self, ctx: &RequestContext, key: &str, load: L)
    where
        L: FnOnce(RequestContext) -> W + Send + 'static,
        W: Future<Output = Result<V, E>> + Send + 'static,
    {
        let errand = self.errand(ctx, key).detached();
        if errand.config.tier == Tier::Off || errand.config.invalidate == Invalidate::Off {
            return;
        }
        // In a task of its own: a caller who leaves now has written, and must not leave the old value behind.
        let ended = tokio::spawn(errand.written(load)).await;
        if ended.is_err() {
            self.inner.meters.troubled(Trouble::Invalidate);
        }
    }

    /// Which writes are known of now: for values that are loaded after this and kept by [`Self::warm`].
    pub fn moment(&self) -> Moment {
        self.inner.generations.moment()
    }

    /// Puts a value there that nobody has asked for yet, unless one is there, or it has been written to `since`
    /// it was loaded; `load` is what that took.
    pub async fn warm(
        &self,
        ctx: &RequestContext,
        key: &str,
        value: V,
        load: Duration,
        since: &Moment,
    ) {
        let mut errand = self.errand(ctx, key);
        if errand.config.tier == Tier::Off {
            return;
        }
        if errand.look(false).await.is_none() {
            let entry = Entry::new(value, load, &errand.config);
            errand.store(entry, since.of(key)).await;
        }
    }

    fn errand(&self, ctx: &RequestContext, key: &str) -> Errand<V, E> {
        Errand {
            inner: Arc::clone(&self.inner),
            config: self.inner.hub.config.load_full(),
            ctx: ctx.clone(),
            key: key.to_owned(),
            seen: None,
            redis_answers: true,
        }
    }
}

impl<V, E> Errand<V, E>
where
    V: Cached,
    E: Clone + Send + Sync + 'static,
{
    async fn written<L, W>(mut self, load: L)
    where
        L: FnOnce(RequestContext) -> W,
        W: Future<Output = Result<V, E>>,
    {
        let inner = Arc::clone(&self.inner);
        inner.forget(&self.key);
        let is_replaced =
            self.config.write == WritePolicy::WriteThrough && self.replace(load).await;
        if !is_replaced && self.config.tier.is_remote() {
            self.remove_from_redis().await;
        }
        if self.config.tier.is_remote() {
            // Until now Redis could still hand out the old value, to be copied anew.
            inner.forget(&self.key);
        }
        if self.config.invalidate == Invalidate::Everywhere {
            let told = inner.hub.publish(&self.ctx, inner.name, &self.key).await;
            if told.is_err() {
                inner.meters.troubled(Trouble::Publish);
            }
        }
    }
}

impl<V, E> Member for Inner<V, E>
where
    V: Cached,
    E: Clone + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn forget(&self, key: &str) {
        self.generations.advance(key);
        self.flights.forget(key);
        self.local.remove(key);
    }

    fn forget_all(&self) {
        self.generations.advance_all();
        self.flights.forget_all();
        self.local.clear();
    }

    fn follow(&self, before: &Config, config: &Config) {
        let is_another = before.tier != config.tier
            || before.max_entries != config.max_entries
            || before.eviction != config.eviction;
        if is_another {
            self.local.rebuild(config);
            self.forget_all();
        }
    }
}
