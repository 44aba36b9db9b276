//! Who takes the payments of orders, as the flows see it.

use std::fmt;

use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::context::RequestContext;
use crate::idempotency::IdempotencyKey;
use crate::ids::{MemberId, OrderId, PaymentId};
use crate::payment::{self, Amount, PaymentError, Payments};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPayment {
    pub order_id: OrderId,
    pub member_id: MemberId,
    pub amount: i64,
    pub key: IdempotencyKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payment {
    pub id: PaymentId,
    pub member_id: MemberId,
    pub amount: i64,
    pub status: PaymentStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentStatus {
    /// Not certain yet: requested, or being confirmed. Becomes one of the others.
    Pending,
    Succeeded,
    /// Nothing is charged, and nothing will be.
    Failed,
    /// Given up after waiting for too long, and told to the customer as failed: a charge may stand. That is
    /// a mistake, and some payers make it when they are told to.
    TimedOut,
    Refunded,
}

#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PayerError {
    /// Nothing is charged for this request, and nothing will be.
    #[error("the payment was not taken on: {0}")]
    NotTaken(String),
    /// What has become of the payment is not known here. [`Payer::of_order`] knows it, later if not now.
    #[error("the payment's outcome is not known: {0}")]
    Unclear(String),
}

pub trait Payer: fmt::Debug + Send + Sync {
    /// Pays once, however often it is called with one key.
    fn pay<'a>(
        &'a self,
        ctx: &'a RequestContext,
        payment: NewPayment,
    ) -> BoxFuture<'a, Result<Payment, PayerError>>;

    /// Every payment that was asked for under this order's id, whatever has become of it.
    fn of_order<'a>(
        &'a self,
        ctx: &'a RequestContext,
        order: OrderId,
    ) -> BoxFuture<'a, Result<Vec<Payment>, PayerError>>;

    /// Gives a payment that succeeded back. Once or often is the same.
    fn refund<'a>(
        &'a self,
        ctx: &'a RequestContext,
        payment: PaymentId,
    ) -> BoxFuture<'a, Result<(), PayerError>>;
}

impl Payer for Payments {
    fn pay<'a>(
        &'a self,
        ctx: &'a RequestContext,
        payment: NewPayment,
    ) -> BoxFuture<'a, Result<Payment, PayerError>> {
        Box::pin(async move {
            let NewPayment {
                order_id,
                member_id,
                amount,
                key,
            } = payment;
            let amount =
                Amount::new(amount).map_err(|error| PayerError::NotTaken(error.to_string()))?;
            let asked = payment::NewPayment {
                order_id,
                member_id,
                amount,
                key,
            };
            let paid = Payments::pay(self, ctx, asked)
                .await
                .map_err(|error| unclear(&error))?;
            if paid.failure == Some(payment::Failure::Unavailable) {
                return Err(PayerError::NotTaken(
                    "the gateway was not called".to_owned(),
                ));
            }
            Ok(seen_by_flows(&paid))
        })
    }

    fn of_order<'a>(
        &'a self,
        ctx: &'a RequestContext,
        order: OrderId,
    ) -> BoxFuture<'a, Result<Vec<Payment>, PayerError>> {
        Box::pin(async move {
            let payments = Payments::of_order(self, ctx, order).await;
            Ok(payments
                .map_err(|error| unclear(&error))?
                .iter()
                .map(seen_by_flows)
                .collect())
        })
    }

    fn refund<'a>(
        &'a self,
        ctx: &'a RequestContext,
        payment: PaymentId,
    ) -> BoxFuture<'a, Result<(), PayerError>> {
        Box::pin(async move {
            Payments::refund(self, ctx, payment)
                .await
                .map_err(|error| unclear(&error))?;
            Ok(())
        })
    }
}

/// Also where the database did not take the payment on: whether it was written is not known then.
fn unclear(error: &PaymentError) -> PayerError {
    PayerError::Unclear(error.to_string())
}

fn seen_by_flows(payment: &payment::Payment) -> Payment {
    let status = match (payment.status, payment.failure) {
        (payment::Status::Requested | payment::Status::Pending, _) => PaymentStatus::Pending,
        // Its refund is decided, so it pays for nothing any more.
        (payment::Status::Succeeded, _) if payment.refunding => PaymentStatus::Refunded,
        (payment::Status::Succeeded, _) => PaymentStatus::Succeeded,
        (payment::Status::Refunded, _) => PaymentStatus::Refunded,
        (payment::Status::Failed, Some(payment::Failure::TimedOut)) => PaymentStatus::TimedOut,
        (payment::Status::Failed, _) => PaymentStatus::Failed,
    };
    Payment {
        id: payment.id,
        member_id: payment.member_id,
        amount: payment.amount,
        status,
    }
}
