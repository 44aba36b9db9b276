//! The caches: one suite of behaviours, run over every tier and every guard against a real Redis.

mod across;
mod broken;
mod guards;
mod kept;
mod origin;
mod served;
mod suite;

use std::sync::Arc;
use std::time::Duration;

use target_service::cache::{Cache, Caches, Config, Guard, Tier};
use target_service::context::RequestContext;
use target_service::ids::RequestId;
use target_service::redis::{self, Redis};
use tokio::task::JoinHandle;

use crate::support::TestRedis;
use origin::{Down, Origin};

/// Longer than any test takes: what is not to run out does not.
const LONG: Duration = Duration::from_hours(1);
/// Ends only a test that has failed.
const FAILED: Duration = Duration::from_secs(30);

const TIERS: [Tier; 3] = [Tier::Local, Tier::Redis, Tier::TwoLevel];
const GUARDS: [Guard; 5] = [
    Guard::None,
    Guard::Lock,
    Guard::SingleFlight,
    Guard::Early,
    Guard::StaleWhileRevalidate,
];

/// Every tier with every guard; values are fresh for a long time and nothing is random.
fn combinations() -> impl Iterator<Item = Config> {
    TIERS
        .into_iter()
        .flat_map(|tier| GUARDS.map(|guard| (tier, guard)))
        .map(|(tier, guard)| Config {
            tier,
            guard,
            ttl: LONG,
            ttl_jitter: 0.0,
            lock_wait: FAILED,
            lock_lease: LONG,
            ..Config::default()
        })
}

/// An instance of the service, as far as it has a cache.
struct Instance {
    caches: Caches,
    cache: Cache<Arc<String>, Down>,
    key: String,
}

/// Timeouts that no slow machine reaches, and that a test does not want to wait for either.
fn patient() -> redis::TimeoutConfig {
    redis::TimeoutConfig {
        wait: FAILED,
        connect: FAILED,
        command: FAILED,
    }
}

fn redis_at(url: &str, timeout: redis::TimeoutConfig) -> Redis {
    let url = serde_json::from_value(url.into()).unwrap();
    let config = redis::Config {
        url: Some(url),
        timeout,
        ..redis::Config::default()
    };
    Redis::new(&config).unwrap()
}

impl Instance {
    /// Each combination has a key of its own, so that they share one Redis.
    async fn new(config: &Config, redis: &TestRedis) -> Self {
        let instance = Self::with(config, redis_at(&redis.url(), patient()));
        assert!(instance.caches.until_listening(FAILED).await);
        instance
    }

    fn with(config: &Config, redis: Redis) -> Self {
        let caches = Caches::new(config, Some(redis));
        Self {
            cache: caches.open("test"),
            caches,
            key: format!("{:?}-{:?}-{:?}", config.tier, config.guard, config.write),
        }
    }

    async fn get(&self, origin: &Arc<Origin>) -> Result<String, Down> {
        self.get_in(&request(), origin).await
    }

    async fn get_in(&self, ctx: &RequestContext, origin: &Arc<Origin>) -> Result<String, Down> {
        let origin = Arc::clone(origin);
        let got = self
            .cache
            .get_or_load(ctx, &self.key, |_| async move { origin.load().await });
        let got = tokio::time::timeout(FAILED, got).await;
        got.expect("a cache does not hang")
            .map(|value| (*value).clone())
    }

    async fn written(&self, origin: &Arc<Origin>) {
        let origin = Arc::clone(origin);
        self.cache
            .after_write(
                &request(),
                &self.key,
                |_| async move { origin.load().await },
            )
            .await;
    }

    /// The same instance, about another key.
    fn about(&self, key: &str) -> Self {
        Self {
            caches: self.caches.clone(),
            cache: self.cache.clone(),
            key: format!("{}-{key}", self.key),
        }
    }

    fn redis_key(&self) -> String {
        format!("cache:test:{}", self.key)
    }
}

/// Reads in a task of its own.
fn ask(instance: &Arc<Instance>, origin: &Arc<Origin>) -> JoinHandle<Result<String, Down>> {
    let (instance, origin) = (Arc::clone(instance), Arc::clone(origin));
    tokio::spawn(async move { instance.get(&origin).await })
}

/// Tells of a write in a task of its own.
fn tell_of_write(instance: &Arc<Instance>, origin: &Arc<Origin>) -> JoinHandle<()> {
    let (instance, origin) = (Arc::clone(instance), Arc::clone(origin));
    tokio::spawn(async move { instance.written(&origin).await })
}

fn request() -> RequestContext {
    RequestContext::new(RequestId::generate(), None, Arc::default())
}
