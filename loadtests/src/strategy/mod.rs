//! What repeats: a strategy chooses the next trial from the records so far.

mod bisect;
mod rounds;

pub use bisect::Bisect;
pub use rounds::Rounds;

use crate::judge::Judge;
use crate::record::TrialRecord;
use crate::scenario::{Plan, Trial};

/// Chooses trials. It runs nothing itself, so it can be tested on made-up records.
pub trait Strategy {
    /// The next trial, or `None` when it knows enough.
    fn next(&mut self, done: &[TrialRecord]) -> Option<Trial>;

    /// One trial for each corner of what may be run: what is checked before a start.
    fn extremes(&self) -> Vec<Trial>;

    /// How many trials there will be at most, for progress.
    fn expected(&self) -> usize;
}

/// The strategy that a plan asks for.
pub fn of<'a>(plan: &'a Plan, judge: &'a Judge) -> Box<dyn Strategy + 'a> {
    match (&plan.search, judge.search()) {
        (Some(search), Some(rule)) => Box::new(Bisect::new(plan, search, rule)),
        _ => Box::new(Rounds::new(plan)),
    }
}
