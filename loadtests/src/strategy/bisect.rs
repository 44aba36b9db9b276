//! Looks for the value at which something stops holding: both ends of the range first, then the
//! middle of what is left, each value as often as the scenario says, moving on by the majority.
//!
//! What it knows is only what the records say: asked again with the same records, it gives the same
//! answer. How runs are counted is the judge's business, so that the strategy and the result of the
//! search cannot disagree.

use crate::judge::{Progress, SearchRule};
use crate::record::TrialRecord;
use crate::scenario::{Plan, Search, Trial};
use crate::stats;

use super::Strategy;

/// A search of a plan.
#[derive(Debug)]
pub struct Bisect<'a> {
    plan: &'a Plan,
    search: &'a Search,
    rule: &'a SearchRule,
}

impl<'a> Bisect<'a> {
    pub fn new(plan: &'a Plan, search: &'a Search, rule: &'a SearchRule) -> Self {
        Self { plan, search, rule }
    }

    fn trial(&self, place: usize, done: &[TrialRecord]) -> Trial {
        let arm = &self.search.arms[place].name;
        let before = done.iter().filter(|record| record.trial.arm == *arm);
        let run = before.count() as u32 + 1;
        self.plan
            .searched_trial(self.search, place, run, done.len() as u32)
    }
}

impl Strategy for Bisect<'_> {
    fn next(&mut self, done: &[TrialRecord]) -> Option<Trial> {
        match self.rule.progress(done) {
            Progress::Runs(place) => Some(self.trial(place, done)),
            Progress::Finished | Progress::GivenUp => None,
        }
    }

    fn extremes(&self) -> Vec<Trial> {
        let ends = [0, self.search.arms.len() - 1];
        ends.iter().map(|place| self.trial(*place, &[])).collect()
    }

    fn expected(&self) -> usize {
        stats::most_probes(self.search.arms.len()) * self.search.runs as usize
    }
}

#[cfg(test)]
mod tests;
