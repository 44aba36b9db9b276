//! What the connections to Redis tell about themselves: named as the database's, with a prefix of their own,
//! so that a sum over the database's series stays the database's.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::error::RedisError;

pub(super) struct Meters {
    pub max: Gauge,
    pub pending: Gauge,
    pub idle: Gauge,
    pub used: Gauge,
    pub wait_time: Histogram,
    pub use_time: Histogram,
    pub create_time: Histogram,
    pub timeouts: Counter,
    pub opened: Counter,
}

impl Meters {
    pub(super) fn new() -> Self {
        Self {
            max: gauge!("target_redis_connection_max"),
            pending: gauge!("target_redis_connection_pending_requests"),
            idle: gauge!("target_redis_connections", "state" => "idle"),
            used: gauge!("target_redis_connections", "state" => "used"),
            wait_time: histogram!("target_redis_connection_wait_time_seconds"),
            use_time: histogram!("target_redis_connection_use_time_seconds"),
            create_time: histogram!("target_redis_connection_create_time_seconds"),
            timeouts: counter!("target_redis_connection_timeouts_total"),
            opened: counter!("target_redis_connections_opened_total"),
        }
    }

    pub(super) fn closed(reason: &'static str, connections: usize) {
        counter!("target_redis_connections_closed_total", "reason" => reason)
            .increment(connections as u64);
    }

    pub(super) fn failed(error: &RedisError) {
        counter!("target_redis_errors_total", "kind" => error.kind()).increment(1);
    }

    /// Commands by the name that the service gives them; a pipeline or script counts once.
    pub(super) fn commanded(operation: &'static str, time: Duration) {
        histogram!("target_redis_operation_duration_seconds", "operation" => operation)
            .record(time);
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Meters")
    }
}

/// Counts while it lives.
pub(super) struct Counted<'a>(&'a Gauge);

impl<'a> Counted<'a> {
    pub(super) fn in_gauge(gauge: &'a Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}
