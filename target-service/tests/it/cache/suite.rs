//! What every strategy promises its callers, whatever is the matter with Redis: each tier with each guard and each
//! write policy, through each trouble, makes the same promises.
//!
//! Before the trouble a value is read; while it lasts, and again after it, all promises are asked for. All
//! strategies go through a trouble together.
//!
//! One thing is promised by none of them: a write whose old value could not be removed from Redis during the
//! trouble is not seen after it until that value runs out. It is counted, as `invalidate`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use redis::Script;
use target_service::cache::{Config, Tier, WritePolicy};
use target_service::redis::TimeoutConfig;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::origin::{Down, Origin};
use super::{FAILED, Instance, ask, combinations, patient, redis_at};
use crate::support::{Proxy, TestRedis, until};

const MANY: usize = 12;

/// Every tier with every guard and every write policy, and no tier at all.
fn strategies() -> impl Iterator<Item = Config> {
    let off = Config {
        tier: Tier::Off,
        ..Config::default()
    };
    let writes = [WritePolicy::LookAside, WritePolicy::WriteThrough];
    combinations()
        .chain([off])
        .flat_map(move |config| {
            writes.map(|write| Config {
                write,
                ..config.clone()
            })
        })
        .map(|config| Config {
            // Who held a lock when Redis went away has not let go of it.
            lock_lease: Duration::from_millis(500),
            lock_wait: Duration::from_millis(200),
            ..config
        })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Dead,
    /// Each connection breaks as soon as it is open.
    Refusing,
    /// It takes everything and answers nothing.
    Silent,
    /// What answers is no Redis.
    Babbling,
    /// All values turn to nonsense, again and again.
    Corrupt,
}

/// One Redis, and a way to it that can be disturbed.
struct Scene {
    trouble: Trouble,
    redis: TestRedis,
    proxy: Proxy,
}

impl Scene {
    async fn set(trouble: Trouble) -> Self {
        let redis = TestRedis::start().await;
        let proxy = Proxy::to(redis.address()).await;
        Self {
            trouble,
            redis,
            proxy,
        }
    }

    /// An instance that hears the others.
    async fn instance(&self, config: &Config, timeout: TimeoutConfig) -> Arc<Instance> {
        let url = format!("redis://{}/", self.proxy.address());
        let instance = Instance::with(config, redis_at(&url, timeout));
        assert!(instance.caches.until_listening(FAILED).await);
        Arc::new(instance)
    }

    /// Only a silent Redis is waited for: everything else is to fail because of the trouble alone.
    fn timeouts(&self) -> TimeoutConfig {
        if self.trouble != Trouble::Silent {
            return patient();
        }
        let short = Duration::from_millis(50);
        TimeoutConfig {
            wait: short,
            connect: short,
            command: short,
        }
    }

    /// What has to be ended with the trouble.
    async fn begin(&self) -> Option<AbortHandle> {
        match self.trouble {
            Trouble::None => {}
            Trouble::Dead => self.redis.kill(),
            Trouble::Refusing => self.proxy.refuse(),
            Trouble::Silent => self.proxy.stall(),
            Trouble::Babbling => self.proxy.babble(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            Trouble::Corrupt => {
                let connection = self.redis.connect().await;
                return Some(tokio::spawn(corrupt(connection)).abort_handle());
            }
        }
        None
    }

    async fn end(&self, corrupting: Option<AbortHandle>) {
        match self.trouble {
            Trouble::None => {}
            Trouble::Dead => self.redis.run().await,
            Trouble::Refusing | Trouble::Babbling => self.proxy.relay(),
            Trouble::Silent => {
                self.proxy.flow();
                self.proxy.cut();
            }
            Trouble::Corrupt => corrupting.unwrap().abort(),
        }
    }
}

async fn corrupt(mut connection: redis::aio::MultiplexedConnection) {
    let script = Script::new(
        "for _, key in ipairs(redis.call('KEYS', 'cache:*')) do redis.call('SET', key, 'nonsense') end",
    );
    loop {
        let () = script.invoke_async(&mut connection).await.unwrap();
        sleep(Duration::from_millis(1)).await;
    }
}

/// One strategy on its way through a trouble.
struct Subject {
    config: Config,
    instance: Arc<Instance>,
}

impl Subject {
    /// A key that nobody has asked for yet.
    fn anew(&self, key: &str, value: &str) -> (Arc<Instance>, Arc<Origin>) {
        (Arc::new(self.instance.about(key)), Origin::of(value))
    }

    async fn keeps_its_promises(&self, when: &str) {
        let key = |promise: &str| format!("{when}-{promise}");
        self.answers_what_the_origin_has(&key("answers")).await;
        self.shows_its_own_writes(&key("writes")).await;
        self.tells_a_failure_and_keeps_none(&key("failures")).await;
        self.answers_many_at_once(&key("many")).await;
        self.goes_on_without_a_reader_who_leaves(&key("reader"))
            .await;
        self.goes_on_without_a_writer_who_leaves(&key("writer"))
            .await;
    }

    async fn answers_what_the_origin_has(&self, key: &str) {
        let (instance, origin) = self.anew(key, "one");
        for _ in 0..3 {
            self.reads(&instance, &origin, "one").await;
        }
    }

