//! Paying: the payment is written down, the gateway is called, and the outcome is written down.
//!
//! Whatever happens between two of these steps, the payment stays due for reconciliation. What the gateway
//! answered is never turned into an error by trouble on this side: then the outcome is "not known yet".

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::gateway::{Charge, Charged, GatewayError};
use super::store::{self, Settlement};
use super::{
    Failure, Mode, NewPayment, OnTimeout, Payment, PaymentError, Payments, Status, meters,
};
use crate::context::RequestContext;
use crate::database::{DatabaseError, OnConstraint as _};

impl Payments {
    /// A payment that has failed is no error: its status says so.
    pub async fn pay(
        &self,
        ctx: &RequestContext,
        new: NewPayment,
    ) -> Result<Payment, PaymentError> {
        if self.config.call_in_transaction {
            return self.pay_in_transaction(ctx, &new).await;
        }
        // The connection goes back before the gateway is called.
        let inserted = {
            let mut connection = self.database.acquire(ctx).await?;
            self.request(&mut connection, ctx, &new).await?
        };
        let Some(payment) = inserted else {
            return self.repeated(ctx, &new).await;
        };
        self.wake(&payment);
        if payment.queued {
            return Ok(payment);
        }
        Ok(self.charge(ctx, payment).await)
    }

    /// Calls the gateway for a payment that is written down, and writes down the outcome.
    pub(super) async fn charge(&self, ctx: &RequestContext, payment: Payment) -> Payment {
        let charged = self.gateway.charge(ctx, charge_of(&payment)).await;
        let settlement = self.settlement(&payment, charged);
        let written = async {
            let mut connection = self.database.acquire(ctx).await?;
            self.write(&mut connection, ctx, &payment, &settlement)
                .await
        };
        match written.await {
            Ok(payment) => payment,
            Err(error) => {
                // Reconciliation asks the gateway again.
                tracing::warn!(%error, payment = %payment.id, "the outcome of a payment is not written down");
                Payment {
                    status: Status::Pending,
                    ..payment
                }
            }
        }
    }

    /// The mistake: one transaction, and its connection, from the first statement to the gateway's answer.
    async fn pay_in_transaction(
        &self,
        ctx: &RequestContext,
        new: &NewPayment,
    ) -> Result<Payment, PaymentError> {
        let mut transaction = self.database.begin(ctx).await?;
        let Some(payment) = self.request(&mut transaction, ctx, new).await? else {
            drop(transaction);
            return self.repeated(ctx, new).await;
        };
        let payment = if payment.queued {
            payment
        } else {
            let charged = self.gateway.charge(ctx, charge_of(&payment)).await;
            let settlement = self.settlement(&payment, charged);
            self.write(&mut transaction, ctx, &payment, &settlement)
                .await?
        };
        transaction.commit().await?;
        self.wake(&payment);
        Ok(payment)
    }

    /// Wakes the worker that has to look after a payment.
    fn wake(&self, payment: &Payment) {
        match payment.status {
            Status::Requested if payment.queued => self.wakes.queued.notify_one(),
            Status::Failed => self.wakes.failed.notify_one(),
            _ => self.wakes.open.notify_one(),
        }
    }

    async fn request(
        &self,
        connection: &mut PgConnection,
        ctx: &RequestContext,
        new: &NewPayment,
    ) -> Result<Option<Payment>, PaymentError> {
        let now = self.clock.now();
        let due_at = match self.config.mode {
            Mode::Inline => Some(after(now, self.config.reconcile.requested_for)),
            Mode::Queued => None,
        };
        let inserted = store::insert(connection, ctx, new, now, due_at)
            .await
            .on_constraint(store::MEMBER, || PaymentError::MemberNotFound)?;
        inserted.iter().for_each(meters::became);
        Ok(inserted)
    }

    /// The same answer as the first time, or where that has changed since, as it is now.
    async fn repeated(
        &self,
        ctx: &RequestContext,
        new: &NewPayment,
    ) -> Result<Payment, PaymentError> {
        let mut connection = self.database.acquire(ctx).await?;
        match store::find_by_key(&mut connection, ctx, new).await? {
            Some((_, false)) => Err(PaymentError::KeyReused),
            Some((payment, true)) if payment.status == Status::Requested && !payment.queued => {
                Err(PaymentError::InProgress)
            }
            Some((payment, true)) => Ok(payment),
            // Its transaction was rolled back just now.
            None => Err(PaymentError::InProgress),
        }
    }

    /// What the gateway's answer, or its silence, makes of a payment.
    fn settlement(&self, payment: &Payment, charged: Result<Charged, GatewayError>) -> Settlement {
        let now = self.clock.now();
        let failed = |failure| self.failed(failure, now);
        match charged {
            Ok(Charged::Approved { gateway_id }) => Settlement {
                status: Status::Succeeded,
                failure: None,
                gateway_id: Some(gateway_id),
                due_at: None,
            },
            Ok(Charged::Declined) => failed(Failure::Declined),
            Ok(Charged::Cancelled) => failed(Failure::NotCharged),
            Err(error @ GatewayError::NothingDone(_)) => {
                tracing::debug!(%error, payment = %payment.id, "a payment was not sent");
                failed(Failure::Unavailable)
            }
            Err(error @ GatewayError::Unknown(_)) => {
                tracing::debug!(%error, payment = %payment.id, "the outcome of a payment is not known");
                match self.config.on_timeout {
                    OnTimeout::Fail => failed(Failure::TimedOut),
                    OnTimeout::Pending => Settlement {
                        status: Status::Pending,
                        failure: None,
                        gateway_id: None,
                        due_at: Some(after(now, self.config.reconcile.interval)),
                    },
                }
            }
        }
    }

    /// With the time at which it is compared with what the gateway knows.
    pub(super) fn failed(&self, failure: Failure, now: DateTime<Utc>) -> Settlement {
        let reconcile = &self.config.reconcile;
        let compare_after = match failure {
            Failure::TimedOut => Some(reconcile.compare),
            Failure::Declined | Failure::Unavailable => Some(reconcile.compare_certain),
            Failure::NotCharged => None,
        };
        let due_at = compare_after
            .filter(|_| !reconcile.compare.is_zero())
            .map(|time| after(now, time));
        Settlement {
            status: Status::Failed,
            failure: Some(failure),
            gateway_id: None,
            due_at,
        }
    }

    /// The payment as it is then: somebody else may have come before.
    pub(super) async fn write(
        &self,
        connection: &mut PgConnection,
        ctx: &RequestContext,
        payment: &Payment,
        settlement: &Settlement,
    ) -> Result<Payment, DatabaseError> {
        let now = self.clock.now();
        if let Some(settled) = store::settle(connection, ctx, payment.id, settlement, now).await? {
            meters::became(&settled);
            if settlement.due_at.is_some() {
                self.wake(&settled);
            }
            return Ok(settled);
        }
        let found = store::find(connection, ctx, payment.id).await?;
        Ok(match found {
            // It is being cancelled.
            Some(found) if found.status == Status::Requested => Payment {
                status: Status::Pending,
                ..found
            },
            Some(found) => found,
            None => payment.clone(),
        })
    }
}

fn charge_of(payment: &Payment) -> Charge {
    Charge {
        payment: payment.id,
        amount: payment.amount,
    }
}

pub(super) fn after(now: DateTime<Utc>, time: std::time::Duration) -> DateTime<Utc> {
    // At most a year, see `crate::duration`.
    now + TimeDelta::from_std(time).unwrap_or(TimeDelta::MAX)
}
