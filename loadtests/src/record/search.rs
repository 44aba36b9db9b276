//! What a search for a boundary is to find, what it counted, and what it found.

use serde::{Deserialize, Serialize};

use crate::scenario::SearchUnit;

use super::figures::Unit;
use super::show::number;

/// What is known of a search before its first trial.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchFacts {
    pub key: String,
    pub unit: SearchUnit,
    /// The arm whose key is varied.
    pub of_arm: String,
    pub until: String,
    /// How often each value is run.
    pub runs: u32,
    /// The distance of two values; durations in seconds.
    pub precision: f64,
    /// Every value that may be tried, ascending; durations in seconds.
    pub values: Vec<f64>,
    /// The arms' names, beside `values`.
    pub arms: Vec<String>,
}

/// `search` in `record.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchRecord {
    pub key: String,
    pub unit: SearchUnit,
    pub of_arm: String,
    pub until: String,
    /// How often each value was to be run.
    pub runs: u32,
    pub precision: f64,
    /// The values that were tried, ascending.
    pub points: Vec<SearchPoint>,
    /// Whether it was carried to its end.
    pub finished: bool,
    /// `None`: not found, or not within the range.
    pub crossing: Option<CrossingRecord>,
}

/// What was counted at one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchPoint {
    /// The arm that ran it.
    pub arm: String,
    /// Durations in seconds.
    pub value: f64,
    /// Valid runs in which it could be told whether `until` holds.
    pub runs: u32,
    pub held: u32,
    /// The Wilson interval (95 %) of the share of runs that hold.
    pub low: Option<f64>,
    pub high: Option<f64>,
    /// Runs that tell nothing, and were repeated: invalid, cut short, or a figure is missing.
    pub not_counted: u32,
}

/// The value at which half of the runs hold, and its interval; an end that is `None` lies beyond the
/// values that were tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CrossingRecord {
    pub value: f64,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

impl SearchUnit {
    /// A value of the searched key, as people read it.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Seconds => Unit::Seconds.show(value),
            Self::Number => number(value),
        }
    }
}

impl SearchRecord {
    /// Whether this arm was run.
    pub fn tried(&self, arm: &str) -> bool {
        self.points.iter().any(|point| point.arm == arm)
    }

    /// Whether it holds at the low end of the range.
    pub fn is_falling(&self) -> bool {
        self.points
            .first()
            .is_some_and(|first| first.held * 2 > first.runs)
    }

    /// What it found, in one sentence.
    pub fn sentence(&self) -> String {
        let show = |value: f64| self.unit.show(value);
        let Self { key, until, .. } = self;
        let ends = self.points.first().zip(self.points.last());
        let Some((first, last)) = ends.filter(|_| self.finished) else {
            return format!(
                "The search for the {key} at which `{until}` stops holding did not come to its end."
            );
        };
        let Some(crossing) = self.crossing else {
            let often = if self.is_falling() {
                "in most runs"
            } else {
                "in no more than half of the runs"
            };
            return format!(
                "`{until}` held {often} at {key} = {} and at {} alike: there is no boundary to be found between them.",
                show(first.value),
                show(last.value)
            );
        };
        let (below, above) = if self.is_falling() {
            ("most", "few")
        } else {
            ("few", "most")
        };
        let interval = match (crossing.low, crossing.high) {
            (Some(low), Some(high)) => format!("95 % interval: {} to {}", show(low), show(high)),
            (Some(low), None) => {
                format!("95 % interval: from {}, with no upper end shown", show(low))
            }
            (None, Some(high)) => format!(
                "95 % interval: up to {}, with no lower end shown",
                show(high)
            ),
            (None, None) => "too few runs for an interval".to_owned(),
        };
        format!(
            "`{until}` holds in half of the runs at {key} = {} ({interval}); below that in {below} runs, above it in {above}.",
            show(crossing.value)
        )
    }
}
