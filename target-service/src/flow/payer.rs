//! Who takes the payments of orders, as the flows see it.

use std::fmt;

use futures_util::future::BoxFuture;
use thiserror::Error;

use crate::context::RequestContext;
use crate::idempotency::IdempotencyKey;
use crate::ids::{MemberId, OrderId, PaymentId};

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

/// Takes no payments: only orders that points pay for in full come through.
#[derive(Debug, Clone, Copy)]
pub struct NoPayer;

impl Payer for NoPayer {
    fn pay<'a>(
        &'a self,
        _: &'a RequestContext,
        _: NewPayment,
    ) -> BoxFuture<'a, Result<Payment, PayerError>> {
        let refusal = PayerError::NotTaken("this service takes no payments".to_owned());
        Box::pin(async { Err(refusal) })
    }

    fn of_order<'a>(
        &'a self,
        _: &'a RequestContext,
        _: OrderId,
    ) -> BoxFuture<'a, Result<Vec<Payment>, PayerError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn refund<'a>(
        &'a self,
        _: &'a RequestContext,
        _: PaymentId,
    ) -> BoxFuture<'a, Result<(), PayerError>> {
        let refusal = PayerError::NotTaken("this service takes no payments".to_owned());
        Box::pin(async { Err(refusal) })
    }
}
