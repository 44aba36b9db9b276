//! What was decided of a run: the verdict, and what became of each claim and threshold.

use serde::{Deserialize, Serialize};

/// The verdict on a run. Ordered by precedence: where several apply, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    /// Rounds disagree, or a figure has no samples.
    Inconclusive,
    /// A claim or threshold does not hold.
    Fail,
    /// The generator or the measurement was at fault, however healthy the service was.
    Invalid,
    Interrupted,
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimOutcome {
    pub says: String,
    pub check: String,
    /// `None`: inconclusive.
    pub holds: Option<bool>,
    /// The figures that it speaks of, as measured.
    pub observed: String,
}

/// What became of a threshold, for one arm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThresholdOutcome {
    pub arm: String,
    /// `None`: all phases but warm-ups together.
    pub phase: Option<String>,
    pub rule: String,
    /// `None`: inconclusive.
    pub holds: Option<bool>,
    pub observed: String,
}
