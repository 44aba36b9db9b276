//! Claims: boolean expressions in CEL over the figures of the arms.
//!
//! `arm.NAME.PHASE.FIGURE`, `arm.NAME.recovery_s`, and in sweeps `sweep("PHASE.FIGURE")`,
//! `sweep("value")` and `knee("PHASE.FIGURE")`. Where the scenario is a search, `search("crossing")`,
//! `search("low")` and `search("high")`, and nothing else: which values become arms is only known at
//! its end. A figure without samples makes a claim inconclusive.

use std::collections::BTreeSet;

use crate::record::{ClaimOutcome, SearchRecord, TrialRecord};

use super::agreement::agreement;
use super::expression::Scope;
use super::formula::Formula;
use super::reference::Measured;
use super::vocabulary::Vocabulary;

pub use super::formula::ClaimError;

/// A compiled claim.
#[derive(Debug)]
pub struct Claim {
    says: String,
    formula: Formula,
}

impl Claim {
    /// Parses, resolves every name and tries the expression on made-up figures.
    pub fn compile(says: &str, check: &str, names: &Vocabulary) -> Result<Self, ClaimError> {
        let scope = if names.search.is_some() {
            Scope::Search
        } else {
            Scope::Arms
        };
        Ok(Self {
            says: says.to_owned(),
            formula: Formula::compile(check, names, scope)?,
        })
    }

    /// Judges each round by itself.
    pub fn judge(&self, trials: &[TrialRecord]) -> ClaimOutcome {
        let rounds: BTreeSet<u32> = trials.iter().map(|record| record.trial.round).collect();
        let mut holds = Vec::new();
        let mut observed = Vec::new();
        for round in &rounds {
            let of_round: Vec<&TrialRecord> = trials
                .iter()
                .filter(|record| record.trial.round == *round)
                .collect();
            let measured: Vec<Option<Measured>> = self
                .formula
                .references
                .iter()
                .map(|reference| reference.measure(&of_round))
                .collect();
            let seen = self.formula.describe(&measured);
            observed.push(if rounds.len() > 1 {
                format!("round {round}: {seen}")
            } else {
                seen
            });
            holds.push(self.formula.holds(measured));
        }
        let observed = if observed.is_empty() {
            "nothing was measured".to_owned()
        } else {
            observed.join(" | ")
        };
        self.outcome(agreement(holds), observed)
    }

    /// Judges what a search came to: once, since all of its runs together make its result.
    pub fn judge_search(&self, search: &SearchRecord) -> ClaimOutcome {
        let measured: Vec<Option<Measured>> = self
            .formula
            .references
            .iter()
            .map(|reference| reference.measure_search(search))
            .collect();
        let observed = self.formula.describe(&measured);
        self.outcome(self.formula.holds(measured), observed)
    }

    /// The phases and figures that it reads from a server in this arm's trials.
    pub fn server_figures(&self, arm: &str) -> Vec<(String, &'static str)> {
        let references = self.formula.references.iter();
        references
            .filter_map(|reference| reference.server_figure(arm))
            .collect()
    }

    fn outcome(&self, holds: Option<bool>, observed: String) -> ClaimOutcome {
        ClaimOutcome {
            says: self.says.clone(),
            check: self.formula.check.clone(),
            holds,
            observed,
        }
    }
}

#[cfg(test)]
mod tests;
