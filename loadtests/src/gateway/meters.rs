//! What was done, counted, as Prometheus text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a piece of work ended, or why it did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Approved,
    /// An earlier answer, given again.
    Repeated,
    Declined,
    /// Refused because the order is cancelled.
    Cancelled,
    KeyReused,
    /// A question about an order.
    Told,
    /// A cancellation.
    TakenBack,
    Error,
    RateLimited,
    /// Ended because its caller had gone.
    Abandoned,
}

impl Outcome {
    const ALL: [(Self, &'static str); 10] = [
        (Self::Approved, "approved"),
        (Self::Repeated, "repeated"),
        (Self::Declined, "declined"),
        (Self::Cancelled, "cancelled"),
        (Self::KeyReused, "key_reused"),
        (Self::Told, "told"),
        (Self::TakenBack, "taken_back"),
        (Self::Error, "error"),
        (Self::RateLimited, "rate_limited"),
        (Self::Abandoned, "abandoned"),
    ];
}

/// What is read at the moment and not counted here.
#[derive(Debug, Clone, Copy)]
pub struct Gauges {
    pub in_work: usize,
    pub waiting: usize,
    pub charges: usize,
}

#[derive(Debug, Default)]
pub struct Meters {
    requests: [AtomicU64; Outcome::ALL.len()],
    answers_lost: AtomicU64,
    awaited: Arc<AtomicU64>,
}

/// A payment whose caller waits for the answer, until this is dropped.
#[derive(Debug)]
pub struct Awaited(Arc<AtomicU64>);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Meters {
    pub fn count(&self, outcome: Outcome) {
        self.requests[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counted beside the outcome: the work was done, and nobody was told.
    pub fn count_lost_answer(&self) {
        self.answers_lost.fetch_add(1, Ordering::Relaxed);
    }

    /// To be kept as long as the caller is there and has no answer.
    pub fn await_payment(&self) -> Awaited {
        self.awaited.fetch_add(1, Ordering::Relaxed);
        Awaited(Arc::clone(&self.awaited))
    }

    pub fn text(&self, gauges: Gauges) -> String {
        let mut text = String::from(
            "# HELP gateway_requests_total Requests that need a place, by how they ended.\n\
             # TYPE gateway_requests_total counter\n",
        );
        for (outcome, name) in Outcome::ALL {
            let count = self.requests[outcome as usize].load(Ordering::Relaxed);
            // Writing to a string cannot fail.
            let _ = writeln!(text, "gateway_requests_total{{outcome=\"{name}\"}} {count}");
        }
        let lost = self.answers_lost.load(Ordering::Relaxed);
        let awaited = self.awaited.load(Ordering::Relaxed);
        for (name, kind, help, value) in [
            (
                "gateway_answers_lost_total",
                "counter",
                "Work that was done and never answered.",
                lost,
            ),
            (
                "gateway_charges_total",
                "counter",
                "Charges in the ledger, cancelled ones too.",
                gauges.charges as u64,
            ),
            (
                "gateway_payments_awaited",
                "gauge",
                "Payments, done or not, whose callers wait for the answer.",
                awaited,
            ),
            (
                "gateway_in_work",
                "gauge",
                "Requests that have a place.",
                gauges.in_work as u64,
            ),
            (
                "gateway_waiting",
                "gauge",
                "Requests that wait for a place.",
                gauges.waiting as u64,
            ),
        ] {
            let _ = writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_is_awaited_until_its_caller_has_gone() {
        let meters = Meters::default();
        let shown = |awaited: u64| {
            let gauges = Gauges {
                in_work: 0,
                waiting: 0,
                charges: 0,
            };
            let line = format!("\ngateway_payments_awaited {awaited}\n");
            meters.text(gauges).contains(&line)
        };
        let (first, second) = (meters.await_payment(), meters.await_payment());
        assert!(shown(2));
        drop(first);
        assert!(shown(1));
        drop(second);
        assert!(shown(0));
    }

    #[test]
    fn every_outcome_is_counted_under_its_own_name() {
        let meters = Meters::default();
        for (times, (outcome, _)) in Outcome::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| meters.count(outcome));
        }
        let text = meters.text(Gauges {
            in_work: 3,
            waiting: 7,
            charges: 5,
        });
        for (times, (_, name)) in Outcome::ALL.into_iter().enumerate() {
            let line = format!(
                "gateway_requests_total{{outcome=\"{name}\"}} {}\n",
                times + 1
            );
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(text.contains("\ngateway_in_work 3\n"), "{text}");
        assert!(text.contains("\ngateway_waiting 7\n"), "{text}");
        assert!(text.contains("\ngateway_charges_total 5\n"), "{text}");
    }
}
