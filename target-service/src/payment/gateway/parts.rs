//! One call to the gateway, put together from the parts of [`crate::resilience`] in the order explained there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::error::{AttemptError, CallError, GatewayError, Health};
use super::meters::Exchange;
use super::transport::{Answer, Outgoing, Transport};
use super::{Config, Operation};
use crate::context::RequestContext;
use crate::resilience::adaptive_throttle::{AdaptiveThrottle, Attempted};
use crate::resilience::bulkhead::Bulkhead;
use crate::resilience::circuit_breaker::CircuitBreaker;
use crate::resilience::rate_limit::RateLimit;
use crate::resilience::retry::{Budget, Call, Classify as _, Failure, GaveUp, Repeat, Retry};
use crate::resilience::timeout::Timeouts;
use crate::section::{Followed, Section};

/// As the dependency is named in the metrics.
const NAME: &str = "payment_gateway";

#[derive(Debug)]
pub(super) struct Parts {
    throttle: AdaptiveThrottle,
    retry: Retry,
    budget: Arc<Budget>,
    bulkhead: Bulkhead,
    rate_limit: RateLimit,
    breaker: Arc<CircuitBreaker>,
    timeouts: Arc<Timeouts>,
    transport: Transport,
}

impl Parts {
    pub(super) fn new(config: &Config) -> Self {
        let budget = Arc::new(Budget::new(NAME, config.retry.budget));
        let timeouts = Arc::new(Timeouts::new(NAME, config.timeout.limits()));
        Self {
            throttle: AdaptiveThrottle::new(NAME, config.throttle),
            retry: Retry::new(NAME, config.retry.attempts(), Arc::clone(&budget)),
            budget,
            bulkhead: Bulkhead::new(NAME, config.bulkhead),
            rate_limit: RateLimit::new(NAME, config.rate_limit),
            breaker: CircuitBreaker::new(NAME, config.breaker),
            transport: Transport::new(&config.gateway.url, &config.http, Arc::clone(&timeouts)),
            timeouts,
        }
    }

    /// The knobs that the parts follow; `config` is what they were made with.
    pub(super) fn sections(self: &Arc<Self>, config: &Config) -> [Arc<dyn Section>; 7] {
        let parts = || Arc::clone(self);
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

    /// In the order that [`crate::resilience`] explains. Every call here is safe to repeat.
    pub(super) async fn call<T>(
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
        let throttle = &self.throttle;
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
        let result = self.retry.run(call, attempt).await;
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
        self.breaker.refuse_while_open()?;
        let _place = self.bulkhead.enter(deadline).await?;
        let _connection = self.transport.place(deadline).await?;
        self.rate_limit.acquire(deadline).await?;
        let permit = self.breaker.admit()?;
        let mut exchange = Exchange::begin(operation);
        let answered = self.transport.exchange(outgoing, deadline).await;
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
