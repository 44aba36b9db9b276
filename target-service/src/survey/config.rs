//! The configuration of surveys (`survey.`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;
use crate::strategy::SurveyCounts;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SurveyConfig {
    /// Where the numbers of answers and likes come from. `subqueries` and `grouped` count all rows at each
    /// read; `counters` keeps the numbers with the survey, so that writers of one survey queue up for it;
    /// `event` reads the same numbers, which a worker brings up to date behind the writers. Every writer but
    /// one with `counters` leaves an event for that worker, so that this may be switched at any time.
    /// Default `subqueries`. A knob.
    pub counts: SurveyCounts,
    /// Whether this instance adds events to the counts. Any number of instances may; where none does, counts
    /// stay behind, and events pile up. Default true.
    pub folding: bool,
    /// How long the worker rests when there are no more events. Counts that come by events are behind by
    /// about half of it, and more. Default 100ms. A knob.
    #[serde(with = "crate::duration")]
    pub fold_interval: Duration,
}

impl Default for SurveyConfig {
    fn default() -> Self {
        let knobs = Knobs::default();
        Self {
            counts: knobs.survey_counts,
            folding: true,
            fold_interval: knobs.survey_fold_interval,
        }
    }
}
