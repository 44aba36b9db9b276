//! Tells those who wait for a lock in this process that it has been released.
//!
//! One connection listens for the releases of all locks, from the first time that somebody waits. Each
//! release wakes one of those who wait for it here, the one who has waited longest. Messages may be lost,
//! with the connection or without: whoever waits has to look from time to time, and when the connection is
//! made again everybody looks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::meters;
use super::scripts::RELEASES;
use crate::redis::{Redis, RedisError};

/// Between two attempts to connect.
const CONNECT_AGAIN_AFTER: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Bell {
    redis: Redis,
    waiting: Arc<Waiting>,
    is_listening: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    by_lock: Mutex<HashMap<String, Arc<Notify>>>,
}

impl Bell {
    pub(super) fn new(redis: Redis) -> Self {
        Self {
            redis,
            waiting: Arc::default(),
            is_listening: AtomicBool::new(false),
        }
    }

    /// From now on releases of this lock are heard.
    pub(super) fn listen_for(&self, lock: &str) -> Listener {
        if !self.is_listening.swap(true, Ordering::Relaxed) {
            let (redis, waiting) = (self.redis.clone(), Arc::downgrade(&self.waiting));
            tokio::spawn(listen(redis, waiting));
        }
        let ring = self
            .waiting
            .by_lock()
            .entry(lock.to_owned())
            .or_default()
            .clone();
        Listener {
            waiting: Arc::clone(&self.waiting),
            lock: lock.to_owned(),
            ring,
        }
    }
}

/// Somebody who waits for a lock.
#[derive(Debug)]
pub(super) struct Listener {
    waiting: Arc<Waiting>,
    lock: String,
    ring: Arc<Notify>,
}

impl Listener {
    /// The lock has been released, since the time before or while this waits.
    pub(super) async fn rung(&self) {
        self.ring.notified().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut by_lock = self.waiting.by_lock();
        // Two: the map's and our own.
        if Arc::strong_count(&self.ring) <= 2 {
            by_lock.remove(&self.lock);
        }
    }
}

impl Waiting {
    fn by_lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.by_lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, lock: &str) {
        if let Some(ring) = self.by_lock().get(lock) {
            ring.notify_one();
        }
    }

    fn ring_all(&self) {
        for ring in self.by_lock().values() {
            ring.notify_waiters();
        }
    }
}

/// For as long as there is somebody who could wait.
async fn listen(redis: Redis, waiting: Weak<Waiting>) {
    while waiting.strong_count() > 0 {
        if let Err(error) = listen_once(&redis, &waiting).await {
            tracing::debug!(%error, "releases of locks are not heard at the moment");
        }
        tokio::time::sleep(CONNECT_AGAIN_AFTER).await;
    }
}

async fn listen_once(redis: &Redis, waiting: &Weak<Waiting>) -> Result<(), RedisError> {
    let mut subscription = redis.listen().await?;
    subscription.subscribe(RELEASES).await?;
    // Whatever was released before was not heard.
    if let Some(waiting) = waiting.upgrade() {
        waiting.ring_all();
    }
    loop {
        let message = subscription.next().await?;
        let Some(waiting) = waiting.upgrade() else {
            return Ok(());
        };
        meters::heard();
        waiting.ring(&String::from_utf8_lossy(&message.payload));
    }
}
