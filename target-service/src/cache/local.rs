//! The tier in the memory of an instance.
//!
//! Its size and eviction are fixed when it is made, so a change of them makes a new one, which is empty.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use metrics::{Counter, Gauge};
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::policy::EvictionPolicy;
use moka::sync::Cache as Moka;

use super::config::{Config, Eviction};
use super::entry::{Entry, Version, now};

type Values<V> = Moka<String, Arc<Entry<V>>>;

pub(super) struct Local<V> {
    values: ArcSwap<Values<V>>,
    evictions: Counter,
    entries: Gauge,
}

impl<V: Clone + Send + Sync + 'static> Local<V> {
    pub(super) fn new(config: &Config, evictions: Counter, entries: Gauge) -> Self {
        Self {
            values: ArcSwap::from_pointee(values(config, &evictions)),
            evictions,
            entries,
        }
    }

    /// Also one that has run out, as long as it is not dead.
    pub(super) fn get(&self, key: &str) -> Option<Arc<Entry<V>>> {
        let entry = self.values.load().get(key)?;
        (!entry.is_dead(now())).then_some(entry)
    }

    /// Returns the version that was there before, as long as it was not dead.
    pub(super) fn put(&self, key: &str, entry: Arc<Entry<V>>) -> Option<Version> {
        let mut before = None;
        let values = self.values.load();
        values.entry_by_ref(key).and_compute_with(|present| {
            before = present
                .filter(|present| !present.value().is_dead(now()))
                .map(|present| present.value().version);
            Op::Put(entry)
        });
        self.entries.set(values.entry_count() as f64);
        before
    }

    pub(super) fn remove(&self, key: &str) {
        self.values.load().invalidate(key);
    }

    pub(super) fn clear(&self) {
        self.values.load().invalidate_all();
    }

    pub(super) fn rebuild(&self, config: &Config) {
        self.values.store(Arc::new(values(config, &self.evictions)));
    }
}

impl<V> std::fmt::Debug for Local<V> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Local")
    }
}

fn values<V: Clone + Send + Sync + 'static>(config: &Config, evictions: &Counter) -> Values<V> {
    let evictions = evictions.clone();
    let policy = match config.eviction {
        Eviction::Lru => EvictionPolicy::lru(),
        Eviction::TinyLfu => EvictionPolicy::tiny_lfu(),
    };
    Moka::builder()
        .max_capacity(config.max_entries)
        .eviction_policy(policy)
        .expire_after(Life)
        .eviction_listener(move |_, _, cause| {
            if cause == RemovalCause::Size {
                evictions.increment(1);
            }
        })
        .build()
}

/// Each value lives as long as it says itself.
struct Life;

impl<V> moka::Expiry<String, Arc<Entry<V>>> for Life {
    fn expire_after_create(
        &self,
        _key: &String,
        entry: &Arc<Entry<V>>,
        _created_at: Instant,
    ) -> Option<Duration> {
        Some(entry.lives_for(now()))
    }

    fn expire_after_update(
        &self,
        _key: &String,
        entry: &Arc<Entry<V>>,
        _updated_at: Instant,
        _left: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.lives_for(now()))
    }
}
