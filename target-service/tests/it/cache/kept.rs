//! What is kept and what is not, and that a write is seen.

use std::sync::Arc;
use std::time::Duration;

use target_service::cache::{Config, Guard, Tier, WritePolicy};
use tokio::time::sleep;

use super::origin::{Down, Origin};
use super::{Instance, ask, combinations, tell_of_write};
use crate::support::{TestRedis, until};

#[tokio::test]
async fn a_value_is_loaded_once_and_kept() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let (instance, origin) = (
            Instance::new(&config, &redis).await,
            Origin::of("가 \"나\"\n"),
        );
        for _ in 0..3 {
            assert_eq!(
                instance.get(&origin).await.as_deref(),
                Ok("가 \"나\"\n"),
                "{config:?}"
            );
        }
        assert_eq!(origin.fetches(), 1, "{config:?}");
    }
}

#[tokio::test]
async fn without_a_tier_every_request_loads() {
    let redis = TestRedis::start().await;
    let config = Config {
        tier: Tier::Off,
        guard: Guard::SingleFlight,
        ..Config::default()
    };
    let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("one"));
    for _ in 0..3 {
        assert_eq!(instance.get(&origin).await.as_deref(), Ok("one"));
    }
    assert_eq!(origin.fetches(), 3);
}

#[tokio::test]
async fn a_failure_is_told_and_not_kept() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("one"));
        origin.break_down();
        assert_eq!(instance.get(&origin).await, Err(Down), "{config:?}");
        origin.recover();
        // The flight that failed is over by now, or nearly.
        until("it is loaded anew", async || {
            instance.get(&origin).await.as_deref() == Ok("one")
        })
        .await;
    }
}

#[tokio::test]
async fn a_value_that_has_run_out_is_loaded_again() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let config = Config {
            ttl: Duration::from_millis(30),
            stale_for: Duration::ZERO,
            ..config
        };
        let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("one"));
        instance.get(&origin).await.unwrap();
        origin.set("two");
        sleep(Duration::from_millis(60)).await;
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("two"),
            "{config:?}"
        );
        assert!(origin.fetches() >= 2, "{config:?}");
    }
}

#[tokio::test]
async fn what_is_read_after_a_write_is_what_was_written() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        for write in [WritePolicy::LookAside, WritePolicy::WriteThrough] {
            let config = Config {
                write,
                ..config.clone()
            };
            let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("old"));
            instance.get(&origin).await.unwrap();
            origin.set("new");
            instance.written(&origin).await;
            let loads_of_writer = origin.fetches() - 1;
            assert_eq!(
                loads_of_writer,
                usize::from(write == WritePolicy::WriteThrough)
            );
            assert_eq!(
                instance.get(&origin).await.as_deref(),
                Ok("new"),
                "{config:?}"
            );
            assert_eq!(origin.fetches(), 2, "{config:?}");
        }
    }
}

/// The load has read the old value, and ends after the write.
#[tokio::test]
async fn a_load_that_began_before_a_write_does_not_bring_back_the_old_value() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let (instance, origin) = (
            Arc::new(Instance::new(&config, &redis).await),
            Origin::of("old"),
        );
        origin.hold_back();
        let reader = ask(&instance, &origin);
        origin.until_fetches(1).await;
        origin.set("new");
        // With the guard `lock` the one who loads still holds the lock of the key.
        let writer = tell_of_write(&instance, &origin);
        writer.await.unwrap();
        origin.open();
        reader.await.unwrap().unwrap();
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("new"),
            "{config:?}"
        );
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("new"),
            "{config:?}"
        );
    }
}

/// Each has to make sure that the old value goes, though neither may put its own in the place.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_writes_at_once_the_last_is_read() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let config = Config {
            write: WritePolicy::WriteThrough,
            ..config
        };
        let instance = Arc::new(Instance::new(&config, &redis).await);
        let origin = Origin::of("old");
        instance.get(&origin).await.unwrap();
        origin.hold_back();
        let mut writing = Vec::new();
        for (number, value) in ["new", "newer"].into_iter().enumerate() {
            origin.set(value);
            writing.push(tell_of_write(&instance, &origin));
            origin.until_fetches(2 + number).await;
        }
        origin.open();
        for written in writing {
            written.await.unwrap();
        }
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("newer"),
            "{config:?}"
        );
    }
}

/// Redis takes its time over the write, and meanwhile hands out what it has.
#[tokio::test(flavor = "multi_thread")]
async fn who_reads_while_a_write_is_on_its_way_does_not_keep_the_old_value() {
    let redis = TestRedis::start().await;
    let configs = combinations().filter(|config| config.tier == Tier::TwoLevel);
    let writes = [WritePolicy::LookAside, WritePolicy::WriteThrough];
    for config in configs.flat_map(|config| writes.map(|write| (config.clone(), write))) {
        let (config, write) = config;
        let config = Config { write, ..config };
        let instance = Arc::new(Instance::new(&config, &redis).await);
        let origin = Origin::of("old");
        instance.get(&origin).await.unwrap();
        redis.hold_writes().await;
        origin.set("new");
        let writing = tell_of_write(&instance, &origin);
        redis.until_a_write_is_held().await;
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("old"),
            "{config:?}"
        );
        redis.release_writes().await;
        writing.await.unwrap();
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("new"),
            "{config:?}"
        );
    }
}

#[tokio::test]
async fn a_write_whose_value_cannot_be_loaded_still_ends_the_old_one() {
    let redis = TestRedis::start().await;
    for config in combinations() {
        let config = Config {
            write: WritePolicy::WriteThrough,
            ..config
        };
        let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("old"));
        instance.get(&origin).await.unwrap();
        origin.set("new");
        origin.break_down();
        instance.written(&origin).await;
        origin.recover();
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("new"),
            "{config:?}"
        );
    }
}

#[tokio::test]
async fn no_more_values_are_kept_than_are_allowed() {
    let redis = TestRedis::start().await;
    let config = Config {
        tier: Tier::Local,
        max_entries: 10,
        ..combinations().next().unwrap()
    };
    let mut instance = Instance::new(&config, &redis).await;
    let origin = Origin::of("one");
    let all = |round: usize| (0..200).map(move |key| (round, format!("key {key}")));
    for (_, key) in all(0).chain(all(1)) {
        instance.key = key;
        instance.get(&origin).await.unwrap();
    }
    // Had all been kept, the second round would have loaded nothing; ten may have been.
    assert!(origin.fetches() >= 380, "{}", origin.fetches());
}
