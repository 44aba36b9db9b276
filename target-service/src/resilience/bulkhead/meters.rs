//! What a bulkhead tells about itself.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::Config;

/// Why a call was not let in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    Full,
    Timeout,
    Deadline,
}

impl Reason {
    const ALL: [Self; 3] = [Self::Full, Self::Timeout, Self::Deadline];

    fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Timeout => "timeout",
            Self::Deadline => "deadline",
        }
    }
}

pub(super) struct Meters {
    max: Gauge,
    pub in_use: Gauge,
    pub waiting: Gauge,
    pub wait_time: Histogram,
    rejections: [Counter; Reason::ALL.len()],
}

impl Meters {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            max: gauge!("target_bulkhead_max", "name" => name),
            in_use: gauge!("target_bulkhead_in_use", "name" => name),
            waiting: gauge!("target_bulkhead_waiting", "name" => name),
            wait_time: histogram!("target_bulkhead_wait_time_seconds", "name" => name),
            rejections: Reason::ALL.map(|reason| {
                counter!("target_bulkhead_rejections_total", "name" => name, "reason" => reason.label())
            }),
        }
    }

    /// Infinite when it is switched off.
    pub(super) fn max(&self, config: &Config) {
        self.max.set(if config.enabled {
            f64::from(config.max_concurrent)
        } else {
            f64::INFINITY
        });
    }

    pub(super) fn rejected(&self, reason: Reason) {
        self.rejections[reason as usize].increment(1);
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Meters")
    }
}
