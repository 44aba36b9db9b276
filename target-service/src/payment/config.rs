//! The configuration of payments (`payment.`).
//!
//! The parts around a call to the gateway (`timeout`, `retry`, `breaker`, `bulkhead`, `rate_limit`, `throttle`,
//! `http`) are knobs. Breaker, bulkhead, rate limit and throttle are off unless they are switched on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::gateway::{GatewayConfig, HttpConfig, RetryConfig, TimeoutConfig};
use crate::resilience::{adaptive_throttle, bulkhead, circuit_breaker, rate_limit};
use crate::section::{OutOfRange, Settings};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// When the gateway is called. Default `inline`.
    pub mode: Mode,
    /// What the customer is told when the outcome is not known in time. Default `pending`.
    pub on_timeout: OnTimeout,
    /// `true` is the mistake: the gateway is called inside the transaction that writes the payment, so that
    /// the database connection is held while the gateway works, and a crash forgets a charge. Default false.
    pub call_in_transaction: bool,
    pub gateway: GatewayConfig,
    pub timeout: TimeoutConfig,
    pub retry: RetryConfig,
    pub breaker: circuit_breaker::Config,
    pub bulkhead: bulkhead::Config,
    pub rate_limit: rate_limit::Config,
    pub throttle: adaptive_throttle::Config,
    pub http: HttpConfig,
    pub queue: QueueConfig,
    pub reconcile: ReconcileConfig,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// By the request itself, which waits for the outcome.
    #[default]
    Inline,
    /// By a worker, at `payment.queue.rate`: the request is answered 202 at once.
    Queued,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// That it is being confirmed (202): reconciliation finds the outcome.
    #[default]
    Pending,
    /// The mistake: that it failed (504), although a charge may stand.
    Fail,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueConfig {
    /// Payments that the worker of this instance begins per second: the rate that the gateway permits,
    /// divided by the number of instances. More than 0. Default 100.
    pub rate: f64,
    /// Payments that the worker has under way at once. At least 1. Default 100.
    pub max_in_flight: u32,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            rate: 100.0,
            max_in_flight: 100,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReconcileConfig {
    /// How long a payment may be REQUESTED before it counts as PENDING: longer than a call to the gateway
    /// takes. Too short, and payments that are under way are cancelled. Default 20s.
    #[serde(with = "crate::duration")]
    pub requested_for: Duration,
    /// From a payment's becoming PENDING to the first time that the gateway is asked for its outcome, and
    /// from one time to the next. Default 5s.
    #[serde(with = "crate::duration")]
    pub interval: Duration,
    /// After so many times without an outcome the payment counts as unresolved, which is what alerts are for,
    /// and is asked for every `sweep` only. At least 1. Default 3.
    pub attempts: u32,
    /// The slower interval. It never ends. Default 30s.
    #[serde(with = "crate::duration")]
    pub sweep: Duration,
    /// When a payment that was told to have failed although the gateway may have charged it is compared
    /// with the gateway: a charge that stands is cancelled. `"0s"`: nothing is compared. Default 10s.
    #[serde(with = "crate::duration")]
    pub compare: Duration,
    /// The same for payments that failed because nothing was sent or because the gateway declined them: in
    /// case that this was wrong. Default 10m.
    #[serde(with = "crate::duration")]
    pub compare_certain: Duration,
    /// Payments that this instance asks for at once. At least 1. Default 4.
    pub max_in_flight: u32,
}

impl Default for ReconcileConfig {
    fn default() -> Self {
        Self {
            requested_for: Duration::from_secs(20),
            interval: Duration::from_secs(5),
            attempts: 3,
            sweep: Duration::from_secs(30),
            compare: Duration::from_secs(10),
            compare_certain: Duration::from_mins(10),
            max_in_flight: 4,
        }
    }
}

impl Config {
    /// What the types alone do not say; keys are below `payment`.
    pub fn check(&self) -> Result<(), OutOfRange> {
        let below = |key: &'static str| move |error: OutOfRange| error.below(key);
        self.timeout.check().map_err(below("timeout"))?;
        self.retry.check().map_err(below("retry"))?;
        self.breaker.check().map_err(below("breaker"))?;
        self.bulkhead.check().map_err(below("bulkhead"))?;
        self.rate_limit.check().map_err(below("rate_limit"))?;
        self.throttle.check().map_err(below("throttle"))?;
        self.http.check().map_err(below("http"))?;
        let (queue, reconcile) = (&self.queue, &self.reconcile);
        let is_rate = queue.rate.is_finite() && queue.rate > 0.0;
        OutOfRange::unless(is_rate, "queue.rate", "at a rate of 0 nothing is ever paid")?;
        for (key, duration) in [
            ("reconcile.requested_for", reconcile.requested_for),
            ("reconcile.interval", reconcile.interval),
            ("reconcile.sweep", reconcile.sweep),
        ] {
            let reason = "without a pause the gateway would be asked for nothing else";
            OutOfRange::unless(!duration.is_zero(), key, reason)?;
        }
        for (key, number) in [
            ("queue.max_in_flight", queue.max_in_flight),
            ("reconcile.attempts", reconcile.attempts),
            ("reconcile.max_in_flight", reconcile.max_in_flight),
        ] {
            OutOfRange::unless(number >= 1, key, "at least one is needed")?;
        }
        Ok(())
    }
}
