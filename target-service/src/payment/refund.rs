//! Giving a payment back: the decision is written down first, then the gateway cancels, then the payment is
//! REFUNDED. From the decision on reconciliation finishes what is left undone.

use super::pay::after;
use super::store::{self, Settlement};
use super::{Payment, PaymentError, Payments, Status};
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::ids::PaymentId;

impl Payments {
    /// Once or often is the same. A payment that is `refunding` afterwards is given back soon.
    pub async fn refund(
        &self,
        ctx: &RequestContext,
        id: PaymentId,
    ) -> Result<Payment, PaymentError> {
        let (now, patience) = (self.clock.now(), self.config.reconcile.requested_for);
        let requested = {
            let mut connection = self.database.acquire(ctx).await?;
            let from = Status::Refunded.sources();
            let due_at = after(now, patience);
            match store::request_cancel(&mut connection, ctx, id, from, now, due_at).await? {
                Some(payment) => payment,
                None => return already(store::find(&mut connection, ctx, id).await?),
            }
        };
        if let Err(error) = self.gateway.cancel(ctx, id).await {
            tracing::debug!(%error, payment = %id, "a refund is left to reconciliation");
            self.wakes.open.notify_one();
            return Ok(requested);
        }
        Ok(self.refunded(ctx, &requested).await.unwrap_or(requested))
    }

    /// The gateway has cancelled the charge.
    pub(super) async fn refunded(
        &self,
        ctx: &RequestContext,
        payment: &Payment,
    ) -> Result<Payment, DatabaseError> {
        let refunded = Settlement {
            status: Status::Refunded,
            failure: None,
            gateway_id: None,
            due_at: None,
        };
        let mut connection = self.database.acquire(ctx).await?;
        self.write(&mut connection, ctx, payment, &refunded).await
    }
}

fn already(found: Option<Payment>) -> Result<Payment, PaymentError> {
    match found {
        None => Err(PaymentError::NotFound),
        Some(payment) if payment.status == Status::Refunded => Ok(payment),
        Some(payment) => Err(PaymentError::NotRefundable(payment.status)),
    }
}
