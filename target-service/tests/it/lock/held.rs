//! Locks in Redis by themselves: one suite for all three ways to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use target_service::context::RequestContext;
use target_service::ids::RequestId;
use target_service::lock::{Fence, Guard, LockError, Locks};
use target_service::redis::Redis;
use target_service::strategy::Waiting;
use tokio::time::sleep;

use crate::support::{TestRedis, until};

const WAYS: [Waiting; 3] = [Waiting::Not, Waiting::Spinning, Waiting::Listening];
const KEY: &str = "target:lock:thing";

struct Bench {
    server: TestRedis,
}

impl Bench {
    async fn start() -> Self {
        Self {
            server: TestRedis::start().await,
        }
    }

    /// As one instance of the service has them.
    fn locks(&self, config: Value) -> Locks {
        let patient = json!({ "url": self.server.url(), "timeout": { "wait": "20s", "connect": "20s", "command": "20s" } });
        let redis = Redis::new(&serde_json::from_value(patient).unwrap());
        Locks::new(&serde_json::from_value(config).unwrap(), redis)
    }

    async fn redis(&self) -> MultiplexedConnection {
        self.server.connect().await
    }

    async fn is_held(&self) -> bool {
        self.redis().await.exists(KEY).await.unwrap()
    }

    /// By somebody who will not come back.
    async fn hold_for(&self, lease: &str) {
        let mut redis = self.redis().await;
        redis::cmd("SET")
            .arg(&[KEY, "dead", "PX", lease])
            .exec_async(&mut redis)
            .await
            .unwrap();
    }
}

fn patient() -> Value {
    json!({ "spin": { "retries": 20_000, "delay": "1ms" }, "pubsub": { "wait": "20s", "recheck": "20ms" } })
}

fn request() -> RequestContext {
    RequestContext::new(RequestId::generate(), None, Arc::default())
}

async fn acquire(locks: &Locks, way: Waiting) -> Result<Guard, LockError> {
    locks.acquire(&request(), way, "thing").await
}

/// However often it takes: who does not wait has to ask again.
async fn insist(locks: &Locks, way: Waiting) -> Guard {
    loop {
        match acquire(locks, way).await {
            Ok(guard) => return guard,
            Err(LockError::Held) if way == Waiting::Not => sleep(Duration::from_millis(1)).await,
            Err(error) => panic!("{way:?}: {error}"),
        }
    }
}

#[tokio::test]
async fn of_many_on_several_instances_one_at_a_time_has_it() {
    let bench = Bench::start().await;
    let instances: Vec<_> = (0..3).map(|_| bench.locks(patient())).collect();
    for way in WAYS {
        let (inside, done) = (AtomicU32::new(0), AtomicU32::new(0));
        let everybody = (0..24).map(|number| {
            let (locks, inside, done) = (&instances[number % 3], &inside, &done);
            async move {
                let guard = insist(locks, way).await;
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "{way:?}");
                sleep(Duration::from_millis(2)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                guard.release(false).await;
                done.fetch_add(1, Ordering::SeqCst);
            }
        });
        join_all(everybody).await;
        assert_eq!(done.load(Ordering::SeqCst), 24, "{way:?}");
        assert!(!bench.is_held().await, "{way:?}");
    }
}

#[tokio::test]
async fn who_waits_is_bounded_and_who_does_not_fails_at_once() {
    let bench = Bench::start().await;
    let short = json!({ "spin": { "retries": 3, "delay": "1ms" }, "pubsub": { "wait": "20ms" } });
    let locks = bench.locks(short);
    bench.hold_for("60000").await;
    for way in WAYS {
        let refused = acquire(&locks, way).await;
        match way {
            Waiting::Not => assert!(matches!(refused, Err(LockError::Held)), "{refused:?}"),
            _ => assert!(
                matches!(refused, Err(LockError::TimedOut { .. })),
                "{refused:?}"
            ),
        }
    }
    // Another lock is another matter.
    for way in WAYS {
        let other = locks.acquire(&request(), way, "another").await.unwrap();
        other.release(false).await;
    }
}

