//! Figures that follow from the arrivals: what the clients of the service saw.

use super::{Figure, Fold, Source, Unit};
use crate::record::{PhaseRecord, Quantiles};

/// Figures of a phase that follow from its arrivals.
pub const CLIENT: &[Figure] = &[
    count(
        "offered",
        |p| Some(p.counts.offered as f64),
        "Arrivals whose intended time lies in the phase.",
    ),
    count(
        "sent",
        |p| Some(p.counts.sent as f64),
        "Arrivals of which at least one attempt was put on the wire.",
    ),
    count(
        "ok",
        |p| Some(p.counts.ok as f64),
        "Arrivals answered successfully within their deadline.",
    ),
    count(
        "failed",
        |p| Some(p.counts.failed as f64),
        "Arrivals that were begun and not answered successfully in time: refused and broken connections, late answers, and answers that are not as expected.",
    ),
    count(
        "unsent",
        |p| Some(p.counts.unsent as f64),
        "Arrivals that the generator could not send.",
    ),
    count(
        "attempts",
        |p| Some(p.counts.attempts as f64),
        "Attempts of all arrivals: every request of every step, retries and refused connections included.",
    ),
    Figure {
        name: "goodput",
        unit: Unit::PerSecond,
        fold: Fold::Mean,
        source: Source::Arrivals(|p| Some(p.goodput)),
        doc: "Arrivals answered successfully within their deadline, per second.",
    },
    Figure {
        name: "error_rate",
        unit: Unit::Share,
        fold: Fold::Mean,
        source: Source::Arrivals(|p| ratio(p.counts.failed + p.counts.unsent, p.counts.offered)),
        doc: "Failed and unsent arrivals over offered ones.",
    },
    Figure {
        name: "attempts_per_arrival",
        unit: Unit::Count,
        fold: Fold::Mean,
        source: Source::Arrivals(|p| ratio(p.counts.attempts, p.counts.sent)),
        doc: "Attempts over arrivals that were sent: 1 without retries and refused connections and with journeys of one step.",
    },
    count(
        "checked_reads",
        |p| checked(p).map(|reads| reads as f64),
        "Reads by which the journey read_your_write looked whether what it had written is there.",
    ),
    count(
        "stale_reads",
        |p| checked(p).map(|_| p.counts.stale_reads as f64),
        "Of checked_reads: those that showed something older than what had been acknowledged before. They fail no arrival.",
    ),
    Figure {
        name: "stale_read_share",
        unit: Unit::Share,
        fold: Fold::Mean,
        source: Source::Arrivals(|p| ratio(p.counts.stale_reads, p.counts.checked_reads)),
        doc: "stale_reads over checked_reads.",
    },
    Figure {
        name: "duration_s",
        unit: Unit::Seconds,
        fold: Fold::Delta,
        source: Source::Arrivals(|p| Some(p.duration_s)),
        doc: "The length of the phase.",
    },
    latency(
        "response_ms",
        |p| &p.response_ms,
        "Every offered arrival, from its intended time to its last byte; failed and unsent ones count as at least the deadline.",
    ),
    latency(
        "ok_ms",
        |p| &p.ok_ms,
        "Successful arrivals only, from their intended time to their last byte.",
    ),
    latency(
        "service_ms",
        |p| &p.service_ms,
        "From the actual first send of an arrival to the last byte of its last complete answer, retries and pauses included.",
    ),
    latency(
        "ttfb_ms",
        |p| &p.ttfb_ms,
        "From the actual first send of an arrival to the first byte of its first answer.",
    ),
    latency(
        "release_lag_ms",
        |p| &p.release_lag_ms,
        "How late arrivals were released, in an open model; the generator's own error.",
    ),
    latency(
        "send_lag_ms",
        |p| &p.send_lag_ms,
        "From the intended time of an arrival to its first send; in an open model.",
    ),
    Figure {
        name: "failures",
        unit: Unit::Count,
        fold: Fold::Delta,
        source: Source::Failures,
        doc: "Failed arrivals by kind: failures.timeout, failures.connect, failures.status_503; 0 for a kind that did not occur.",
    },
    Figure {
        name: "steps",
        unit: Unit::Count,
        fold: Fold::Distribution,
        source: Source::Steps,
        doc: "By step: steps[\"GET /posts/{id}\"].count, .failed and .response_ms.p99.",
    },
];

