//! What the other instances know of a write.

use std::sync::Arc;

use target_service::cache::{Config, Invalidate, Tier};

use super::origin::Origin;
use super::{Instance, combinations};
use crate::support::{TestRedis, until};

fn with_copies() -> impl Iterator<Item = Config> {
    combinations().filter(|config| config.tier.is_local())
}

/// Two instances that have heard of each other and hold the old value.
async fn two(config: &Config, redis: &TestRedis) -> (Instance, Instance, Arc<Origin>) {
    let (one, other) = (
        Instance::new(config, redis).await,
        Instance::new(config, redis).await,
    );
    let origin = Origin::of("old");
    until("both hear of writes", async || {
        let heard: u64 = redis::cmd("PUBLISH")
            .arg("cache-invalidations")
            .arg("nobody\nno cache\nno key")
            .query_async(&mut redis.connect().await)
            .await
            .unwrap();
        heard >= 2
    })
    .await;
    // Whoever begins to listen forgets what it holds.
    until("both hold the old value", async || {
        one.get(&origin).await.unwrap();
        other.get(&origin).await.unwrap();
        let before = origin.fetches();
        one.get(&origin).await.unwrap();
        other.get(&origin).await.unwrap();
        origin.fetches() == before
    })
    .await;
    (one, other, origin)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_reaches_the_copies_of_the_other_instances() {
    for config in with_copies() {
        let redis = TestRedis::start().await;
        let (one, other, origin) = two(&config, &redis).await;
        origin.set("new");
        one.written(&origin).await;
        assert_eq!(one.get(&origin).await.as_deref(), Ok("new"), "{config:?}");
        until("the other has heard of it", async || {
            other.get(&origin).await.as_deref() == Ok("new")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_nobody_else_the_write_is_not_seen_there() {
    for config in with_copies() {
        let config = Config {
            invalidate: Invalidate::Own,
            ..config
        };
        let redis = TestRedis::start().await;
        let (one, other, origin) = two(&config, &redis).await;
        origin.set("new");
        one.written(&origin).await;
        assert_eq!(one.get(&origin).await.as_deref(), Ok("new"), "{config:?}");
        assert_eq!(other.get(&origin).await.as_deref(), Ok("old"), "{config:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn told_to_nobody_at_all_the_writer_goes_on_with_the_old_value_too() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let config = Config {
            invalidate: Invalidate::Off,
            ..config
        };
        let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("old"));
        instance.get(&origin).await.unwrap();
        origin.set("new");
        instance.written(&origin).await;
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("old"),
            "{config:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_redis_alone_a_write_is_seen_by_all_at_once() {
    let redis = TestRedis::start().await;
    for config in combinations().filter(|config| config.tier == Tier::Redis) {
        let config = Config {
            invalidate: Invalidate::Own,
            ..config
        };
        let (one, other) = (
            Instance::new(&config, &redis).await,
            Instance::new(&config, &redis).await,
        );
        let origin = Origin::of("old");
        one.get(&origin).await.unwrap();
        assert_eq!(other.get(&origin).await.as_deref(), Ok("old"));
        assert_eq!(origin.fetches(), 1, "{config:?}");
        origin.set("new");
        one.written(&origin).await;
        assert_eq!(other.get(&origin).await.as_deref(), Ok("new"), "{config:?}");
    }
}

/// What is published while nobody listens is lost, so who listens again cannot trust its copies.
#[tokio::test(flavor = "multi_thread")]
async fn who_could_not_hear_for_a_while_forgets_its_copies() {
    for config in with_copies().filter(|config| config.tier == Tier::Local) {
        let redis = TestRedis::start().await;
        let (one, _other, origin) = two(&config, &redis).await;
        redis.kill();
        origin.set("new");
        assert_eq!(one.get(&origin).await.as_deref(), Ok("old"), "{config:?}");
        redis.run().await;
        until("it has forgotten", async || {
            one.get(&origin).await.as_deref() == Ok("new")
        })
        .await;
    }
}
