//! The workers of an instance: reconciliation, comparison, and the queue. Several instances may have theirs.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::queue::Worker;
use super::{Payments, meters};
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::ids::RequestId;
use crate::knobs::KnobStore;

/// Between two looks at the database for what is due: a part of the interval, within these bounds.
const LOOK_EVERY_AT_LEAST: Duration = Duration::from_millis(10);
const LOOK_EVERY_AT_MOST: Duration = Duration::from_millis(500);
const LOOKS_PER_INTERVAL: u32 = 5;
/// Queued payments of this instance are announced; this is for those of another.
const QUEUE_LOOK_EVERY: Duration = Duration::from_millis(100);

impl Payments {
    /// Until `stop`. A look that is under way then is broken off, which is as harmless as a crash; a payment
    /// of the queue that was begun is finished.
    pub fn start_workers(
        &self,
        knobs: &KnobStore,
        stop: &CancellationToken,
        workers: &TaskTracker,
    ) {
        meters::describe();
        let reconcile = &self.config.reconcile;
        let until_stop = stop.clone();
        let (payments, knobs_too) = (self.clone(), knobs.clone());
        let pause = look_every(reconcile.interval.min(reconcile.sweep));
        workers.spawn(async move {
            let work = payments.reconcile_forever(&knobs_too, pause);
            until_stop.run_until_cancelled(work).await;
        });
        if !reconcile.compare.is_zero() {
            let until_stop = stop.clone();
            let (payments, knobs_too) = (self.clone(), knobs.clone());
            let pause = look_every(reconcile.compare.min(reconcile.compare_certain));
            workers.spawn(async move {
                let work = payments.compare_forever(&knobs_too, pause);
                until_stop.run_until_cancelled(work).await;
            });
        }
        let (worker, until_stop) = (Worker::new(self.clone()), stop.clone());
        let (payments, knobs) = (self.clone(), knobs.clone());
        workers.spawn(async move {
            let work = payments.queue_forever(&worker, &knobs);
            until_stop.run_until_cancelled(work).await;
            worker.finish().await;
        });
    }

    async fn reconcile_forever(&self, knobs: &KnobStore, pause: Duration) {
        let mut shown_at: Option<Instant> = None;
        loop {
            let ctx = context(knobs);
            let looked = self.reconcile_due(&ctx).await;
            if shown_at.is_none_or(|at| at.elapsed() >= pause) {
                if let Err(error) = self.show_open(&ctx).await {
                    tracing::debug!(%error, "open payments cannot be counted");
                }
                shown_at = Some(Instant::now());
            }
            if !rest_is_due(looked, "payments cannot be reconciled") {
                sleep(pause).await;
            }
        }
    }

    async fn compare_forever(&self, knobs: &KnobStore, pause: Duration) {
        loop {
            let compared = self.compare_due(&context(knobs)).await;
            if !rest_is_due(compared, "payments cannot be compared") {
                sleep(pause).await;
            }
        }
    }

    async fn queue_forever(&self, worker: &Worker, knobs: &KnobStore) {
        loop {
            let worked = worker.work(&context(knobs)).await;
            if !rest_is_due(worked, "queued payments cannot be taken") {
                tokio::select! {
                    () = self.queued.notified() => {}
                    () = sleep(QUEUE_LOOK_EVERY) => {}
                }
            }
        }
    }
}

/// Whether to look again at once. Trouble with the database is over later or never.
fn rest_is_due(looked: Result<usize, DatabaseError>, trouble: &'static str) -> bool {
    match looked {
        Ok(number) => number > 0,
        Err(error) => {
            tracing::debug!(%error, trouble);
            false
        }
    }
}

/// Workers have no deadline, and see a change of the knobs at their next look.
fn context(knobs: &KnobStore) -> RequestContext {
    RequestContext::new(RequestId::generate(), None, knobs.snapshot())
}

fn look_every(interval: Duration) -> Duration {
    (interval / LOOKS_PER_INTERVAL).clamp(LOOK_EVERY_AT_LEAST, LOOK_EVERY_AT_MOST)
}
