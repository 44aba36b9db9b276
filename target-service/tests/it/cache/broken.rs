//! Redis gone, silent, or full of nonsense: the origin answers.

use std::sync::Arc;
use std::time::Duration;

use redis::cmd;
use target_service::cache::{Config, Tier, WritePolicy};
use target_service::redis::TimeoutConfig;

use super::origin::Origin;
use super::{Instance, combinations, patient, redis_at};
use crate::support::{Proxy, TestRedis, until};

fn remote() -> impl Iterator<Item = Config> {
    combinations().filter(|config| config.tier.is_remote())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_the_origin_answers_and_with_it_again_values_are_kept_again() {
    for config in remote() {
        let redis = TestRedis::start().await;
        let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("one"));
        assert_eq!(instance.get(&origin).await.as_deref(), Ok("one"));
        redis.kill();
        origin.set("two");
        for _ in 0..3 {
            let answer = instance.get(&origin).await.unwrap();
            // Its own copy is as good as before.
            let kept = config.tier == Tier::TwoLevel;
            assert_eq!(answer, if kept { "one" } else { "two" }, "{config:?}");
        }
        instance.written(&origin).await;
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("two"),
            "{config:?}"
        );
        redis.run().await;
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("two"),
            "{config:?}"
        );
        until("it is kept", async || {
            let before = origin.fetches();
            instance.get(&origin).await.unwrap();
            origin.fetches() == before
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_redis_is_waited_for_no_longer_than_is_allowed() {
    for config in remote() {
        let redis = TestRedis::start().await;
        let proxy = Proxy::to(redis.address()).await;
        let timeout = TimeoutConfig {
            command: Duration::from_millis(20),
            connect: Duration::from_millis(20),
            ..patient()
        };
        let url = format!("redis://{}/", proxy.address());
        proxy.stall();
        let instance = Arc::new(Instance::with(&config, redis_at(&url, timeout)));
        let origin = Origin::of("one");
        let asked: Vec<_> = (0..20)
            .map(|_| {
                let (instance, origin) = (Arc::clone(&instance), Arc::clone(&origin));
                tokio::spawn(async move { instance.get(&origin).await })
            })
            .collect();
        for answer in asked {
            assert_eq!(answer.await.unwrap().as_deref(), Ok("one"), "{config:?}");
        }
        instance.written(&origin).await;
    }
}

/// Neither bytes that are no value, nor a value of another kind, nor a key that holds no text.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_a_miss_and_removed() {
    let redis = TestRedis::start().await;
    for config in remote() {
        let mut connection = redis.connect().await;
        let key = Instance::new(&config, &redis).await.redis_key();
        let number = "00000000000000ff 99999999999999999 99999999999999999 1\n17";
        for nonsense in [
            cmd("SET").arg(&key).arg("nonsense").clone(),
            cmd("SET")
                .arg(&key)
                .arg([0xff_u8, 0, b'\n', 1].as_slice())
                .clone(),
            cmd("SET").arg(&key).arg(number).clone(),
            cmd("RPUSH").arg(&key).arg("a").arg("b").clone(),
        ] {
            cmd("DEL")
                .arg(&key)
                .exec_async(&mut connection)
                .await
                .unwrap();
            nonsense.exec_async(&mut connection).await.unwrap();
            // Another instance each time: what one keeps itself would hide what Redis holds.
            let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("one"));
            assert_eq!(
                instance.get(&origin).await.as_deref(),
                Ok("one"),
                "{config:?}"
            );
            assert_eq!(
                instance.get(&origin).await.as_deref(),
                Ok("one"),
                "{config:?}"
            );
            assert_eq!(origin.fetches(), 1, "{config:?}");

            // Where nothing can be put in its place, it is gone all the same.
            cmd("DEL")
                .arg(&key)
                .exec_async(&mut connection)
                .await
                .unwrap();
            nonsense.exec_async(&mut connection).await.unwrap();
            let instance = Instance::new(&config, &redis).await;
            origin.break_down();
            assert!(instance.get(&origin).await.is_err());
            let is_there: bool = cmd("EXISTS")
                .arg(&key)
                .query_async(&mut connection)
                .await
                .unwrap();
            assert!(!is_there, "{config:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_through_without_redis_is_a_write_all_the_same() {
    for config in remote() {
        let config = Config {
            write: WritePolicy::WriteThrough,
            ..config
        };
        let redis = TestRedis::start().await;
        let (instance, origin) = (Instance::new(&config, &redis).await, Origin::of("old"));
        instance.get(&origin).await.unwrap();
        redis.kill();
        origin.set("new");
        instance.written(&origin).await;
        assert_eq!(
            instance.get(&origin).await.as_deref(),
            Ok("new"),
            "{config:?}"
        );
    }
}
