//! What the pool tells about itself, by the names of OpenTelemetry's conventions where they have one.
//!
//! The meters are always kept; whether anything records them is decided where telemetry is installed.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

pub(super) struct Meters {
    /// 0 without a pool.
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
            max: gauge!("db_client_connection_max"),
            pending: gauge!("db_client_connection_pending_requests"),
            idle: gauge!("db_client_connection_count", "state" => "idle"),
            used: gauge!("db_client_connection_count", "state" => "used"),
            wait_time: histogram!("db_client_connection_wait_time_seconds"),
            use_time: histogram!("db_client_connection_use_time_seconds"),
            create_time: histogram!("db_client_connection_create_time_seconds"),
            timeouts: counter!("db_client_connection_timeouts_total"),
            opened: counter!("target_db_connections_opened_total"),
        }
    }

    pub(super) fn closed(reason: Closed) {
        counter!("target_db_connections_closed_total", "reason" => reason.label()).increment(1);
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Meters")
    }
}

/// Why a connection was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// It was idle for longer than `idle_timeout`.
    Idle,
    /// It was older than `max_lifetime`.
    Lifetime,
    /// The pool became smaller.
    Surplus,
    /// It failed, or what was left on it did not come to an end.
    Broken,
    /// There is no pool to give it back to.
    Unpooled,
    /// The service shuts down.
    Shutdown,
}

impl Closed {
    fn label(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Lifetime => "lifetime",
            Self::Surplus => "surplus",
            Self::Broken => "broken",
            Self::Unpooled => "unpooled",
            Self::Shutdown => "shutdown",
        }
    }
}
