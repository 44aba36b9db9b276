//! Comparing what customers were told to have failed with what the gateway has charged.
//!
//! Every failed payment is compared until the gateway has confirmed that nothing stands for it: those that
//! nobody waited for soon, those that surely did nothing later, in case that this was wrong. One after the
//! other: a gateway in trouble has better to do.
//! Invariant: after the comparison nothing stands at the gateway, and, by its tombstone, nothing ever will.

use chrono::{DateTime, Utc};

use super::gateway::{GatewayError, Standing};
use super::pay::after;
use super::store::due;
use super::{Payment, Payments, meters};
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::ids::PaymentId;

/// Taken at once. They are due again when the gateway could not be asked.
const BATCH: u32 = 16;

impl Payments {
    /// Compares what is due, and returns how many payments that were.
    pub(super) async fn compare_due(&self, ctx: &RequestContext) -> Result<usize, DatabaseError> {
        let now = self.clock.now();
        let again = after(now, self.config.reconcile.compare);
        let lease = due::Lease {
            now,
            soon: again,
            late: again,
            attempts: 0,
        };
        let taken = {
            let mut connection = self.database.acquire(ctx).await?;
            due::take_failed(&mut connection, ctx, lease, BATCH).await?
        };
        for payment in &taken {
            self.compare(ctx, payment).await?;
        }
        Ok(taken.len())
    }

    /// When something is due to be compared.
    pub(super) async fn next_comparison(
        &self,
        ctx: &RequestContext,
    ) -> Result<Option<DateTime<Utc>>, DatabaseError> {
        let mut connection = self.database.acquire(ctx).await?;
        due::next_failed(&mut connection, ctx).await
    }

    async fn compare(&self, ctx: &RequestContext, payment: &Payment) -> Result<(), DatabaseError> {
        match self.cancel_what_stands(ctx, payment.id).await {
            Ok(()) => {
                let mut connection = self.database.acquire(ctx).await?;
                due::compared(&mut connection, ctx, payment.id).await
            }
            // It is due again.
            Err(error) => {
                tracing::debug!(%error, payment = %payment.id, "a payment could not be compared");
                Ok(())
            }
        }
    }

    async fn cancel_what_stands(
        &self,
        ctx: &RequestContext,
        payment: PaymentId,
    ) -> Result<(), GatewayError> {
        let standing = self.gateway.find(ctx, payment).await?;
        if standing == Standing::Cancelled {
            return Ok(());
        }
        self.gateway.cancel(ctx, payment).await?;
        if let Standing::Charged { .. } = standing {
            meters::orphan();
            tracing::warn!(%payment, "a charge without a payment was cancelled");
        }
        Ok(())
    }
}
