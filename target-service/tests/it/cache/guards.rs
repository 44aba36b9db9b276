//! How many load when many ask at once, and who waits for it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use target_service::cache::{Config, Guard, Tier};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::origin::{Down, Origin};
use super::{Instance, LONG, ask, combinations};
use crate::support::{TestRedis, until};

const MANY: usize = 40;

async fn answers(asked: Vec<JoinHandle<Result<String, Down>>>) -> Vec<Result<String, Down>> {
    join_all(asked)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

fn is_guarded(config: &Config) -> bool {
    !matches!(config.guard, Guard::None | Guard::Early)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_find_nothing_one_loads_or_all_do() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let (instance, origin) = (
            Arc::new(Instance::new(&config, &redis).await),
            Origin::of("one"),
        );
        origin.hold_back();
        let asked: Vec<_> = (0..MANY).map(|_| ask(&instance, &origin)).collect();
        let wanted = if is_guarded(&config) { 1 } else { MANY };
        origin.until_fetches(wanted).await;
        origin.open();
        for answer in answers(asked).await {
            assert_eq!(answer.as_deref(), Ok("one"), "{config:?}");
        }
        assert_eq!(origin.fetches(), wanted, "{config:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_instances_each_loads_once_and_with_a_shared_lock_one_does() {
    const INSTANCES: usize = 3;
    let redis = TestRedis::start().await;
    for config in combinations().filter(is_guarded) {
        let origin = Origin::of("one");
        let mut instances = Vec::new();
        for _ in 0..INSTANCES {
            instances.push(Arc::new(Instance::new(&config, &redis).await));
        }
        origin.hold_back();
        let asked: Vec<_> = (0..MANY)
            .map(|number| ask(&instances[number % INSTANCES], &origin))
            .collect();
        let is_shared = config.guard == Guard::Lock && config.tier != Tier::Local;
        let wanted = if is_shared { 1 } else { INSTANCES };
        origin.until_fetches(wanted).await;
        origin.open();
        for answer in answers(asked).await {
            assert_eq!(answer.as_deref(), Ok("one"), "{config:?}");
        }
        assert_eq!(origin.fetches(), wanted, "{config:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_to_all_who_wait_for_it_and_then_it_is_tried_anew() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let (instance, origin) = (
            Arc::new(Instance::new(&config, &redis).await),
            Origin::of("one"),
        );
        origin.hold_back();
        origin.break_down();
        let asked: Vec<_> = (0..MANY).map(|_| ask(&instance, &origin)).collect();
        origin
            .until_fetches(if is_guarded(&config) { 1 } else { MANY })
            .await;
        origin.open();
        for answer in answers(asked).await {
            assert_eq!(answer, Err(Down), "{config:?}");
        }
        origin.recover();
        until("it is loaded anew", async || {
            instance.get(&origin).await.as_deref() == Ok("one")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_while_he_loads_leaves_nobody_waiting() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let (instance, origin) = (
            Arc::new(Instance::new(&config, &redis).await),
            Origin::of("one"),
        );
        origin.hold_back();
        let leaving = ask(&instance, &origin);
        origin.until_fetches(1).await;
        let staying = ask(&instance, &origin);
        if !is_guarded(&config) {
            origin.until_fetches(2).await;
        }
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
        origin.open();
        assert_eq!(staying.await.unwrap().as_deref(), Ok("one"), "{config:?}");
        assert_eq!(instance.get(&origin).await.as_deref(), Ok("one"));
        let wanted = if is_guarded(&config) { 1 } else { 2 };
        assert_eq!(origin.fetches(), wanted, "{config:?}");
    }
}

/// A value that has run out, and an origin that does not answer yet.
async fn run_out(config: &Config, redis: &TestRedis) -> (Arc<Instance>, Arc<Origin>) {
    let config = Config {
        ttl: Duration::from_millis(30),
        stale_for: LONG,
        ..config.clone()
    };
    let (instance, origin) = (
        Arc::new(Instance::new(&config, redis).await),
        Origin::of("old"),
    );
    instance.get(&origin).await.unwrap();
    sleep(Duration::from_millis(60)).await;
    origin.set("new");
    origin.hold_back();
    (instance, origin)
}

async fn assert_old_is_served(
    instance: &Instance,
    origin: &Arc<Origin>,
    times: usize,
    config: &Config,
) {
    for _ in 0..times {
        let value = instance.get(origin).await;
        assert_eq!(value.as_deref(), Ok("old"), "{config:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_while_revalidate_lets_nobody_wait_for_a_load() {
    let redis = TestRedis::start().await;
    for config in combinations().filter(|config| config.guard == Guard::StaleWhileRevalidate) {
        let (instance, origin) = run_out(&config, &redis).await;
        // The origin answers nobody: who waited for it would be here for ever.
        assert_old_is_served(&instance, &origin, MANY, &config).await;
        origin.until_fetches(2).await;
        origin.open();
        until("the new value is there", async || {
            instance.get(&origin).await.as_deref() == Ok("new")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_lock_one_waits_for_the_load_and_the_others_take_the_old_value() {
    let redis = TestRedis::start().await;
    for config in combinations().filter(|config| config.guard == Guard::Lock) {
        let (instance, origin) = run_out(&config, &redis).await;
        let loader = ask(&instance, &origin);
        origin.until_fetches(2).await;
        assert_old_is_served(&instance, &origin, MANY, &config).await;
        if config.tier.is_remote() {
            let other = Instance::new(
                &Config {
                    ttl: Duration::from_millis(30),
                    ..config.clone()
                },
                &redis,
            )
            .await;
            assert_eq!(other.get(&origin).await.as_deref(), Ok("old"), "{config:?}");
        }
        assert_eq!(origin.fetches(), 2, "{config:?}");
        origin.open();
        assert_eq!(loader.await.unwrap().as_deref(), Ok("new"), "{config:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_value_that_may_be_served_is_better_than_a_failure() {
    let redis = TestRedis::start().await;
    for config in combinations().filter(|config| config.guard.serves_stale()) {
        let (instance, origin) = run_out(&config, &redis).await;
        origin.break_down();
        origin.open();
        assert_old_is_served(&instance, &origin, 3, &config).await;
        origin.recover();
        until("the new value is there", async || {
            instance.get(&origin).await.as_deref() == Ok("new")
        })
        .await;
    }
}

/// With a factor so large that every draw is early.
#[tokio::test(flavor = "multi_thread")]
async fn early_loads_a_value_that_is_still_fresh_and_keeps_it_when_that_fails() {
    let redis = TestRedis::start().await;
    for config in combinations().filter(|config| config.guard == Guard::Early) {
        let config = Config {
            early_beta: 1e15,
            ..config
        };
        let (instance, origin) = (
            Arc::new(Instance::new(&config, &redis).await),
            Origin::of("old"),
        );
        instance.get(&origin).await.unwrap();
        origin.set("new");
        origin.break_down();
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("old"),
            "{config:?}"
        );
        assert_eq!(origin.fetches(), 2, "{config:?}");
        origin.recover();
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("new"),
            "{config:?}"
        );
        assert_eq!(origin.fetches(), 3, "{config:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_holder_never_lets_go_is_waited_for_so_long_and_no_longer() {
    let redis = TestRedis::start().await;
    for tier in [Tier::Redis, Tier::TwoLevel] {
        let config = Config {
            tier,
            guard: Guard::Lock,
            lock_wait: Duration::from_millis(50),
            ..combinations().next().unwrap()
        };
        let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("one"));
        let lock = format!("cache-lock:test:{}", instance.key);
        let taken: String = redis::cmd("SET")
            .arg(&lock)
            .arg("somebody")
            .query_async(&mut redis.connect().await)
            .await
            .unwrap();
        assert_eq!(taken, "OK");
        assert_eq!(instance.get(&origin).await.as_deref(), Ok("one"));
        let holder: String = redis::cmd("GET")
            .arg(&lock)
            .query_async(&mut redis.connect().await)
            .await
            .unwrap();
        assert_eq!(holder, "somebody", "another's lock is left alone");
    }
}
