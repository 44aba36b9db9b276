//! The whole configuration: one file and the environment.
//!
//! Invariant: a key that nobody reads is an error, with its place; every knob has a key of its own name.

mod error;
mod load;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use error::ConfigError;
pub use load::load;

use crate::coupon::CouponConfig;
use crate::flow::FlowConfig;
use crate::knobs::{KnobError, Knobs};
use crate::lock::LockConfig;
use crate::mail::MailConfig;
use crate::outbox::OutboxConfig;
use crate::point::PointConfig;
use crate::post::{CalendarConfig, LikesConfig, PrewarmConfig, ViewsConfig};
use crate::seat::SeatConfig;
use crate::section::Settings as _;
use crate::survey::SurveyConfig;
use crate::{cache, database, http, payment, redis, telemetry};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub http: http::Config,
    pub request: http::RequestConfig,
    pub admin: AdminConfig,
    pub db: database::Config,
    pub redis: redis::Config,
    pub lock: LockConfig,
    pub outbox: OutboxConfig,
    pub mail: MailConfig,
    pub cache: cache::Config,
    pub prewarm: PrewarmConfig,
    pub calendar: CalendarConfig,
    pub likes: LikesConfig,
    pub views: ViewsConfig,
    pub point: PointConfig,
    pub coupon: CouponConfig,
    pub seat: SeatConfig,
    pub survey: SurveyConfig,
    pub flow: FlowConfig,
    pub payment: payment::Config,
    pub telemetry: telemetry::Config,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminConfig {
    /// Where knobs are turned and the effective configuration is read. A loopback address: whoever reaches
    /// it may do anything. Default 127.0.0.1:0.
    pub listen: SocketAddr,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        }
    }
}

impl Config {
    /// The knobs' first values.
    pub fn knobs(&self) -> Result<Knobs, KnobError> {
        let (db, pool) = (&self.db, &self.db.pool);
        let knobs = Knobs {
            max_in_flight: self.http.max_in_flight,
            pool_max_size: pool.max_size,
            pool_min_size: pool.min_size,
            acquire_timeout: pool.acquire_timeout,
            idle_timeout: pool.idle_timeout,
            max_lifetime: pool.max_lifetime,
            statement_timeout: db.statement_timeout,
            lock_timeout: db.lock_timeout,
            response_grace: db.response_grace,
            realtime_acquire_timeout: db.class.realtime.acquire_timeout,
            realtime_query_timeout: db.class.realtime.query_timeout,
            standard_acquire_timeout: db.class.standard.acquire_timeout,
            standard_query_timeout: db.class.standard.query_timeout,
            slow_acquire_timeout: db.class.slow.acquire_timeout,
            slow_query_timeout: db.class.slow.query_timeout,
            simulated_delay: db.simulated_delay,
            simulated_work: db.simulated_work,
            calendar_source: self.calendar.source,
            calendar_max_days: self.calendar.max_days,
            likes_strategy: self.likes.strategy,
            likes_optimistic_attempts: self.likes.optimistic_attempts,
            point_lock: self.point.lock,
            point_lock_key: self.point.lock_key,
            point_optimistic_attempts: self.point.optimistic_attempts,
            coupon_lock: self.coupon.lock,
            coupon_lock_order: self.coupon.lock_order,
            coupon_optimistic_attempts: self.coupon.optimistic_attempts,
            seat_hold: self.seat.hold,
            outbox_fault: self.outbox.fault,
            mail_server: self.mail.server,
            mail_slow_by: self.mail.slow_by,
            mail_welcome: self.mail.welcome,
            survey_counts: self.survey.counts,
            survey_fold_interval: self.survey.fold_interval,
            flow_settle_after: self.flow.settle_after,
        };
        knobs.check()?;
        self.payment
            .check()
            .map_err(|error| error.below("payment"))?;
        self.redis.check().map_err(|error| error.below("redis"))?;
        self.views.check().map_err(|error| error.below("views"))?;
        self.lock.check().map_err(|error| error.below("lock"))?;
        self.outbox.check().map_err(|error| error.below("outbox"))?;
        if self.redis.url.is_none() {
            knobs.check_without_redis()?;
        }
        self.cache
            .check_with(self.redis.url.is_some())
            .map_err(|error| error.below("cache"))?;
        Ok(knobs)
    }

    /// What a running service uses: this configuration, with the knobs as they are now.
    pub fn effective(&self, knobs: Map<String, Value>) -> Value {
        let mut effective = serde_json::to_value(self).unwrap_or_default();
        for (name, value) in knobs {
            if let Some(key) = effective.pointer_mut(&pointer(&name)) {
                *key = value;
            }
        }
        effective
    }
}

/// `db.pool.max_size` as a JSON pointer.
fn pointer(name: &str) -> String {
    format!("/{}", name.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_knob_has_a_key_of_its_name_type_and_default() {
        let config = serde_json::to_value(Config::default()).unwrap();
        for (name, value) in Knobs::default().to_map() {
            assert_eq!(config.pointer(&pointer(&name)), Some(&value), "{name}");
        }
        assert_eq!(Config::default().knobs().unwrap(), Knobs::default());
    }

    #[test]
    fn every_key_that_is_a_knob_gives_the_knob_its_first_value() {
        let changed: Map<String, Value> = serde_json::from_value(serde_json::json!({
            "http.max_in_flight": 11, "db.pool.max_size": 12, "db.pool.min_size": 3,
            "db.pool.acquire_timeout": "14ms", "db.pool.idle_timeout": "15ms", "db.pool.max_lifetime": "16ms",
            "db.statement_timeout": "17ms", "db.lock_timeout": "18ms", "db.response_grace": "19ms",
            "db.class.realtime.acquire_timeout": "20ms", "db.class.realtime.query_timeout": "21ms",
            "db.class.standard.acquire_timeout": "22ms", "db.class.standard.query_timeout": "23ms",
            "db.class.slow.acquire_timeout": "24ms", "db.class.slow.query_timeout": "25ms",
            "db.simulated_delay": "26ms", "db.simulated_work": "34ms", "calendar.source": "preaggregated", "calendar.max_days": 27,
            "likes.strategy": "derived", "likes.optimistic_attempts": 28,
            "point.lock": "increment", "point.lock_key": "per_operation", "point.optimistic_attempts": 29, "seat.hold": "30ms",
            "flow.settle_after": "31ms", "coupon.lock": "increment",
            "coupon.lock_order": "transaction_then_lock", "coupon.optimistic_attempts": 32,
            "survey.counts": "event", "survey.fold_interval": "33ms", "mail.server": "slow",
            "mail.slow_by": "35ms", "mail.welcome": "inline", "outbox.fault": "after_take",
        }))
        .unwrap();
        let mut config = serde_json::to_value(Config::default()).unwrap();
        for (name, value) in &changed {
            *config.pointer_mut(&pointer(name)).unwrap() = value.clone();
        }
        let config: Config = serde_json::from_value(config).unwrap();
        assert_eq!(config.knobs().unwrap().to_map(), changed);
    }

    #[test]
    fn the_effective_configuration_shows_the_knobs_as_they_are() {
        let knobs = Knobs {
            pool_max_size: 77,
            ..Knobs::default()
        };
        let effective = Config::default().effective(knobs.to_map());
        assert_eq!(effective["db"]["pool"]["max_size"], 77);
        assert_eq!(effective["db"]["pool"]["enabled"], true);
    }
}