#[tokio::test]
async fn the_lock_of_a_holder_that_died_ends_with_its_lease() {
    let bench = Bench::start().await;
    let locks = bench.locks(patient());
    for way in WAYS {
        bench.hold_for("150").await;
        insist(&locks, way).await.release(false).await;
    }
}

/// What a lost message looks like: the lock is free, and nobody says so.
#[tokio::test]
async fn a_release_that_nobody_is_told_of_is_found_out() {
    let bench = Bench::start().await;
    let locks = bench.locks(patient());
    for way in WAYS {
        bench.hold_for("60000").await;
        let waiting = insist(&locks, way);
        let freeing = async {
            sleep(Duration::from_millis(60)).await;
            let _: u64 = bench.redis().await.del(KEY).await.unwrap();
        };
        let (guard, ()) = tokio::join!(waiting, freeing);
        guard.release(false).await;
    }
}

#[tokio::test]
async fn a_release_is_heard_without_looking_also_after_the_connection_was_lost() {
    let bench = Bench::start().await;
    // Nobody looks before the test has failed.
    let deaf = json!({ "pubsub": { "wait": "60s", "recheck": "60s" } });
    let (holders, waiters) = (bench.locks(deaf.clone()), bench.locks(deaf));
    for _ in 0..2 {
        let guard = acquire(&holders, Waiting::Listening).await.unwrap();
        let releasing = async {
            until("both listen", async || {
                let mut redis = bench.redis().await;
                let (_, listeners): (String, u64) = redis::cmd("PUBSUB")
                    .arg(&["NUMSUB", "target:lock:released"])
                    .query_async(&mut redis)
                    .await
                    .unwrap();
                listeners == 2
            })
            .await;
            guard.release(false).await;
        };
        let (next, ()) = tokio::join!(acquire(&waiters, Waiting::Listening), releasing);
        next.unwrap().release(false).await;
        let mut redis = bench.redis().await;
        redis::cmd("CLIENT")
            .arg(&["KILL", "TYPE", "pubsub"])
            .exec_async(&mut redis)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn nobody_ends_anothers_lock() {
    let bench = Bench::start().await;
    let brief = bench.locks(json!({ "lease": "30ms" }));
    let locks = bench.locks(patient());
    for way in WAYS {
        let late = insist(&brief, way).await;
        until("the lease has run out", async || !bench.is_held().await).await;
        let guard = insist(&locks, way).await;
        late.release(false).await;
        assert!(bench.is_held().await, "{way:?}");
        let refused = acquire(&locks, Waiting::Not).await;
        assert!(matches!(refused, Err(LockError::Held)), "{refused:?}");
        guard.release(false).await;
        assert!(!bench.is_held().await, "{way:?}");
    }
}

#[tokio::test]
async fn without_an_explicit_lease_a_lock_lasts_as_long_as_its_holder() {
    let bench = Bench::start().await;
    let locks = bench.locks(json!({ "watchdog": "1s" }));
    let guard = acquire(&locks, Waiting::Not).await.unwrap();
    sleep(Duration::from_millis(1_600)).await;
    assert!(bench.is_held().await);
    guard.release(false).await;
    assert!(!bench.is_held().await);
}

#[tokio::test]
async fn who_leaves_while_holding_or_waiting_leaves_no_lock_behind() {
    let bench = Bench::start().await;
    let locks = bench.locks(patient());
    drop(acquire(&locks, Waiting::Not).await.unwrap());
    until("the lock is free", async || !bench.is_held().await).await;
    let uncertain = acquire(&locks, Waiting::Not).await.unwrap();
    uncertain.release(true).await;
    assert!(bench.is_held().await);
    until("the lock is free", async || !bench.is_held().await).await;
    for way in [Waiting::Spinning, Waiting::Listening] {
        bench.hold_for("60000").await;
        let impatient = tokio::time::timeout(Duration::from_millis(30), acquire(&locks, way)).await;
        assert!(impatient.is_err());
        let _: u64 = bench.redis().await.del(KEY).await.unwrap();
        until("the lock is free", async || !bench.is_held().await).await;
        acquire(&locks, Waiting::Not)
            .await
            .unwrap()
            .release(false)
            .await;
    }
}

#[tokio::test]
async fn without_redis_a_lock_is_refused_and_with_it_again_given() {
    let bench = Bench::start().await;
    let locks = bench.locks(patient());
    for way in WAYS {
        let guard = insist(&locks, way).await;
        bench.server.kill();
        let refused = acquire(&locks, way).await;
        assert!(
            matches!(refused, Err(LockError::Unavailable(_))),
            "{way:?}: {refused:?}"
        );
        // It cannot be given back, and that is no failure of what was done.
        guard.release(false).await;
        bench.server.run().await;
        until("the lock can be had", async || {
            acquire(&locks, way).await.is_ok()
        })
        .await;
        until("it is given back", async || !bench.is_held().await).await;
    }
    let none = Locks::new(&serde_json::from_value(json!({})).unwrap(), None);
    let refused = acquire(&none, Waiting::Not).await;
    assert!(matches!(refused, Err(LockError::NoRedis)), "{refused:?}");
}

#[tokio::test]
async fn each_holder_has_a_higher_number_than_all_before_also_when_redis_has_lost_its_data() {
    let bench = Bench::start().await;
    let (first, second) = (
        bench.locks(json!({ "fencing": true })),
        bench.locks(json!({ "fencing": true })),
    );
    let mut last = Fence(0);
    for round in 0..3 {
        for locks in [&first, &second] {
            for way in WAYS {
                let guard = insist(locks, way).await;
                let fence = guard.fence().unwrap();
                assert!(fence > last, "{round}, {way:?}: {fence:?} after {last:?}");
                last = fence;
                guard.release(false).await;
            }
        }
        bench.server.kill();
        bench.server.run().await;
        for locks in [&first, &second] {
            until("the connections are new", async || {
                match locks.acquire(&request(), Waiting::Not, "other").await {
                    Ok(guard) => {
                        guard.release(false).await;
                        true
                    }
                    Err(_) => false,
                }
            })
            .await;
        }
    }
    let unnumbered = bench.locks(json!({}));
    assert_eq!(insist(&unnumbered, Waiting::Not).await.fence(), None);
}

#[tokio::test]
async fn who_listens_asks_redis_less_often_than_who_spins() {
    let mut commands = Vec::new();
    for way in [Waiting::Spinning, Waiting::Listening] {
        let bench = Bench::start().await;
        let locks = bench.locks(json!({
            "spin": { "retries": 20_000, "delay": "1ms" },
            "pubsub": { "wait": "60s", "recheck": "60s" },
        }));
        // The listening connection is there before anything is counted.
        insist(&locks, way).await.release(false).await;
        sleep(Duration::from_millis(100)).await;
        let contenders = (0..6).map(|_| async {
            let guard = insist(&locks, way).await;
            sleep(Duration::from_millis(50)).await;
            guard.release(false).await;
        });
        join_all(contenders).await;
        let mut redis = bench.redis().await;
        let stats: String = redis::cmd("INFO")
            .arg("commandstats")
            .query_async(&mut redis)
            .await
            .unwrap();
        let calls = stats
            .lines()
            .filter_map(|line| line.strip_prefix("cmdstat_evalsha:calls="))
            .filter_map(|line| line.split(',').next()?.parse::<u64>().ok())
            .sum::<u64>();
        commands.push(calls);
    }
    // Six who each try once, are called once and release once, against fifteen waits of 50 ms.
    assert!(commands[1] <= 24, "{commands:?}");
    assert!(commands[0] > 2 * commands[1], "{commands:?}");
}
