//! What retries tell about themselves: attempts per call is `rate(attempts) / rate(attempts{attempt="first"})`.

use metrics::{Counter, counter};

use super::Stopped;

pub(super) struct Meters {
    first: Counter,
    retry: Counter,
    stopped: [Counter; Stopped::ALL.len()],
}

impl Meters {
    pub(super) fn new(name: &'static str) -> Self {
        let attempts =
            |attempt| counter!("target_retry_attempts_total", "name" => name, "attempt" => attempt);
        Self {
            first: attempts("first"),
            retry: attempts("retry"),
            stopped: Stopped::ALL.map(|reason| {
                counter!("target_retry_stopped_total", "name" => name, "reason" => reason.label())
            }),
        }
    }

    pub(super) fn attempted(&self, attempt: u32) {
        let attempts = if attempt == 1 {
            &self.first
        } else {
            &self.retry
        };
        attempts.increment(1);
    }

    pub(super) fn stopped(&self, reason: Stopped) {
        self.stopped[reason as usize].increment(1);
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Meters")
    }
}
