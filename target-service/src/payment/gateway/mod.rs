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
mod transport;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::Method;
use tokio::time::Instant;

pub use config::{GatewayConfig, GatewayUrl, HttpConfig, RetryConfig, TimeoutConfig};
pub use error::{AttemptError, CallError, GatewayError};

use self::error::Health;
use self::meters::Exchange;
use self::transport::{Answer, Outgoing, Transport};
use super::Config;
use crate::context::RequestContext;
use crate::ids::PaymentId;
use crate::resilience::adaptive_throttle::{AdaptiveThrottle, Attempted};
use crate::resilience::bulkhead::Bulkhead;
use crate::resilience::circuit_breaker::CircuitBreaker;
use crate::resilience::rate_limit::RateLimit;
use crate::resilience::retry::{Budget, Call, Classify as _, Failure, GaveUp, Repeat, Retry};
use crate::resilience::timeout::Timeouts;
use crate::section::{Followed, Section};

/// As the dependency is named in the metrics.
const NAME: &str = "payment_gateway";

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

#[derive(Debug)]
struct Parts {
    throttle: AdaptiveThrottle,
    retry: Retry,
    budget: Arc<Budget>,
    bulkhead: Bulkhead,
    rate_limit: RateLimit,
    breaker: Arc<CircuitBreaker>,
    timeouts: Arc<Timeouts>,
    transport: Transport,
}

impl Gateway {
    /// Connects to nothing yet.
    pub fn new(config: &Config) -> Self {
        let budget = Arc::new(Budget::new(NAME, config.retry.budget));
        let timeouts = Arc::new(Timeouts::new(NAME, config.timeout.limits()));
        let parts = Parts {
            throttle: AdaptiveThrottle::new(NAME, config.throttle),
            retry: Retry::new(NAME, config.retry.attempts(), Arc::clone(&budget)),
            budget,
            bulkhead: Bulkhead::new(NAME, config.bulkhead),
            rate_limit: RateLimit::new(NAME, config.rate_limit),
            breaker: CircuitBreaker::new(NAME, config.breaker),
            transport: Transport::new(&config.gateway.url, &config.http, Arc::clone(&timeouts)),
            timeouts,
        };
        Self {
            parts: Arc::new(parts),
        }
    }

    /// The knobs that the parts follow; `config` is what they were made with.
    pub fn sections(&self, config: &Config) -> [Arc<dyn Section>; 7] {
        let parts = || Arc::clone(&self.parts);
        let (throttle, retry, bulkhead, rate_limit) = (parts(), parts(), parts(), parts());
        let (breaker, timeouts, http) = (parts(), parts(), parts());
        [
            Followed::new("payment.timeout", config.timeout.clone(), move |to| {
                timeouts.timeouts.apply(to.limits());
            }),
            Followed::new("payment.retry", config.retry.clone(), move |to| {
                retry.retry.apply(to.attempts());
                retry.budget.apply(to.budget);
            }),
            Followed::new("payment.breaker", config.breaker, move |to| {
                breaker.breaker.apply(*to);
            }),
            Followed::new("payment.bulkhead", config.bulkhead, move |to| {
                bulkhead.bulkhead.apply(*to);
            }),
            Followed::new("payment.rate_limit", config.rate_limit, move |to| {
                rate_limit.rate_limit.apply(*to);
            }),
            Followed::new("payment.throttle", config.throttle, move |to| {
                throttle.throttle.apply(*to);
            }),
            Followed::new("payment.http", config.http.clone(), move |to| {
                http.transport.apply(to);
            }),
        ]
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
        self.call(ctx, Operation::Charge, &outgoing, |answer| {
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
        self.call(ctx, Operation::Find, &outgoing, |answer| {
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
        self.call(ctx, Operation::Cancel, &outgoing, |answer| {
            answer::cancelled(answer, payment)
        })
        .await
    }

    /// In the order that [`crate::resilience`] explains. Every call here is safe to repeat.
    async fn call<T>(
        &self,
        ctx: &RequestContext,
        operation: Operation,
        outgoing: &Outgoing,
        read: impl Fn(&Answer) -> Result<T, AttemptError>,
    ) -> Result<T, GatewayError> {
        let _timer = CallTimer {
            ctx,
            begun: Instant::now(),
        };
        let deadline = ctx.deadline();
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(GatewayError::NothingDone(CallError::Deadline));
        }
        let throttle = &self.parts.throttle;
        let attempted = throttle
            .admit()
            .map_err(|error| GatewayError::NothingDone(error.into()))?;
        let call = Call {
            repeat: Repeat::Safe,
            deadline,
        };
        // A later attempt that was surely not done does not undo an earlier one.
        let may_be_done = AtomicBool::new(false);
        let attempt = async |_| {
            let result = self.attempt(operation, outgoing, deadline, &read).await;
            if result.as_ref().is_err_and(AttemptError::may_have_been_done) {
                may_be_done.store(true, Ordering::Relaxed);
            }
            result
        };
        let result = self.parts.retry.run(call, attempt).await;
        settle(attempted, &result);
        result.map_err(|error| {
            if may_be_done.into_inner() {
                GatewayError::Unknown(error.into())
            } else {
                GatewayError::NothingDone(error.into())
            }
        })
    }

    async fn attempt<T>(
        &self,
        operation: Operation,
        outgoing: &Outgoing,
        deadline: Option<Instant>,
        read: &impl Fn(&Answer) -> Result<T, AttemptError>,
    ) -> Result<T, AttemptError> {
        let parts = &self.parts;
        let _place = parts.bulkhead.enter(deadline).await?;
        let _connection = parts.transport.place(deadline).await?;
        parts.rate_limit.acquire(deadline).await?;
        let permit = parts.breaker.admit()?;
        let mut exchange = Exchange::begin(operation);
        let answered = parts.transport.exchange(outgoing, deadline).await;
        let result = answered.and_then(|answer| {
            exchange.answered(answer.status);
            read(&answer)
        });
        exchange.ended(&result);
        match result
            .as_ref()
            .map_or_else(AttemptError::health, |_| Health::Well)
        {
            Health::Well => permit.succeeded(),
            Health::Failing => permit.failed(),
            Health::Untold => drop(permit),
        }
        result
    }
}

fn settle<T>(attempted: Attempted<'_>, result: &Result<T, GaveUp<AttemptError>>) {
    match result.as_ref().map_err(|gave_up| &gave_up.error) {
        Ok(_) => attempted.accepted(),
        Err(error) if error.is_refusal() => attempted.refused(),
        Err(error) if matches!(error.failure(), Failure::Status { .. }) => attempted.accepted(),
        // Nothing is known about the gateway.
        Err(_) => drop(attempted),
    }
}

/// Adds to the request's time split, also when the caller leaves.
struct CallTimer<'a> {
    ctx: &'a RequestContext,
    begun: Instant,
}

impl Drop for CallTimer<'_> {
    fn drop(&mut self) {
        self.ctx.time_split().add_gateway(self.begun.elapsed());
    }
}
