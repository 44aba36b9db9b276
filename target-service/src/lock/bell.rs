//! Tells those who wait for a lock in this process that it has been released.
//!
//! One connection listens for the releases of all locks, from the first time that somebody waits. Each
//! release wakes one of those who wait for it here, the one who has waited longest. Messages may be lost,
//! with the connection or without: whoever waits has to look from time to time, and when the connection is
//! made again everybody looks.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::timeout;

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
    by_lock: Mutex<HashMap<String, Ring>>,
}

/// What rings for one lock, as long as somebody listens.
#[derive(Debug, Default)]
struct Ring {
    bell: Arc<Notify>,
    listeners: usize,
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
        let mut by_lock = self.waiting.by_lock();
        let ring = by_lock.entry(lock.to_owned()).or_default();
        ring.listeners += 1;
        Listener {
            waiting: Arc::clone(&self.waiting),
            lock: lock.to_owned(),
            bell: Arc::clone(&ring.bell),
        }
    }
}

/// Somebody who waits for a lock.
#[derive(Debug)]
pub(super) struct Listener {
    waiting: Arc<Waiting>,
    lock: String,
    bell: Arc<Notify>,
}

/// A place in the line of those who wait here. It is kept while its owner looks at the lock unasked.
#[derive(Debug)]
pub(super) struct Place<'a> {
    bell: &'a Notify,
    turn: Pin<Box<Notified<'a>>>,
}

impl Listener {
    /// At the end of the line. A release counts from now on.
    pub(super) fn place(&self) -> Place<'_> {
        Place {
            bell: &self.bell,
            turn: Box::pin(self.bell.notified()),
        }
    }
}

impl Place<'_> {
    /// Whether the lock has been released and it is this one's turn. After that it stands at the end again.
    pub(super) async fn rung_within(&mut self, at_most: Duration) -> bool {
        let is_rung = timeout(at_most, self.turn.as_mut()).await.is_ok();
        if is_rung {
            self.turn = Box::pin(self.bell.notified());
        }
        is_rung
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut by_lock = self.waiting.by_lock();
        if let Some(ring) = by_lock.get_mut(&self.lock) {
            ring.listeners -= 1;
            if ring.listeners == 0 {
                by_lock.remove(&self.lock);
            }
        }
    }
}

impl Waiting {
    fn by_lock(&self) -> MutexGuard<'_, HashMap<String, Ring>> {
        self.by_lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self, lock: &str) {
        if let Some(ring) = self.by_lock().get(lock) {
            ring.bell.notify_one();
        }
    }

    fn ring_all(&self) {
        for ring in self.by_lock().values() {
            ring.bell.notify_waiters();
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const BRIEFLY: Duration = Duration::from_millis(1);

    /// Nothing has to answer there: only what happens in this process is looked at.
    fn bell() -> Bell {
        let url = serde_json::from_value("redis://127.0.0.1:1/".into()).unwrap();
        let config = crate::redis::Config {
            url: Some(url),
            ..crate::redis::Config::default()
        };
        Bell::new(Redis::new(&config).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn who_looks_from_time_to_time_keeps_its_place_in_the_line() {
        let bell = bell();
        let (one, other) = (bell.listen_for("lock"), bell.listen_for("lock"));
        let (mut first, mut second) = (one.place(), other.place());
        for _ in 0..3 {
            assert!(!first.rung_within(BRIEFLY).await);
            assert!(!second.rung_within(BRIEFLY).await);
        }
        bell.waiting.ring("lock");
        assert!(!second.rung_within(BRIEFLY).await, "it came later");
        assert!(first.rung_within(BRIEFLY).await);
        bell.waiting.ring("lock");
        assert!(second.rung_within(BRIEFLY).await);
    }

    #[tokio::test(start_paused = true)]
    async fn whose_turn_came_and_who_leaves_passes_it_on() {
        let bell = bell();
        let (one, other) = (bell.listen_for("lock"), bell.listen_for("lock"));
        let (mut first, mut second) = (one.place(), other.place());
        assert!(!first.rung_within(BRIEFLY).await && !second.rung_within(BRIEFLY).await);
        bell.waiting.ring("lock");
        drop(first);
        assert!(second.rung_within(BRIEFLY).await);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_of_those_who_have_gone() {
        let bell = bell();
        let (one, other) = (bell.listen_for("lock"), bell.listen_for("lock"));
        drop(one);
        assert_eq!(bell.waiting.by_lock().len(), 1);
        drop(other);
        assert_eq!(bell.waiting.by_lock().len(), 0);
    }
}