/// Figures of an arm, over the whole timeline of a trial.
pub const ARM: &[Figure] = &[
    Figure {
        name: "recovery_s",
        unit: Unit::Seconds,
        fold: Fold::Max,
        source: Source::Series,
        doc: "Seconds from the end of the disturbance (the last fault; without faults, the last phase above the first judged phase's rate) to the first of 5 seconds in a row in which ok / offered is at least 95 % of its level before, or in which the scenario's [slo] holds; \"never\", and infinity in claims, when that does not happen within the timeline.",
    },
    Figure {
        name: "breaker_open_s",
        unit: Unit::Seconds,
        fold: Fold::Max,
        source: Source::Events,
        doc: "Seconds from the beginning of the first fault to the first opening of a circuit breaker of the service; \"never\", and infinity in claims, when none opened.",
    },
    Figure {
        name: "breaker_close_s",
        unit: Unit::Seconds,
        fold: Fold::Max,
        source: Source::Events,
        doc: "Seconds from the end of the last fault to the moment at which every circuit breaker that had opened was closed and stayed so, 0 when that was earlier; \"never\", and infinity in claims, when one was not closed at the end of the timeline; unknown when none opened.",
    },
    Figure {
        name: "payments_tried",
        unit: Unit::Count,
        fold: Fold::Max,
        source: Source::Payments,
        doc: "Arrivals of the built-in journeys that tried to pay: so many of the clients' words were compared with the service's rows and the gateway's ledger.",
    },
    Figure {
        name: "in_flight_at_kill",
        unit: Unit::Count,
        fold: Fold::Min,
        source: Source::Payments,
        doc: "Payments in flight when a process was killed, at the kill that found fewest: the gateway's caller had asked for them and had no answer yet.",
    },
    Figure {
        name: "heal_s",
        unit: Unit::Seconds,
        fold: Fold::Max,
        source: Source::Payments,
        doc: "Seconds from the end of the last fault to the first look, after the load, at which no payment and no order was open any more; \"never\", and infinity in claims, when some were at the end of the heal time.",
    },
    violations(
        "double_charges",
        "Orders for which more than one charge stands at the gateway.",
    ),
    violations(
        "lost_charges",
        "Orders told or recorded as paid for which no charge stands, and which were not refunded.",
    ),
    violations(
        "unexpected_charges",
        "Charges that stand for a payment that the service does not know, or for an order that nobody tried to pay.",
    ),
    violations(
        "orphans",
        "Charges that stand although their payment was told or recorded as failed.",
    ),
    violations(
        "not_granted",
        "Orders that were paid, or told to be, and have neither their goods nor their money back.",
    ),
    violations(
        "granted_unpaid",
        "Orders that have their goods, or keep them from others, although they failed, or no charge stands and something was to be paid.",
    ),
    violations(
        "wrong_amounts",
        "Charges of another sum than their payment, payments of another sum than their order, and orders that took other points than they cost, or kept some although they failed.",
    ),
    violations(
        "still_pending",
        "Payments and orders that were not final by the end of the heal time.",
    ),
    of_books(
        "lost_updates",
        "Changes of points that began from another balance than the change before them had left.",
    ),
    of_books(
        "unbalanced_accounts",
        "Members whose points are not the sum of their ledger, or are or were negative.",
    ),
    of_books(
        "half_transfers",
        "Transfers of points between members that did not give one what they took from the other.",
    ),
    of_books(
        "oversold_coupons",
        "Coupons that were issued beyond their quantity.",
    ),
    of_books(
        "twice_issued_coupons",
        "Coupons that a member has more than once.",
    ),
    of_books(
        "wrong_stocks",
        "Coupons of which not so many remain as have not been issued.",
    ),
    Figure {
        name: "crashes",
        unit: Unit::Count,
        fold: Fold::Min,
        source: Source::Events,
        doc: "Instances of the service that died at the point at which they were to (`crash_at`).",
    },
    delivery(
        "registrations_told",
        "Arrivals of the built-in journey `register` that were told that they are registered: so many of the clients' words were compared with the mails that the mail server has taken.",
    ),
    delivery(
        "duplicate_deliveries",
        "Handovers to the mail server beyond the first of each event, whether or not it knew the mail again.",
    ),
    Figure {
        name: "delivered_s",
        unit: Unit::Seconds,
        fold: Fold::Max,
        source: Source::Deliveries,
        doc: "Seconds from the end of the last fault to the first look, after the load, at which every new member had a welcome and no event was open any more; \"never\", and infinity in claims, when that was not so by the end of the heal time.",
    },
    delivery(
        "lost_events",
        "Registrations and outcomes of orders of which the member got no mail, and which nobody is going to send.",
    ),
    delivery(
        "undelivered_events",
        "As above, by the end of the heal time, but still in the outbox.",
    ),
    delivery(
        "duplicate_mails",
        "Registrations and outcomes of orders of which the member got more than one mail.",
    ),
    of_books(
        "sold_out_coupons",
        "Coupons of which as many were issued as there are, or more: what oversold_coupons is a share of.",
    ),
    of_books(
        "seats_taken",
        "Seats that somebody has taken, for a while or for good.",
    ),
];

const fn delivery(name: &'static str, doc: &'static str) -> Figure {
    Figure {
        name,
        unit: Unit::Count,
        fold: Fold::Max,
        source: Source::Deliveries,
        doc,
    }
}

const fn of_books(name: &'static str, doc: &'static str) -> Figure {
    Figure {
        name,
        unit: Unit::Count,
        fold: Fold::Max,
        source: Source::Books,
        doc,
    }
}

const fn violations(name: &'static str, doc: &'static str) -> Figure {
    Figure {
        name,
        unit: Unit::Count,
        fold: Fold::Max,
        source: Source::Payments,
        doc,
    }
}

/// Without a journey that checks its reads there is nothing to count.
fn checked(phase: &PhaseRecord) -> Option<u64> {
    Some(phase.counts.checked_reads).filter(|reads| *reads > 0)
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

const fn count(
    name: &'static str,
    read: fn(&PhaseRecord) -> Option<f64>,
    doc: &'static str,
) -> Figure {
    Figure {
        name,
        unit: Unit::Count,
        fold: Fold::Delta,
        source: Source::Arrivals(read),
        doc,
    }
}

const fn latency(
    name: &'static str,
    read: fn(&PhaseRecord) -> &Quantiles,
    doc: &'static str,
) -> Figure {
    Figure {
        name,
        unit: Unit::Milliseconds,
        fold: Fold::Distribution,
        source: Source::Latencies(read),
        doc,
    }
}
