//! Adds views to the posts behind those who look at them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use metrics::counter;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::store;
use super::tally::Tally;
use super::{Inner, Views};
use crate::context::{RequestContext, RouteClass};
use crate::database::{Database, DatabaseError};
use crate::ids::{PostId, RequestId};
use crate::knobs::KnobStore;
use crate::redis::RedisError;
use crate::strategy::ViewsStrategy;

/// Posts that are written at once.
const BATCH: usize = 5_000;

/// Keeps an interval of zero from taking a processor for itself.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// Why views are not written yet.
#[derive(Debug, Error)]
enum Delay {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Redis(#[from] RedisError),
}

#[derive(Debug, Clone)]
pub struct WriteBehind {
    pub database: Database,
    pub views: Views,
}

impl WriteBehind {
    /// Until it is told to stop. What is counted afterwards is written by [`Self::write_all`].
    pub async fn run(self, knobs: KnobStore, stop: CancellationToken) {
        loop {
            let interval = knobs.snapshot().views_interval.max(SHORTEST_INTERVAL);
            if stop
                .run_until_cancelled(tokio::time::sleep(interval))
                .await
                .is_none()
            {
                return;
            }
            self.write_all(&knobs).await;
        }
    }

    /// Writes what has been counted so far.
    pub async fn write_all(&self, knobs: &KnobStore) {
        let ctx = RequestContext::new(RequestId::generate(), None, knobs.snapshot())
            .in_class(RouteClass::Slow);
        for written in [self.write_own(&ctx).await, self.write_shared(&ctx).await] {
            if let Err(error) = written {
                tracing::warn!(%error, "views are not written at the moment");
            }
        }
    }

    async fn write_own(&self, ctx: &RequestContext) -> Result<(), Delay> {
        let tally = &self.inner().tally;
        let mut taken = tally.take();
        while !taken.is_empty() {
            let rest = taken.split_off(taken.len().min(BATCH));
            if let Err(error) = self.write(ctx, &taken).await {
                tally.put_back(taken);
                tally.put_back(rest);
                return Err(error.into());
            }
            Tally::written(&taken);
            taken = rest;
        }
        Ok(())
    }

    async fn write(
        &self,
        ctx: &RequestContext,
        views: &[(PostId, i64)],
    ) -> Result<(), DatabaseError> {
        let mut connection = self.database.acquire(ctx).await?;
        store::add(&mut connection, ctx, views).await?;
        observe(views);
        Ok(())
    }

    async fn write_shared(&self, ctx: &RequestContext) -> Result<(), Delay> {
        let Inner {
            shared,
            left_in_redis,
            ..
        } = self.inner();
        let Some(shared) = shared else { return Ok(()) };
        // The mark comes off first: a view that is counted from here on puts it there again.
        let has_left_some = left_in_redis.swap(false, Ordering::AcqRel);
        // Where all count in Redis, others may have died before they wrote.
        if !has_left_some && ctx.knobs().views_strategy != ViewsStrategy::Redis {
            return Ok(());
        }
        let all_written = async {
            while let Some(batch) = shared.take(ctx).await? {
                let mut transaction = self.database.begin(ctx).await?;
                let is_new = store::is_new_batch(&mut transaction, ctx, &batch.number).await?;
                if is_new {
                    store::add(&mut transaction, ctx, &batch.views).await?;
                }
                transaction.commit().await?;
                if is_new {
                    observe(&batch.views);
                }
                shared.drop_batch(ctx, &batch.number).await?;
            }
            Ok(())
        }
        .await;
        if all_written.is_err() {
            left_in_redis.store(true, Ordering::Release);
        }
        all_written
    }

    fn inner(&self) -> &Inner {
        &self.views.inner
    }
}

fn observe(views: &[(PostId, i64)]) {
    let written: i64 = views.iter().map(|(_, views)| views).sum();
    counter!("target_post_views_written_total").increment(written.unsigned_abs());
}
