//! The workers of an instance: reconciliation, comparison, and the queue. Several instances may have theirs.
//!
//! They sleep until something of this instance's own is to be done, or until the database says that something
//! is due; what another instance has left behind is noticed by the sweep. So a service in which nobody pays
//! does nothing here that could be measured.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::queue::Worker;
use super::{Payments, meters};
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::ids::RequestId;
use crate::knobs::KnobStore;

/// Between two looks at the database at least, however much happens: a part of the interval, within these
/// bounds.
const PAUSE_AT_LEAST: Duration = Duration::from_millis(10);
const PAUSE_AT_MOST: Duration = Duration::from_millis(500);
const PAUSES_PER_INTERVAL: u32 = 5;

/// What wakes the workers: something to do has come about in this instance.
#[derive(Debug, Default)]
pub(super) struct Wakes {
    pub open: Notify,
    pub failed: Notify,
    pub queued: Notify,
}

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
        let (payments, knobs_too, until_stop) = (self.clone(), knobs.clone(), stop.clone());
        workers.spawn(async move {
            let work = payments.reconcile_forever(&knobs_too);
            until_stop.run_until_cancelled(work).await;
        });
        if !self.config.reconcile.compare.is_zero() {
            let (payments, knobs_too, until_stop) = (self.clone(), knobs.clone(), stop.clone());
            workers.spawn(async move {
                let work = payments.compare_forever(&knobs_too);
                until_stop.run_until_cancelled(work).await;
            });
        }
        let (payments, knobs, until_stop) = (self.clone(), knobs.clone(), stop.clone());
        let worker = Worker::new(self.clone());
        workers.spawn(async move {
            let work = payments.queue_forever(&worker, &knobs);
            until_stop.run_until_cancelled(work).await;
            worker.finish().await;
        });
    }

    async fn reconcile_forever(&self, knobs: &KnobStore) {
        let reconcile = &self.config.reconcile;
        let pause = pause(reconcile.interval.min(reconcile.sweep));
        let mut next_due = None;
        loop {
            self.wait(&self.wakes.open, next_due).await;
            let ctx = context(knobs);
            while is_more_due(self.reconcile_due(&ctx).await, "reconciled") {}
            next_due = self.show_open(&ctx).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "open payments cannot be counted");
                Some(self.clock.now())
            });
            sleep(pause).await;
        }
    }

    async fn compare_forever(&self, knobs: &KnobStore) {
        let reconcile = &self.config.reconcile;
        let pause = pause(reconcile.compare.min(reconcile.compare_certain));
        let mut next_due = None;
        loop {
            self.wait(&self.wakes.failed, next_due).await;
            let ctx = context(knobs);
            while is_more_due(self.compare_due(&ctx).await, "compared") {}
            next_due = self.next_comparison(&ctx).await.unwrap_or_else(|error| {
                tracing::debug!(%error, "failed payments cannot be looked for");
                Some(self.clock.now())
            });
            sleep(pause).await;
        }
    }

    async fn queue_forever(&self, worker: &Worker, knobs: &KnobStore) {
        loop {
            self.wait(&self.wakes.queued, None).await;
            while worker.work(&context(knobs)).await {}
        }
    }

    /// Until it is woken or something is due, and no longer than until the next sweep.
    async fn wait(&self, wake: &Notify, next_due: Option<DateTime<Utc>>) {
        let sweep = self.config.reconcile.sweep;
        let until_due = next_due.map(|due| (due - self.clock.now()).to_std().unwrap_or_default());
        let at_most = until_due.map_or(sweep, |until_due| until_due.min(sweep));
        // Both ends of the wait are good ones.
        let _ = timeout(at_most, wake.notified()).await;
    }
}

/// Whether to look again at once. Trouble with the database is over later or never.
fn is_more_due(looked: Result<usize, DatabaseError>, what: &str) -> bool {
    match looked {
        Ok(number) => number > 0,
        Err(error) => {
            tracing::debug!(%error, "payments cannot be {what}");
            false
        }
    }
}

/// Workers have no deadline, and see a change of the knobs at their next look.
fn context(knobs: &KnobStore) -> RequestContext {
    RequestContext::new(RequestId::generate(), None, knobs.snapshot())
}

fn pause(interval: Duration) -> Duration {
    (interval / PAUSES_PER_INTERVAL).clamp(PAUSE_AT_LEAST, PAUSE_AT_MOST)
}
