//! The metrics of payments.

use metrics::{counter, gauge};

use super::{Payment, Status};

/// Shows every series from the start on.
pub(super) fn describe() {
    for status in Status::ALL {
        counter!("target_payments_total", "status" => status.as_str()).increment(0);
    }
    counter!("target_payments_orphans_total").increment(0);
    open(0, 0, 0);
}

/// A payment has got this status.
pub(super) fn became(payment: &Payment) {
    counter!("target_payments_total", "status" => payment.status.as_str()).increment(1);
}

/// A charge stood for a payment that was told to have failed.
pub(super) fn orphan() {
    counter!("target_payments_orphans_total").increment(1);
}

/// How a look at the gateway ended.
pub(super) fn reconciled(outcome: &'static str) {
    counter!("target_payments_reconciled_total", "outcome" => outcome).increment(1);
}

/// Whose outcome is not known; those among them that are unresolved; those that wait in the queue.
pub(super) fn open(open: i64, unresolved: i64, queued: i64) {
    gauge!("target_payments_open").set(open as f64);
    gauge!("target_payments_unresolved").set(unresolved as f64);
    gauge!("target_payments_queued").set(queued as f64);
}
