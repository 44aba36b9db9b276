//! Views of posts: counted in memory and written behind, in batches.
//!
//! Invariant: a view that was counted is in the memory of this instance until a statement that adds it to the
//! database has succeeded. What is in memory when the process dies is lost: the views since the last round of
//! writing, so those of one interval and of the time that a write takes. The gauge `target_post_views_pending`
//! says how many that would be now. Where the answer to a write is lost, the write is made again: such views
//! may count twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use metrics::{counter, gauge};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::config::{ViewCounting, ViewsConfig};
use super::{PostError, store};
use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::ids::{PostId, RequestId};
use crate::knobs::KnobStore;
use crate::section::{Followed, Section};

/// So many posts are written at once.
const BATCH: usize = 1_000;

/// The views of an instance.
#[derive(Debug, Clone)]
pub struct Views {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: ArcSwap<ViewsConfig>,
    /// Counted and not taken for a write.
    pending: Mutex<HashMap<PostId, u64>>,
    changed: Notify,
}

impl Views {
    pub fn new(config: &ViewsConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                config: ArcSwap::from_pointee(config.clone()),
                pending: Mutex::default(),
                changed: Notify::new(),
            }),
        }
    }

    /// The knobs `views.`. What waits in memory when counting is switched is written all the same.
    pub fn section(&self, config: &ViewsConfig) -> Arc<dyn Section> {
        let inner = Arc::clone(&self.inner);
        Followed::new("views", config.clone(), move |config: &ViewsConfig| {
            inner.config.store(Arc::new(config.clone()));
            inner.changed.notify_one();
        })
    }

    /// Somebody has read the post. A view that cannot be counted fails nobody.
    pub(super) async fn seen(&self, database: &Database, ctx: &RequestContext, post: PostId) {
        let counting = self.inner.config.load().counting;
        match counting {
            ViewCounting::Off => return,
            ViewCounting::Memory => {
                gauge!("target_post_views_pending").increment(1.0);
                *self.pending().entry(post).or_default() += 1;
            }
            ViewCounting::Direct => {
                if let Err(error) = write(database, ctx, &[(post, 1)]).await {
                    counter!("target_post_views_failed_total").increment(1);
                    tracing::debug!(%error, %post, "a view is not counted");
                    return;
                }
            }
        }
        counter!("target_post_views_total").increment(1);
    }

    /// Writes what is pending each interval, until it is told to stop. A write that is under way is ended.
    pub async fn run(self, database: Database, knobs: KnobStore, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let interval = self.inner.config.load().interval;
            let rest = timeout(interval, self.inner.changed.notified());
            stop.run_until_cancelled(rest).await;
            self.write_all(&database, &knobs).await;
        }
    }

    /// What cannot be written stays pending.
    pub async fn write_all(&self, database: &Database, knobs: &KnobStore) {
        let ctx = RequestContext::new(RequestId::generate(), None, knobs.snapshot());
        let taken = std::mem::take(&mut *self.pending());
        let mut posts: Vec<(PostId, u64)> = taken.into_iter().collect();
        // All instances in the same order, so that none waits for another in a circle.
        posts.sort_unstable();
        let mut written = 0;
        for batch in posts.chunks(BATCH) {
            if let Err(error) = write(database, &ctx, batch).await {
                tracing::warn!(%error, "views of posts are not written at the moment");
                break;
            }
            written += batch.len();
            let views: u64 = batch.iter().map(|(_, views)| views).sum();
            gauge!("target_post_views_pending").decrement(views as f64);
        }
        let mut pending = self.pending();
        for &(post, views) in &posts[written..] {
            *pending.entry(post).or_default() += views;
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<PostId, u64>> {
        let pending = self.inner.pending.lock();
        pending.unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(
    database: &Database,
    ctx: &RequestContext,
    posts: &[(PostId, u64)],
) -> Result<(), DatabaseError> {
    let mut connection = database.acquire(ctx).await?;
    store::views::add(&mut connection, ctx, posts).await?;
    let views: u64 = posts.iter().map(|(_, views)| views).sum();
    counter!("target_post_views_written_total").increment(views);
    Ok(())
}

/// As many as are written, which is what all instances know.
pub(super) async fn written(
    database: &Database,
    ctx: &RequestContext,
    post: PostId,
) -> Result<i64, PostError> {
    let mut connection = database.acquire(ctx).await?;
    let views = store::views::of(&mut connection, ctx, post).await?;
    views.ok_or(PostError::NotFound)
}
