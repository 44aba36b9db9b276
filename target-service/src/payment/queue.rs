//! The queue of payments that were accepted to be paid later (`payment.mode = "queued"`).
//!
//! The queue is the table: what was accepted is in it, whoever dies. A payment whose worker died after taking
//! it is settled by reconciliation, and not sent again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::pay::after;
use super::store::due;
use super::{Payment, Payments};
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::resilience::rate_limit::{self, RateLimit};

/// What one look at the table takes at most, so that little is taken by a worker that is about to die.
const BATCH: u32 = 20;
/// Longer than any wait for a turn.
const PATIENCE: Duration = Duration::from_hours(1);
/// A timer wakes to the millisecond: what comes due within some of them may be sent at once.
const BURST_WITHIN_SECONDS: f64 = 0.01;

/// Begins payments at the rate that the gateway permits.
#[derive(Debug)]
pub(super) struct Worker {
    payments: Payments,
    rate: RateLimit,
    places: Arc<Semaphore>,
    under_way: TaskTracker,
}

impl Worker {
    pub(super) fn new(payments: Payments) -> Self {
        let queue = &payments.config.queue;
        let rate = rate_limit::Config {
            enabled: true,
            per_second: queue.rate,
            burst: (queue.rate * BURST_WITHIN_SECONDS).ceil().max(1.0) as u32,
            max_wait: PATIENCE,
        };
        Self {
            rate: RateLimit::new("payment_queue", rate),
            places: Arc::new(Semaphore::new(queue.max_in_flight as usize)),
            under_way: TaskTracker::new(),
            payments,
        }
    }

    /// Begins what waits, and returns how many payments that were.
    pub(super) async fn work(&self, ctx: &RequestContext) -> Result<usize, DatabaseError> {
        let payments = &self.payments;
        let now = payments.clock.now();
        // Nobody knows how long the last of them waits for its turn and its place.
        let wait = Duration::from_secs_f64(f64::from(BATCH) / payments.config.queue.rate);
        let patience = payments.config.reconcile.requested_for.saturating_add(wait);
        let taken = {
            let mut connection = payments.database.acquire(ctx).await?;
            due::take_queued(&mut connection, ctx, now, after(now, patience), BATCH).await?
        };
        let number = taken.len();
        for payment in taken {
            self.begin(ctx, payment).await;
        }
        Ok(number)
    }

    async fn begin(&self, ctx: &RequestContext, payment: Payment) {
        // Neither ends before the worker does; if one did, the payment would be due for reconciliation.
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return;
        };
        if self.rate.acquire(None).await.is_err() {
            return;
        }
        let (payments, ctx) = (self.payments.clone(), ctx.clone());
        self.under_way.spawn(async move {
            payments.charge(&ctx, payment).await;
            drop(place);
        });
    }

    /// Waits until what was begun is settled.
    pub(super) async fn finish(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }
}
