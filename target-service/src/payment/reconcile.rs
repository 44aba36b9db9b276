//! Finding out what became of payments whose outcome is not known.
//!
//! | the gateway says | the payment |
//! |---|---|
//! | charged | SUCCEEDED |
//! | cancelled | FAILED |
//! | nothing | is to be cancelled; a tombstone is left there; FAILED |
//! | no answer | is asked for again, and never forgotten |
//!
//! Each step may be done twice, or by two instances, and its intention is written down before it. So a crash
//! between any two of them leaves nothing but a payment that is due again.

use chrono::{DateTime, Utc};

use super::gateway::{GatewayError, Standing};
use super::pay::after;
use super::store::{self, Settlement, due};
use super::{Failure, Payment, Payments, Status, meters};
use crate::context::RequestContext;
use crate::database::DatabaseError;

impl Payments {
    /// Looks at what is due, and returns how many payments that were.
    pub(super) async fn reconcile_due(&self, ctx: &RequestContext) -> Result<usize, DatabaseError> {
        let config = &self.config.reconcile;
        let now = self.clock.now();
        let lease = due::Lease {
            now,
            soon: after(now, config.interval),
            late: after(now, config.sweep),
            attempts: self.most_attempts(),
        };
        let taken = {
            let mut connection = self.database.acquire(ctx).await?;
            due::take_open(&mut connection, ctx, lease, config.max_in_flight).await?
        };
        let number = taken.len();
        let looks = taken.iter().map(|payment| self.look(ctx, payment));
        futures_util::future::join_all(looks).await;
        Ok(number)
    }

    /// Shows what the alert reads, and returns when something is due next.
    pub(super) async fn show_open(
        &self,
        ctx: &RequestContext,
    ) -> Result<Option<DateTime<Utc>>, DatabaseError> {
        let mut connection = self.database.acquire(ctx).await?;
        let open = due::count_open(&mut connection, ctx, self.most_attempts()).await?;
        meters::open(open.all, open.unresolved, open.queued);
        Ok(open.next_due)
    }

    fn most_attempts(&self) -> i32 {
        i32::try_from(self.config.reconcile.attempts).unwrap_or(i32::MAX)
    }

    async fn look(&self, ctx: &RequestContext, payment: &Payment) {
        match self.resolve(ctx, payment).await {
            Ok(outcome) => meters::reconciled(outcome),
            Err(Unresolved(error)) => {
                meters::reconciled("unresolved");
                // Once for each payment, and not each time.
                if payment.attempts == self.most_attempts() {
                    tracing::warn!(payment = %payment.id, error, "a payment is unresolved");
                }
            }
        }
    }

    async fn resolve(
        &self,
        ctx: &RequestContext,
        payment: &Payment,
    ) -> Result<&'static str, Unresolved> {
        if payment.status == Status::Succeeded {
            self.gateway.cancel(ctx, payment.id).await?;
            self.refunded(ctx, payment).await?;
            return Ok("refunded");
        }
        // A decision to cancel stands, whatever has happened at the gateway meanwhile.
        if !payment.cancelling {
            match self.gateway.find(ctx, payment.id).await? {
                Standing::Charged { gateway_id, amount } if amount == payment.amount => {
                    return self.succeeded(ctx, payment, gateway_id).await;
                }
                Standing::Charged { amount, .. } => {
                    let expected = payment.amount;
                    let reason = format!("{amount} is charged instead of {expected}");
                    return Err(Unresolved(reason));
                }
                Standing::Cancelled => return self.not_charged(ctx, payment).await,
                Standing::Unknown => {}
            }
            if !self.decide_to_cancel(ctx, payment).await? {
                return Ok("settled");
            }
        }
        self.gateway.cancel(ctx, payment.id).await?;
        self.not_charged(ctx, payment).await
    }

    /// From here on the answer to a call that is still under way cannot make it SUCCEEDED. `false`: it was
    /// settled before.
    async fn decide_to_cancel(
        &self,
        ctx: &RequestContext,
        payment: &Payment,
    ) -> Result<bool, DatabaseError> {
        let now = self.clock.now();
        let due_at = after(now, self.config.reconcile.interval);
        let from = Status::Failed.sources();
        let mut connection = self.database.acquire(ctx).await?;
        let decided =
            store::request_cancel(&mut connection, ctx, payment.id, from, now, due_at).await?;
        Ok(decided.is_some())
    }

    async fn succeeded(
        &self,
        ctx: &RequestContext,
        payment: &Payment,
        gateway_id: String,
    ) -> Result<&'static str, Unresolved> {
        let settlement = Settlement {
            status: Status::Succeeded,
            failure: None,
            gateway_id: Some(gateway_id),
            due_at: None,
        };
        let mut connection = self.database.acquire(ctx).await?;
        self.write(&mut connection, ctx, payment, &settlement)
            .await?;
        Ok("succeeded")
    }

    async fn not_charged(
        &self,
        ctx: &RequestContext,
        payment: &Payment,
    ) -> Result<&'static str, Unresolved> {
        let settlement = self.failed(Failure::NotCharged, self.clock.now());
        let mut connection = self.database.acquire(ctx).await?;
        self.write(&mut connection, ctx, payment, &settlement)
            .await?;
        Ok("failed")
    }
}

/// Why there is no outcome yet, for the log.
struct Unresolved(String);

impl From<GatewayError> for Unresolved {
    fn from(error: GatewayError) -> Self {
        Self(error.to_string())
    }
}

impl From<DatabaseError> for Unresolved {
    fn from(error: DatabaseError) -> Self {
        Self(error.to_string())
    }
}
