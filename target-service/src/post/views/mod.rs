//! How often posts are looked at: counted when one is answered, written behind in batches.
//!
//! Invariant: a view that was counted is in one place at a time, the tally of this process, the one in Redis,
//! or the database, and is added to a post once. What a crash takes with it is the tally of the process, at
//! most what was counted since the last batch: `target_post_views_pending`. The tally in Redis outlives it.

mod shared;
mod tally;
mod write_behind;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics::counter;

pub use write_behind::WriteBehind;

use self::shared::SharedTally;
use self::tally::Tally;
use super::store::views as store;
use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::ids::PostId;
use crate::redis::Redis;
use crate::strategy::ViewsStrategy;

#[derive(Debug, Clone)]
pub struct Views {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tally: Tally,
    shared: Option<SharedTally>,
    /// This process has put views into Redis that may still be there, whatever the strategy is by now.
    left_in_redis: AtomicBool,
}

impl Views {
    pub fn new(redis: Option<Redis>) -> Self {
        Self {
            inner: Arc::new(Inner {
                left_in_redis: AtomicBool::new(false),
                shared: redis.map(SharedTally::new),
                tally: Tally::default(),
            }),
        }
    }

    /// Somebody was answered with this post. That a view cannot be counted is no reason not to be.
    pub async fn seen(&self, database: &Database, ctx: &RequestContext, post: PostId) {
        match ctx.knobs().views_strategy {
            ViewsStrategy::Off => return,
            ViewsStrategy::Direct => {
                if let Err(error) = add_one(database, ctx, post).await {
                    tracing::debug!(%error, "a view is not counted");
                    return;
                }
            }
            ViewsStrategy::Memory => self.inner.tally.add(post, 1),
            ViewsStrategy::Redis => self.seen_in_redis(ctx, post).await,
        }
        counter!("target_post_views_counted_total").increment(1);
    }

    /// Without Redis it is counted here until Redis is back.
    async fn seen_in_redis(&self, ctx: &RequestContext, post: PostId) {
        let inner = &self.inner;
        if let Some(shared) = &inner.shared
            && shared.add(ctx, post).await.is_ok()
        {
            // After it is there: who looks and finds nothing in between takes the mark away too early.
            inner.left_in_redis.store(true, Ordering::Release);
            return;
        }
        inner.tally.add(post, 1);
    }
}

/// The mistake: each view is a transaction of its own, and readers of one post queue up to write it.
async fn add_one(
    database: &Database,
    ctx: &RequestContext,
    post: PostId,
) -> Result<(), DatabaseError> {
    let mut connection = database.acquire(ctx).await?;
    store::add(&mut connection, ctx, &[(post, 1)]).await?;
    counter!("target_post_views_written_total").increment(1);
    Ok(())
}
