//! What all caches of an instance share: the configuration, and the messages by which instances tell each
//! other what has changed.
//!
//! Redis's channels lose what is published while nobody listens. So an instance that has begun to listen, or
//! to listen again, forgets all copies of its own: it cannot know what it has missed.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::{counter, gauge};
use redis::cmd;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::config::{Config, Invalidate};
use crate::context::RequestContext;
use crate::redis::{Redis, RedisError};

const CHANNEL: &str = "cache-invalidations";
/// Between two attempts to listen.
const PAUSE: Duration = Duration::from_millis(200);

/// A cache as the hub knows it.
pub(super) trait Member: Send + Sync {
    fn name(&self) -> &'static str;
    /// The instance's own copy of one value.
    fn forget(&self, key: &str);
    fn forget_all(&self);
    /// A change of the configuration.
    fn follow(&self, before: &Config, config: &Config);
}

pub(super) struct Hub {
    pub redis: Option<Redis>,
    pub config: ArcSwap<Config>,
    members: Mutex<Vec<Weak<dyn Member>>>,
    /// By which an instance knows its own messages.
    instance: String,
    is_listening: watch::Sender<bool>,
}

impl Hub {
    pub(super) fn new(config: Config, redis: Option<Redis>) -> Arc<Self> {
        let hub = Arc::new(Self {
            redis,
            config: ArcSwap::from_pointee(config),
            members: Mutex::default(),
            instance: Uuid::new_v4().to_string(),
            is_listening: watch::channel(false).0,
        });
        if let Some(redis) = hub.redis.clone() {
            tokio::spawn(listen(redis, Arc::downgrade(&hub)));
        }
        hub
    }

    pub(super) fn join(&self, member: Weak<dyn Member>) {
        self.lock().push(member);
    }

    pub(super) fn follow(&self, config: &Config) {
        let before = self.config.swap(Arc::new(config.clone()));
        for member in self.members() {
            member.follow(&before, config);
        }
    }

    /// Tells the other instances.
    pub(super) async fn publish(
        &self,
        ctx: &RequestContext,
        cache: &str,
        key: &str,
    ) -> Result<(), RedisError> {
        let Some(redis) = &self.redis else {
            return Ok(());
        };
        let message = format!("{}\n{cache}\n{key}", self.instance);
        redis
            .query(
                ctx,
                "cache.publish",
                cmd("PUBLISH").arg(CHANNEL).arg(message),
            )
            .await
    }

    /// Waits until it hears the other instances, if there is anything to hear, and returns whether it does.
    pub(super) async fn until_listening(&self, at_most: Duration) -> bool {
        if self.redis.is_none() {
            return false;
        }
        let mut listening = self.is_listening.subscribe();
        let heard = timeout(at_most, listening.wait_for(|listening| *listening));
        matches!(heard.await, Ok(Ok(_)))
    }

    fn set_listening(&self, is_listening: bool) {
        gauge!("target_cache_listening").set(f64::from(u8::from(is_listening)));
        self.is_listening.send_replace(is_listening);
    }

    fn hear(&self, message: &[u8]) {
        let text = String::from_utf8_lossy(message);
        let mut lines = text.splitn(3, '\n');
        let (Some(instance), Some(cache), Some(key)) = (lines.next(), lines.next(), lines.next())
        else {
            return;
        };
        if instance == self.instance || !self.listens() {
            return;
        }
        for member in self.members() {
            if member.name() == cache {
                counter!("target_cache_invalidations_heard_total", "cache" => member.name())
                    .increment(1);
                member.forget(key);
            }
        }
    }

    fn listens(&self) -> bool {
        self.config.load().invalidate == Invalidate::Everywhere
    }

    fn forget_all(&self) {
        if self.listens() {
            for member in self.members() {
                member.forget_all();
            }
        }
    }

    fn members(&self) -> Vec<Arc<dyn Member>> {
        self.lock().iter().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Weak<dyn Member>>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Hub")
    }
}

/// Ends with the hub.
async fn listen(redis: Redis, hub: Weak<Hub>) {
    while hub.strong_count() > 0 {
        let ended = hear_all(&redis, &hub).await;
        if let Some(hub) = hub.upgrade() {
            hub.set_listening(false);
        }
        if let Err(error) = ended {
            tracing::debug!(%error, "the messages of other instances are not heard");
            sleep(PAUSE).await;
        }
    }
}

async fn hear_all(redis: &Redis, hub: &Weak<Hub>) -> Result<(), RedisError> {
    let mut subscription = redis.listen().await?;
    subscription.subscribe(CHANNEL).await?;
    if let Some(hub) = hub.upgrade() {
        hub.forget_all();
        hub.set_listening(true);
    }
    loop {
        let message = subscription.next().await?;
        let Some(hub) = hub.upgrade() else {
            return Ok(());
        };
        hub.hear(&message.payload);
    }
}
