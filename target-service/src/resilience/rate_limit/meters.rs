//! What a rate limit tells about itself.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// Why a call did not pass.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason {
    TooMany,
    Deadline,
}

impl Reason {
    const ALL: [Self; 2] = [Self::TooMany, Self::Deadline];

    fn label(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::Deadline => "deadline",
        }
    }
}

pub(super) struct Meters {
    pub tokens: Gauge,
    pub waiting: Gauge,
    pub wait_time: Histogram,
    pub passed: Counter,
    rejections: [Counter; Reason::ALL.len()],
}

impl Meters {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            tokens: gauge!("target_rate_limit_tokens", "name" => name),
            waiting: gauge!("target_rate_limit_waiting", "name" => name),
            wait_time: histogram!("target_rate_limit_wait_time_seconds", "name" => name),
            passed: counter!("target_rate_limit_passed_total", "name" => name),
            rejections: Reason::ALL.map(|reason| {
                counter!("target_rate_limit_rejections_total", "name" => name, "reason" => reason.label())
            }),
        }
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
