//! Judges a search: in how many runs of each value it held, what is to be run next, and where the
//! crossing is. A pure function of the records: the strategy that runs the trials asks here too.

use crate::record::{
    ClaimOutcome, CrossingRecord, SearchFacts, SearchPoint, SearchRecord, TrialRecord, Verdict,
};
use crate::stats::{self, Tally};

use super::expression::Scope;
use super::formula::{ClaimError, Formula};
use super::verdict::verdict_on;
use super::vocabulary::Vocabulary;

/// A search's compiled `until`, and the values that it may try.
#[derive(Debug)]
pub struct SearchRule {
    facts: SearchFacts,
    until: Formula,
}

/// How a search stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The value at this place needs another run.
    Runs(usize),
    Finished,
    /// As many runs of one value were lost as were wanted of it.
    GivenUp,
}

/// What is known of one value so far.
#[derive(Debug, Clone, Copy, Default)]
struct Value {
    runs: u32,
    held: u32,
    /// Runs that were invalid or cut short, or in which a figure was not measured: they are repeated.
    not_counted: u32,
}

impl SearchRule {
    pub fn compile(facts: &SearchFacts, names: &Vocabulary) -> Result<Self, ClaimError> {
        Ok(Self {
            until: Formula::compile(&facts.until, names, Scope::Trial)?,
            facts: facts.clone(),
        })
    }

    /// The phases and figures that are read from a server to tell whether it holds.
    pub fn server_figures(&self, arm: &str) -> Vec<(String, &'static str)> {
        let references = self.until.references.iter();
        references
            .filter_map(|reference| reference.server_figure(arm))
            .collect()
    }

    /// What is to be done after these trials.
    pub fn progress(&self, trials: &[TrialRecord]) -> Progress {
        self.progress_of(&self.counted(trials))
    }

    /// What the trials so far came to.
    pub fn outcome(&self, trials: &[TrialRecord]) -> SearchRecord {
        let counted = self.counted(trials);
        let finished = self.progress_of(&counted) == Progress::Finished;
        let tallies: Vec<Tally> = self.tallies(&counted).collect();
        let crossing = stats::crossing(&tallies).filter(|_| finished);
        let values = self.facts.arms.iter().zip(&self.facts.values).zip(&counted);
        let tried = values.filter(|(_, counted)| counted.runs + counted.not_counted > 0);
        let points = tried.map(|((arm, value), counted)| {
            let interval = stats::wilson(counted.held, counted.runs);
            SearchPoint {
                arm: arm.clone(),
                value: *value,
                runs: counted.runs,
                held: counted.held,
                low: interval.map(|(low, _)| low),
                high: interval.map(|(_, high)| high),
                not_counted: counted.not_counted,
            }
        });
        SearchRecord {
            key: self.facts.key.clone(),
            unit: self.facts.unit,
            of_arm: self.facts.of_arm.clone(),
            until: self.facts.until.clone(),
            runs: self.facts.runs,
            precision: self.facts.precision,
            points: points.collect(),
            finished,
            crossing: crossing.map(|found| CrossingRecord {
                value: found.value,
                low: found.low,
                high: found.high,
            }),
        }
    }

    /// Runs that were invalid and repeated leave no doubt behind, so that they do not decide; those
    /// for whose sake the search was given up do. A search that found nothing has shown nothing.
    pub fn verdict(
        &self,
        trials: &[TrialRecord],
        claims: &[ClaimOutcome],
        quick: bool,
        interrupted: bool,
    ) -> Verdict {
        let given_up = self.progress(trials) == Progress::GivenUp;
        let counts = |record: &&TrialRecord| given_up || record.validity.is_valid();
        let deciding: Vec<&TrialRecord> = trials.iter().filter(counts).collect();
        let verdict = verdict_on(&deciding, claims, &[], quick, interrupted);
        if !quick && self.outcome(trials).crossing.is_none() {
            verdict.max(Verdict::Inconclusive)
        } else {
            verdict
        }
    }

    fn progress_of(&self, counted: &[Value]) -> Progress {
        let wanted = self.facts.runs;
        if counted.iter().any(|value| value.not_counted >= wanted) {
            return Progress::GivenUp;
        }
        let answers: Vec<Option<bool>> = self
            .tallies(counted)
            .map(|tally| (tally.runs >= wanted).then(|| stats::most_held(&tally)))
            .collect();
        stats::next_probe(&answers).map_or(Progress::Finished, Progress::Runs)
    }

    fn tallies(&self, counted: &[Value]) -> impl Iterator<Item = Tally> {
        let values = self.facts.values.iter().zip(counted);
        values.map(|(value, counted)| Tally {
            value: *value,
            runs: counted.runs,
            held: counted.held,
        })
    }

    /// One for each value that may be tried.
    fn counted(&self, trials: &[TrialRecord]) -> Vec<Value> {
        let mut all = vec![Value::default(); self.facts.arms.len()];
        for record in trials {
            let place = self
                .facts
                .arms
                .iter()
                .position(|arm| *arm == record.trial.arm);
            let Some(value) = place.and_then(|place| all.get_mut(place)) else {
                continue;
            };
            match self.held(record) {
                Some(held) => {
                    value.runs += 1;
                    value.held += u32::from(held);
                }
                None => value.not_counted += 1,
            }
        }
        all
    }

    fn held(&self, record: &TrialRecord) -> Option<bool> {
        if record.interrupted || !record.validity.is_valid() {
            return None;
        }
        let references = self.until.references.iter();
        let measured = references.map(|reference| reference.measure(&[record]));
        self.until.holds(measured.collect())
    }
}

#[cfg(test)]
mod tests;
