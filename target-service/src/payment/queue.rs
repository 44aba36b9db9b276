//! The queue of payments that were accepted to be paid later (`payment.mode = "queued"`).
//!
//! The queue is the table: what was accepted is in it, whoever dies. A payment whose worker died after taking
//! it is settled by reconciliation, and not sent again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::Payments;
use super::pay::after;
use super::store::due;
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::resilience::rate_limit::{self, RateLimit};

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

    /// Begins the payment that waits for longest, when its turn has come; `false`: none waits.
    ///
    /// It is taken from the table last of all: what is taken is sent at once.
    pub(super) async fn work(&self, ctx: &RequestContext) -> Result<bool, DatabaseError> {
        let payments = &self.payments;
        let place = Arc::clone(&self.places).acquire_owned().await;
        let turn = self.rate.acquire(None).await;
        // Nobody closes the semaphore, and at the slowest rate the turn is asked for again later.
        let (Ok(place), Ok(())) = (place, turn) else {
            return Ok(false);
        };
        let now = payments.clock.now();
        let due_at = after(now, payments.config.reconcile.requested_for);
        let taken = {
            let mut connection = payments.database.acquire(ctx).await?;
            due::take_queued(&mut connection, ctx, now, due_at).await?
        };
        let Some(payment) = taken else {
            return Ok(false);
        };
        let (payments, ctx) = (payments.clone(), ctx.clone());
        self.under_way.spawn(async move {
            payments.charge(&ctx, payment).await;
            drop(place);
        });
        Ok(true)
    }

    /// Waits until what was begun is settled.
    pub(super) async fn finish(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }
}
