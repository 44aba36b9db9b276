//! The record of one trial.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::books::Tally;
use super::deliveries::DeliveryCounts;
use crate::scenario::{Trial, Violation};

/// Everything that one trial left behind.
#[derive(Debug, Clone)]
pub struct TrialRecord {
    pub trial: Trial,
    pub started_at: Timestamp,
    /// Whether the trial was cut short by its user.
    pub interrupted: bool,
    /// The configuration as the running parts reported it.
    pub effective: serde_json::Value,
    /// One per phase of the trial, in order.
    pub phases: Vec<PhaseRecord>,
    /// One per phase, beside `phases`.
    pub histograms: Vec<PhaseHistograms>,
    /// One per second of the timeline.
    pub seconds: Vec<SecondRecord>,
    pub events: Vec<Event>,
    pub findings: Vec<Finding>,
    /// What the checkers counted; `None`: none of them looked.
    pub violations: Option<BTreeMap<Violation, u64>>,
    /// Arrivals that tried to pay and whose payments were compared; `None` as above.
    pub payments_tried: Option<u64>,
    /// What was counted of mails; `None`: nobody looked, or there was nothing to be told.
    pub deliveries: Option<DeliveryCounts>,
    /// What the service's books hold since the load began; `None`: nothing, or they were not read.
    pub tally: Option<Tally>,
    pub validity: Validity,
}

/// What became of the arrivals whose intended time lies in one phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseRecord {
    pub name: String,
    pub warmup: bool,
    pub duration_s: f64,
    #[serde(flatten)]
    pub counts: Counts,
    /// Arrivals answered successfully within the deadline, per second.
    pub goodput: f64,
    /// Why arrivals failed: `timeout`, `connect`, `reset`, `status_503`, ... to their number.
    pub failures: BTreeMap<String, u64>,
    pub response_ms: Quantiles,
    pub ok_ms: Quantiles,
    pub service_ms: Quantiles,
    pub ttfb_ms: Quantiles,
    pub release_lag_ms: Quantiles,
    pub send_lag_ms: Quantiles,
    pub steps: BTreeMap<String, StepRecord>,
    /// Figures read from the service, its database, the processes; `None`: not measured.
    pub server: BTreeMap<String, Option<f64>>,
}

/// `offered = ok + failed + unsent`, always.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub offered: u64,
    /// Arrivals of which at least one attempt was put on the wire.
    pub sent: u64,
    pub ok: u64,
    pub failed: u64,
    /// Arrivals of which nothing was ever put on the wire because the generator could not.
    pub unsent: u64,
    pub attempts: u64,
    /// Reads by which arrivals looked whether what they had written is there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub checked_reads: u64,
    /// Of them those that showed something older than what had been acknowledged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stale_reads: u64,
}

/// Journeys that check no reads leave no trace of them. Serde wants it by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A distribution in milliseconds; every field is `None` when there were no samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quantiles {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub p999: Option<f64>,
    pub max: Option<f64>,
    pub mean: Option<f64>,
}

/// One kind of request within the journeys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    pub count: u64,
    pub failed: u64,
    pub response_ms: Quantiles,
}

/// The distributions of one phase, in microseconds, 3 significant digits.
#[derive(Debug, Clone)]
pub struct PhaseHistograms {
    /// Every offered arrival; what failed counts as at least the deadline.
    pub response: Histogram<u64>,
    pub ok: Histogram<u64>,
    pub service: Histogram<u64>,
    pub ttfb: Histogram<u64>,
    pub release_lag: Histogram<u64>,
    pub send_lag: Histogram<u64>,
    pub steps: BTreeMap<String, Histogram<u64>>,
}

/// One second of the timeline, by intended time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecondRecord {
    /// From the start of the timeline.
    pub second: u32,
    pub offered: u64,
    pub ok: u64,
    pub failed: u64,
    pub unsent: u64,
    pub attempts: u64,
    pub p50_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Server figures at about this second.
    pub server: BTreeMap<String, Option<f64>>,
}

/// Something that happened at a moment: a phase or a fault began or ended, a process died.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Seconds from the start of the timeline; negative before it.
    pub at_s: f64,
    /// `phase`, `fault_start`, `fault_end`, `healed`, ...
    pub kind: String,
    pub detail: String,
    /// Where a process was killed: the payments in flight, counted when it stood still already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u64>,
}

/// The event of the moment from which on no payment was open any more.
pub const HEALED: &str = "healed";
/// The event of the moment from which on nobody had still to be told of anything.
pub const DELIVERED: &str = "delivered";
/// The event of a process that died at the point where it was to.
pub const CRASHED: &str = "crash";

/// Something that a checker found wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule was broken.
    pub code: String,
    pub detail: String,
    /// Whether the run fails for it.
    #[serde(default)]
    pub fails: bool,
}

/// Whether the trial says anything about the service; if not, why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// What the generator or the measurement did wrong; empty means valid.
    pub reasons: Vec<String>,
}

impl Validity {
    pub fn is_valid(&self) -> bool {
        self.reasons.is_empty()
    }
}
