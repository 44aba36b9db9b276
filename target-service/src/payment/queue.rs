//! The queue of payments that were accepted to be paid later (`payment.mode = "queued"`).
//!
//! The queue is the table: what was accepted is in it, whoever dies. A payment whose worker died after taking
//! it is settled by reconciliation, and not sent again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use super::pay::after;
use super::store::due;
use super::{Payment, Payments};
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::resilience::rate_limit::{self, RateLimit};

/// Longer than any wait for a turn.
const PATIENCE: Duration = Duration::from_hours(1);
const PAUSE_AFTER_TROUBLE: Duration = Duration::from_millis(500);
/// A timer wakes to the millisecond: what comes due within some of them may be sent at once.
const BURST_WITHIN_SECONDS: f64 = 0.01;

/// Begins payments at the rate that the gateway permits.
#[derive(Debug)]
pub(super) struct Worker {
    payments: Payments,
    rate: RateLimit,
    places: Arc<Semaphore>,
    under_way: TaskTracker,
    /// Set by a turn that found nothing to begin, cleared when that was noticed. A payment that comes in
    /// between wakes the worker anyway.
    found_none: Arc<AtomicBool>,
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
            found_none: Arc::default(),
            payments,
        }
    }

    /// Lets the payment that waits for longest begin, when its turn has come; `false`: when somebody last
    /// looked, none waited.
    ///
    /// It is taken from the table last of all: what is taken is sent at once. Turns do not wait for each
    /// other's connections: where many ask for their payments the line at the pool is long, and one turn
    /// after the other would pay at the rate at which that line moves.
    pub(super) async fn work(&self, ctx: &RequestContext) -> bool {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let turn = self.rate.acquire(None).await;
        // Nobody closes the semaphore, and at the slowest rate the turn is asked for again later.
        let (Ok(place), Ok(())) = (place, turn) else {
            return false;
        };
        if self.found_none.swap(false, Ordering::Relaxed) {
            return false;
        }
        let (payments, ctx) = (self.payments.clone(), ctx.clone());
        let found_none = Arc::clone(&self.found_none);
        self.under_way.spawn(async move {
            match take(&payments, &ctx).await {
                Ok(Some(payment)) => {
                    payments.charge(&ctx, payment).await;
                }
                Ok(None) => found_none.store(true, Ordering::Relaxed),
                Err(error) => {
                    tracing::debug!(%error, "a queued payment cannot be taken");
                    sleep(PAUSE_AFTER_TROUBLE).await;
                }
            }
            drop(place);
        });
        true
    }

    /// Waits until what was begun is settled.
    pub(super) async fn finish(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }
}

async fn take(payments: &Payments, ctx: &RequestContext) -> Result<Option<Payment>, DatabaseError> {
    let mut connection = payments.database.acquire(ctx).await?;
    // By now it may have waited for long.
    let now = payments.clock.now();
    let due_at = after(now, payments.config.reconcile.requested_for);
    due::take_queued(&mut connection, ctx, now, due_at).await
}