    async fn shows_its_own_writes(&self, key: &str) {
        let (instance, origin) = self.anew(key, "old");
        self.reads(&instance, &origin, "old").await;
        for value in ["new", "newer"] {
            origin.set(value);
            instance.written(&origin).await;
            self.reads(&instance, &origin, value).await;
            self.reads(&instance, &origin, value).await;
        }
    }

    async fn tells_a_failure_and_keeps_none(&self, key: &str) {
        let (instance, origin) = self.anew(key, "one");
        origin.break_down();
        assert_eq!(instance.get(&origin).await, Err(Down), "{:?}", self.config);
        origin.recover();
        // The flight that failed is over by now, or nearly.
        until("it is loaded anew", async || {
            instance.get(&origin).await.as_deref() == Ok("one")
        })
        .await;
    }

    async fn answers_many_at_once(&self, key: &str) {
        let (instance, origin) = self.anew(key, "one");
        for answer in join_all((0..MANY).map(|_| instance.get(&origin))).await {
            assert_eq!(answer.as_deref(), Ok("one"), "{:?}", self.config);
        }
    }

    async fn goes_on_without_a_reader_who_leaves(&self, key: &str) {
        let (instance, origin) = self.anew(key, "one");
        origin.hold_back();
        let leaving = ask(&instance, &origin);
        origin.until_fetches(1).await;
        let staying = ask(&instance, &origin);
        leaving.abort();
        assert!(leaving.await.unwrap_err().is_cancelled());
        origin.open();
        assert_eq!(
            staying.await.unwrap().as_deref(),
            Ok("one"),
            "{:?}",
            self.config
        );
        self.reads(&instance, &origin, "one").await;
    }

    /// What is written is committed: the old value must not outlive the caller.
    async fn goes_on_without_a_writer_who_leaves(&self, key: &str) {
        let (instance, origin) = self.anew(key, "old");
        self.reads(&instance, &origin, "old").await;
        origin.set("new");
        origin.hold_back();
        let written = instance.written(&origin).now_or_never();
        // Where the new value is put in place at once it cannot have been: its load is held back.
        let is_cut = self.config.write == WritePolicy::LookAside || written.is_none();
        assert!(is_cut || self.config.tier == Tier::Off, "{:?}", self.config);
        origin.open();
        until("the new value is read", async || {
            instance.get(&origin).await.as_deref() == Ok("new")
        })
        .await;
        self.reads(&instance, &origin, "new").await;
    }

    async fn reads(&self, instance: &Instance, origin: &Arc<Origin>, value: &str) {
        let read = instance.get(origin).await;
        assert_eq!(read.as_deref(), Ok(value), "{:?}", self.config);
    }
}

async fn every_strategy_goes_through(trouble: Trouble) {
    let scene = Scene::set(trouble).await;
    let mut subjects = Vec::new();
    for config in strategies() {
        let instance = scene.instance(&config, scene.timeouts()).await;
        let origin = Origin::of("one");
        assert_eq!(instance.get(&origin).await.as_deref(), Ok("one"));
        subjects.push((Subject { config, instance }, origin));
    }

    let corrupting = scene.begin().await;
    let during = subjects.iter().map(|(subject, origin)| async move {
        // What was read before it: kept or not, it is right, and a write is seen.
        subject.reads(&subject.instance, origin, "one").await;
        subject.keeps_its_promises("during").await;
        origin.set("two");
        subject.instance.written(origin).await;
        subject.reads(&subject.instance, origin, "two").await;
    });
    join_all(during).await;
    scene.end(corrupting).await;

    let after = subjects.iter().map(|(subject, _)| {
        let scene = &scene;
        async move {
            let (instance, origin) = subject.anew("after", "one");
            subject.reads(&instance, &origin, "one").await;
            // One that is patient: a machine that is busy for a moment is no trouble of Redis.
            let instance = scene.instance(&subject.config, patient()).await;
            let again = Subject {
                config: subject.config.clone(),
                instance,
            };
            again.keeps_its_promises("again").await;
            again.keeps_values().await;
        }
    });
    join_all(after).await;
}

impl Subject {
    async fn keeps_values(&self) {
        let (instance, origin) = self.anew("kept", "one");
        if self.config.tier == Tier::Off {
            return;
        }
        until("it is kept", async || {
            self.reads(&instance, &origin, "one").await;
            let before = origin.fetches();
            self.reads(&instance, &origin, "one").await;
            origin.fetches() == before
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_strategy_keeps_its_promises() {
    Box::pin(every_strategy_goes_through(Trouble::None)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_strategy_keeps_its_promises_while_redis_is_dead() {
    Box::pin(every_strategy_goes_through(Trouble::Dead)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_strategy_keeps_its_promises_while_connections_to_redis_break() {
    Box::pin(every_strategy_goes_through(Trouble::Refusing)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_strategy_keeps_its_promises_while_redis_is_silent() {
    Box::pin(every_strategy_goes_through(Trouble::Silent)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_strategy_keeps_its_promises_while_redis_answers_nonsense() {
    Box::pin(every_strategy_goes_through(Trouble::Babbling)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_strategy_keeps_its_promises_while_values_are_corrupted() {
    Box::pin(every_strategy_goes_through(Trouble::Corrupt)).await;
}
