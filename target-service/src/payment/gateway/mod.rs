//! The client of the external payment gateway: what can be asked of it, and the parts around each call.
//!
//! The gateway knows a payment by the payment's own id. Each charge carries the same key however often it is
//! sent, so that it is made once; cancelling what is not there leaves a tombstone on which later work charges
//! nothing.
//! Invariant: [`GatewayError::NothingDone`] is said only when no attempt of the call can have had an effect.

mod answer;
mod config;
mod error;
mod meters;
mod parts;
mod transport;

use std::sync::Arc;

use bytes::Bytes;
use http::Method;

pub use config::{GatewayConfig, GatewayUrl, HttpConfig, RetryConfig, TimeoutConfig};
pub use error::{AttemptError, CallError, GatewayError};

use self::parts::Parts;
use self::transport::Outgoing;
use super::Config;
use crate::context::RequestContext;
use crate::ids::PaymentId;
use crate::section::Section;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    pub payment: PaymentId,
    pub amount: i64,
}

/// The outcome of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    Approved {
        gateway_id: String,
    },
    Declined,
    /// A tombstone stands there: nothing was charged, and nothing will be.
    Cancelled,
}

/// What the gateway knows of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Charged {
        gateway_id: String,
        /// The sum of all charges that stand.
        amount: i64,
    },
    Cancelled,
    /// Nothing, yet: a charge may still be on its way.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
enum Operation {
    Charge,
    Find,
    Cancel,
}

impl Operation {
    fn method(self) -> &'static str {
        match self {
            Self::Charge | Self::Cancel => "POST",
            Self::Find => "GET",
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::Charge => "/payments",
            Self::Find => "/payments/{order_id}",
            Self::Cancel => "/payments/{order_id}/cancel",
        }
    }
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gateway {
    parts: Arc<Parts>,
}

impl Gateway {
    /// Connects to nothing yet.
    pub fn new(config: &Config) -> Self {
        Self {
            parts: Arc::new(Parts::new(config)),
        }
    }

    /// The knobs that the calls follow; `config` is what this was made with.
    pub fn sections(&self, config: &Config) -> [Arc<dyn Section>; 7] {
        self.parts.sections(config)
    }

    pub async fn charge(
        &self,
        ctx: &RequestContext,
        charge: Charge,
    ) -> Result<Charged, GatewayError> {
        let Charge { payment, amount } = charge;
        let body = serde_json::json!({"order_id": payment.to_string(), "amount": amount});
        let outgoing = Outgoing {
            method: Method::POST,
            path: "/payments".to_owned(),
            key: Some(format!("payment-{payment}")),
            body: body.to_string().into(),
        };
        self.parts
            .call(ctx, Operation::Charge, &outgoing, |answer| {
                answer::charged(answer, &charge)
            })
            .await
    }

    pub async fn find(
        &self,
        ctx: &RequestContext,
        payment: PaymentId,
    ) -> Result<Standing, GatewayError> {
        let outgoing = Outgoing {
            method: Method::GET,
            path: format!("/payments/{payment}"),
            key: None,
            body: Bytes::new(),
        };
        self.parts
            .call(ctx, Operation::Find, &outgoing, |answer| {
                answer::standing(answer, payment)
            })
            .await
    }

    /// After this nothing stands for the payment, and nothing ever will.
    pub async fn cancel(
        &self,
        ctx: &RequestContext,
        payment: PaymentId,
    ) -> Result<(), GatewayError> {
        let outgoing = Outgoing {
            method: Method::POST,
            path: format!("/payments/{payment}/cancel"),
            key: None,
            body: Bytes::new(),
        };
        self.parts
            .call(ctx, Operation::Cancel, &outgoing, |answer| {
                answer::cancelled(answer, payment)
            })
            .await
    }
}
