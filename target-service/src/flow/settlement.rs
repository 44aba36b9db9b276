//! Sees to the orders whose checkout did not come to its end.
//!
//! | order | its payments | what happens |
//! |---|---|---|
//! | CREATED | one has succeeded | the goods are granted; where they cannot be, it is refunded |
//! | CREATED | one is not certain yet | it is looked at again |
//! | CREATED | all have failed or went back | the goods are given back |
//! | CREATED | none, for `flow.settle_after` | the goods are given back, and the order is watched |
//! | FAILED, watched | one has succeeded | it is refunded |
//! | FAILED, watched | all have failed or went back, or none came for ten minutes | it is watched no more |
//!
//! Several instances share the work: who gets an order has it for a while, and if it dies with it another one
//! gets it after that. Nothing here is done twice by being tried twice.

use std::time::Duration;

use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::FlowError;
use super::checkout::Checkout;
use super::goods::{self, Granted};
use super::payer::{Payment, PaymentStatus};
use crate::context::RequestContext;
use crate::ids::{PaymentId, RequestId};
use crate::knobs::KnobStore;
use crate::order::{self, Due, Failure, Order, OrderStatus};

/// Orders that are taken at once.
const BATCH: u16 = 100;

/// A payment may come for so long after its order was given up.
const LATE_PAYMENTS_FOR: Duration = Duration::from_mins(10);

/// Keeps an interval of zero from taking a processor for itself.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Debug, Clone)]
pub struct Settlement {
    pub checkout: Checkout,
    pub every: Duration,
}

/// What the payments of an order say together.
enum Verdict {
    Succeeded(PaymentId),
    Open,
    Failed,
    NoPayment,
}

impl Settlement {
    /// Until it is told to stop. Stopping breaks off what is under way, as a crash would.
    pub async fn run(self, knobs: KnobStore, stop: CancellationToken) {
        let forever = async {
            loop {
                tokio::time::sleep(self.every.max(SHORTEST_INTERVAL)).await;
                let ctx = RequestContext::new(RequestId::generate(), None, knobs.snapshot());
                self.settle_all(&ctx).await;
            }
        };
        stop.run_until_cancelled(forever).await;
    }

    async fn settle_all(&self, ctx: &RequestContext) {
        loop {
            match self.sweep(ctx).await {
                Ok(looked_at) if looked_at == usize::from(BATCH) => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "orders cannot be settled at the moment");
                    return;
                }
            }
        }
    }

    /// Looks at orders that are due, up to a fixed number of them; how many it were.
    pub async fn sweep(&self, ctx: &RequestContext) -> Result<usize, FlowError> {
        let mut connection = self.checkout.goods.database.acquire(ctx).await?;
        let due = order::claim_due(&mut connection, ctx, BATCH, self.every).await?;
        drop(connection);
        for due in &due {
            if let Err(error) = self.settle(ctx, due).await {
                counter!("target_order_settle_errors_total").increment(1);
                tracing::debug!(order = %due.order.id, %error, "an order is not settled yet");
            }
        }
        Ok(due.len())
    }

    async fn settle(&self, ctx: &RequestContext, due: &Due) -> Result<(), FlowError> {
        let order = &due.order;
        let verdict = verdict(&self.payments_of(ctx, order).await?);
        match order.status {
            OrderStatus::Created => self.settle_created(ctx, due, verdict).await,
            OrderStatus::Failed => self.watch_failed(ctx, due, verdict).await,
            OrderStatus::Paid => self.stop_looking(ctx, order).await,
        }
    }

    async fn settle_created(
        &self,
        ctx: &RequestContext,
        due: &Due,
        verdict: Verdict,
    ) -> Result<(), FlowError> {
        let (goods, id) = (&self.checkout.goods, due.order.id);
        match verdict {
            Verdict::Succeeded(payment) => {
                if let Granted::Never = goods::grant(goods, ctx, &due.order).await? {
                    self.checkout.refund(ctx, payment).await?;
                }
            }
            Verdict::Failed => {
                goods::give_back(goods, ctx, id, Failure::PaymentFailed, false).await?;
            }
            Verdict::NoPayment if due.age >= ctx.knobs().flow_settle_after => {
                goods::give_back(goods, ctx, id, Failure::NeverPaid, true).await?;
            }
            Verdict::Open | Verdict::NoPayment => {}
        }
        Ok(())
    }

    async fn watch_failed(
        &self,
        ctx: &RequestContext,
        due: &Due,
        verdict: Verdict,
    ) -> Result<(), FlowError> {
        match verdict {
            Verdict::Succeeded(payment) => self.checkout.refund(ctx, payment).await?,
            Verdict::Failed => self.stop_looking(ctx, &due.order).await?,
            Verdict::NoPayment if due.settled_for >= Some(LATE_PAYMENTS_FOR) => {
                self.stop_looking(ctx, &due.order).await?;
            }
            Verdict::Open | Verdict::NoPayment => {}
        }
        Ok(())
    }

    /// Those that are for this order and not only under its id, which anybody may give to a payment.
    async fn payments_of(
        &self,
        ctx: &RequestContext,
        order: &Order,
    ) -> Result<Vec<Payment>, FlowError> {
        let mut payments = self.checkout.payer.of_order(ctx, order.id).await?;
        payments.retain(|payment| {
            (payment.member_id, payment.amount) == (order.member_id, order.due())
        });
        Ok(payments)
    }

    async fn stop_looking(&self, ctx: &RequestContext, order: &Order) -> Result<(), FlowError> {
        let mut connection = self.checkout.goods.database.acquire(ctx).await?;
        Ok(order::stop_looking(&mut connection, ctx, order.id).await?)
    }
}

fn verdict(payments: &[Payment]) -> Verdict {
    let succeeded = |payment: &&Payment| payment.status == PaymentStatus::Succeeded;
    let is_open = |payment: &Payment| payment.status == PaymentStatus::Pending;
    match payments.iter().find(succeeded) {
        Some(payment) => Verdict::Succeeded(payment.id),
        None if payments.is_empty() => Verdict::NoPayment,
        None if payments.iter().any(is_open) => Verdict::Open,
        None => Verdict::Failed,
    }
}
