//! Places an order and sees it through: order, seat, points, payment.
//!
//! Every step may be the last one of this process. Until the goods are taken nothing has happened; from then
//! on the order is CREATED, and the settlement comes to the same end from whatever is there. So what fails
//! after that is no failure of the order: the client is told that it is being seen to, and asks again.

use std::sync::Arc;
use std::time::Duration;

use super::FlowError;
use super::goods::{self, Goods, Granted};
use super::payer::{NewPayment, Payer, PayerError, PaymentStatus};
use crate::context::RequestContext;
use crate::idempotency::{IdempotencyKey, IdempotencyKeyError};
use crate::ids::{OrderId, PaymentId};
use crate::order::{Created, Failure, NewOrder, Order, OrderStatus};

#[derive(Debug, Clone)]
pub struct Checkout {
    pub goods: Goods,
    pub payer: Arc<dyn Payer>,
    /// How old an order is when the settlement looks at it first.
    pub look_after: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    Paid(Order),
    /// It is not certain yet whether the order is paid.
    Pending(Order),
}

impl Checkout {
    /// The same wish with the same key is the same order, and is answered by what has become of it. After a
    /// failure that was no verdict of the payment provider it is a new order.
    pub async fn place(&self, ctx: &RequestContext, new: &NewOrder) -> Result<Placed, FlowError> {
        let order = match goods::take(&self.goods, ctx, new, self.look_after).await? {
            Created::New(order) if order.status == OrderStatus::Created => order,
            Created::New(order) => return Ok(Placed::Paid(order)),
            Created::Before(order) => return what_became_of(order),
        };
        let Ok(key) = payment_key(order.id) else {
            return Ok(Placed::Pending(order));
        };
        let payment = NewPayment {
            order_id: order.id,
            member_id: order.member_id,
            amount: order.due(),
            key,
        };
        match self.payer.pay(ctx, payment).await {
            Ok(payment) => match payment.status {
                PaymentStatus::Succeeded => self.grant(ctx, order, payment.id).await,
                PaymentStatus::Pending => Ok(Placed::Pending(order)),
                PaymentStatus::TimedOut => {
                    self.fail(ctx, order.id, Failure::PaymentTimedOut).await;
                    Err(FlowError::TimedOut(order.id))
                }
                PaymentStatus::Failed | PaymentStatus::Refunded => {
                    self.fail(ctx, order.id, Failure::PaymentFailed).await;
                    Err(FlowError::Declined(order.id))
                }
            },
            Err(PayerError::NotTaken(reason)) => {
                tracing::debug!(order = %order.id, reason, "an order could not be paid");
                self.fail(ctx, order.id, Failure::PaymentUnavailable).await;
                Err(FlowError::Unavailable(order.id))
            }
            Err(PayerError::Unclear(reason)) => {
                tracing::debug!(order = %order.id, reason, "whether an order is paid is not known");
                Ok(Placed::Pending(order))
            }
        }
    }

    async fn grant(
        &self,
        ctx: &RequestContext,
        order: Order,
        payment: PaymentId,
    ) -> Result<Placed, FlowError> {
        match goods::grant(&self.goods, ctx, &order).await {
            Ok(Granted::Now(order) | Granted::Before(order)) => Ok(Placed::Paid(order)),
            Ok(Granted::Never) => {
                if let Err(error) = self.refund(ctx, payment).await {
                    tracing::debug!(order = %order.id, %error, "the settlement will refund");
                }
                Err(FlowError::NotGranted(order.id))
            }
            Err(error) => {
                tracing::debug!(order = %order.id, %error, "the settlement will grant");
                Ok(Placed::Pending(order))
            }
        }
    }

    /// The order fails, whether or not it can be written down now.
    async fn fail(&self, ctx: &RequestContext, order: OrderId, failure: Failure) {
        if let Err(error) = goods::give_back(&self.goods, ctx, order, failure, false).await {
            tracing::debug!(%order, %error, "the settlement will give the goods back");
        }
    }

    pub(super) async fn refund(
        &self,
        ctx: &RequestContext,
        payment: PaymentId,
    ) -> Result<(), PayerError> {
        self.payer.refund(ctx, payment).await?;
        metrics::counter!("target_order_refunds_total").increment(1);
        Ok(())
    }
}

/// An order is paid once. The client's own key is the order's: after a refusal the same request may become a
/// second order, and that one's payment is another one.
fn payment_key(order: OrderId) -> Result<IdempotencyKey, IdempotencyKeyError> {
    IdempotencyKey::parse(format!("order-{order}"))
}

fn what_became_of(order: Order) -> Result<Placed, FlowError> {
    match (order.status, order.failure) {
        (OrderStatus::Created, _) => Ok(Placed::Pending(order)),
        (OrderStatus::Paid, _) => Ok(Placed::Paid(order)),
        (OrderStatus::Failed, Some(Failure::PaymentFailed)) => Err(FlowError::Declined(order.id)),
        (OrderStatus::Failed, Some(Failure::PaymentTimedOut)) => Err(FlowError::TimedOut(order.id)),
        (OrderStatus::Failed, _) => Err(FlowError::NotGranted(order.id)),
    }
}
