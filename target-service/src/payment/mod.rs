//! Payments: paying, refunding, and finding out what became of those that nobody knows the outcome of.
//!
//! A payment is written down before the gateway is called and told to the customer as what is certain: paid,
//! not paid, or not known yet. What is not known is found out by reconciliation, in this instance or another.
//!
//! Invariants: a payment is charged at most once, whatever is repeated, answered late or interrupted; who was
//! told that it succeeded has been charged; who was told that it failed has not, or gets it back.

pub mod api;
mod compare;
mod config;
pub mod gateway;
mod meters;
mod pay;
mod queue;
mod reconcile;
mod refund;
mod request;
mod store;
mod workers;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

pub use config::{Config, Mode, OnTimeout, QueueConfig, ReconcileConfig};
pub use request::{Amount, AmountError, NewPayment};

use self::gateway::Gateway;
use self::workers::Wakes;
use crate::clock::Clock;
use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::ids::{MemberId, OrderId, PaymentId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Payment {
    pub id: PaymentId,
    pub order_id: OrderId,
    pub member_id: MemberId,
    pub amount: i64,
    pub status: Status,
    /// Why it failed; null while it has not.
    #[schema(value_type = Option<String>)]
    pub failure: Option<Failure>,
    /// It succeeded and is being given back.
    pub refunding: bool,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    #[serde(skip)]
    pub queued: bool,
    #[serde(skip)]
    cancelling: bool,
    #[serde(skip)]
    attempts: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Written down; the gateway is being asked, or will be.
    Requested,
    /// The outcome is not known, and is being found out.
    Pending,
    Succeeded,
    Failed,
    Refunded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// By the gateway.
    Declined,
    /// Nothing was sent: the gateway cannot be reached, or this service did not let the call through.
    Unavailable,
    /// The mistake of `payment.on_timeout = "fail"`: nobody waited for the outcome.
    TimedOut,
    /// Nothing stands at the gateway, and nothing ever will.
    NotCharged,
}

impl Status {
    const ALL: [Self; 5] = [
        Self::Requested,
        Self::Pending,
        Self::Succeeded,
        Self::Failed,
        Self::Refunded,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "REQUESTED",
            Self::Pending => "PENDING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Refunded => "REFUNDED",
        }
    }

    /// From where it is reached.
    fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Requested => &[],
            Self::Pending => &["REQUESTED"],
            Self::Succeeded | Self::Failed => &["REQUESTED", "PENDING"],
            Self::Refunded => &["SUCCEEDED"],
        }
    }
}

impl Failure {
    const ALL: [Self; 4] = [
        Self::Declined,
        Self::Unavailable,
        Self::TimedOut,
        Self::NotCharged,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::Unavailable => "unavailable",
            Self::TimedOut => "timed_out",
            Self::NotCharged => "not_charged",
        }
    }
}

#[derive(Debug, Error)]
pub enum PaymentError {
    #[error("there is no such payment")]
    NotFound,
    #[error("there is no such member")]
    MemberNotFound,
    #[error("a payment with this key is under way")]
    InProgress,
    #[error("this key was used for another payment")]
    KeyReused,
    #[error("only a payment that succeeded is given back; this one is {}", .0.as_str())]
    NotRefundable(Status),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Everything that can be done with payments. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Payments {
    database: Database,
    clock: Clock,
    gateway: Gateway,
    config: Arc<Config>,
    wakes: Arc<Wakes>,
}

impl Payments {
    pub fn new(database: Database, clock: Clock, gateway: Gateway, config: &Config) -> Self {
        Self {
            database,
            clock,
            gateway,
            config: Arc::new(config.clone()),
            wakes: Arc::default(),
        }
    }

    pub async fn find(&self, ctx: &RequestContext, id: PaymentId) -> Result<Payment, PaymentError> {
        let mut connection = self.database.acquire(ctx).await?;
        store::find(&mut connection, ctx, id)
            .await?
            .ok_or(PaymentError::NotFound)
    }

    /// In the order of their making.
    pub async fn of_order(
        &self,
        ctx: &RequestContext,
        order: OrderId,
    ) -> Result<Vec<Payment>, PaymentError> {
        let mut connection = self.database.acquire(ctx).await?;
        Ok(store::of_order(&mut connection, ctx, order).await?)
    }
}
