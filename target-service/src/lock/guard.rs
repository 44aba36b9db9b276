//! A lock in somebody's hands.
//!
//! Invariant: it ends. It is released, or whoever had it is gone and it is given back for them, or its lease
//! runs out; and it is ended by its token only, so that nobody ends another's.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::config::LockConfig;
use super::{Inner, meters, scripts};
use crate::context::RequestContext;
use crate::strategy::Waiting;

/// Of two holders of a lock the later one has the higher number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence(pub i64);

/// How long what was under way under an abandoned lock may still take effect: a commit that nobody waits for
/// any more comes to its end within this.
const AFTERMATH: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Guard {
    /// `None` once it has been released.
    held: Option<Held>,
    fence: Option<Fence>,
}

#[derive(Debug)]
struct Held {
    inner: Arc<Inner>,
    ctx: RequestContext,
    waiting: Waiting,
    name: String,
    token: String,
    watchdog: Option<AbortHandle>,
    /// `None` until Redis has said that it is ours.
    since: Option<Instant>,
}

impl Guard {
    /// Not held yet, and given back as if it were: whoever asks for a lock and leaves may have got it.
    pub(super) fn asking(
        inner: &Arc<Inner>,
        ctx: &RequestContext,
        waiting: Waiting,
        name: &str,
    ) -> Self {
        let held = Held {
            inner: Arc::clone(inner),
            // Whatever becomes of the request, the lock is given back.
            ctx: ctx.without_deadline(),
            waiting,
            name: name.to_owned(),
            token: Uuid::new_v4().simple().to_string(),
            watchdog: None,
            since: None,
        };
        Self {
            held: Some(held),
            fence: None,
        }
    }

    pub(super) fn token(&self) -> &str {
        self.held.as_ref().map_or("", |held| &held.token)
    }

    /// Redis has said that it is ours.
    pub(super) fn taken(mut self, fence: Option<Fence>, config: &LockConfig) -> Self {
        self.fence = fence;
        if let Some(held) = &mut self.held {
            held.since = Some(Instant::now());
            if config.lease.is_none() {
                held.watchdog = Some(held.start_watchdog(config.watchdog));
            }
        }
        self
    }

    /// Redis has said that it is somebody else's.
    pub(super) fn not_taken(mut self) {
        self.held = None;
    }

    /// The holder's number, where holders are numbered (`lock.fencing`).
    pub fn fence(&self) -> Option<Fence> {
        self.fence
    }

    /// Gives it back: at once, or a while later where what was done under the lock may not have come to its
    /// end, because nobody heard how it ended.
    pub async fn release(mut self, end_is_uncertain: bool) {
        if end_is_uncertain {
            return;
        }
        let Some(held) = self.held.take() else { return };
        // In a task of its own: whoever waits for this may leave.
        let _ = tokio::spawn(held.release()).await;
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            if held.since.is_some() {
                tokio::time::sleep(AFTERMATH).await;
            }
            held.release().await;
        });
    }
}

impl Held {
    async fn release(mut self) {
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.abort();
        }
        let is_waited_for = self.waiting == Waiting::Listening;
        let (redis, ctx) = (&self.inner.redis, &self.ctx);
        let released = scripts::release(redis, ctx, &self.name, &self.token, is_waited_for).await;
        let Some(since) = self.since else { return };
        meters::held(self.waiting, since.elapsed());
        match released {
            Ok(true) => {}
            Ok(false) => meters::lost(self.waiting),
            Err(error) => {
                tracing::debug!(lock = self.name, %error, "a lock is left to its lease");
            }
        }
    }

    /// Prolongs the lock for as long as there is somebody to release it.
    fn start_watchdog(&self, lease: Duration) -> AbortHandle {
        let (inner, ctx) = (Arc::clone(&self.inner), self.ctx.clone());
        let (name, token) = (self.name.clone(), self.token.clone());
        let watching = async move {
            loop {
                tokio::time::sleep(lease / 3).await;
                match scripts::prolong(&inner.redis, &ctx, &name, &token, lease).await {
                    Ok(true) => {}
                    // It is lost; the holder learns it when it writes, by its fencing token.
                    Ok(false) => return,
                    Err(error) => {
                        tracing::debug!(lock = name, %error, "a lock was not prolonged this time");
                    }
                }
            }
        };
        tokio::spawn(watching).abort_handle()
    }
}
