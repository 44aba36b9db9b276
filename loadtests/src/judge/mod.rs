//! Decides what a run's records say: validity first, then claims, then thresholds.
//!
//! Pure: the same records and rules always give the same decisions. Every name in a rule is checked
//! when it is compiled, before anything is started.

mod agreement;
mod books;
mod claim;
mod deliveries;
mod expression;
mod formula;
mod payments;
mod reference;
mod scoped;
mod search;
mod share;
mod threshold;
mod threshold_rule;
mod validity;
mod verdict;
mod violations;
mod vocabulary;

use std::collections::BTreeSet;

use thiserror::Error;

use crate::record::{Decisions, TrialRecord};

pub use books::check_books;
pub use claim::{Claim, ClaimError};
pub use deliveries::{check_deliveries, count_deliveries};
pub use payments::check_payments;
pub use search::{Progress, SearchRule};
pub use threshold::{Metric, Operator, Threshold, ThresholdError};
pub use threshold_rule::{ThresholdRule, ThresholdRuleError};
pub use validity::{GeneratorAccount, assess};
pub use verdict::{exit_code, verdict};
pub use violations::Violations;
pub use vocabulary::Vocabulary;

/// A claim as the scenario writes it.
#[derive(Debug, Clone, Copy)]
pub struct ClaimText<'a> {
    pub says: &'a str,
    pub check: &'a str,
}

/// A threshold as the scenario writes it.
#[derive(Debug, Clone, Copy)]
pub struct ThresholdText<'a> {
    /// `None`: every arm, each by itself.
    pub arm: Option<&'a str>,
    /// `None`: all phases but warm-ups together.
    pub phase: Option<&'a str>,
    pub rule: &'a str,
}

/// A rule that cannot be judged; `index` counts the scenario's claims or thresholds from 0.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    #[error("claim {number}: {error}", number = index + 1)]
    Claim { index: usize, error: ClaimError },
    #[error("threshold {number}: {error}", number = index + 1)]
    Threshold {
        index: usize,
        error: ThresholdRuleError,
    },
    #[error("until: {0}")]
    Until(ClaimError),
}

/// A scenario's rules, compiled and checked.
#[derive(Debug)]
pub struct Judge {
    vocabulary: Vocabulary,
    claims: Vec<Claim>,
    thresholds: Vec<ThresholdRule>,
    search: Option<SearchRule>,
}

impl Judge {
    /// Compiles every rule and finds every mistake at once.
    pub fn compile(
        vocabulary: Vocabulary,
        claims: &[ClaimText<'_>],
        thresholds: &[ThresholdText<'_>],
    ) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        let mut compiled = Self {
            vocabulary,
            claims: Vec::new(),
            thresholds: Vec::new(),
            search: None,
        };
        if let Some(facts) = &compiled.vocabulary.search {
            match SearchRule::compile(facts, &compiled.vocabulary) {
                Ok(search) => compiled.search = Some(search),
                Err(error) => errors.push(RuleError::Until(error)),
            }
        }
        for (index, text) in claims.iter().enumerate() {
            match Claim::compile(text.says, text.check, &compiled.vocabulary) {
                Ok(claim) => compiled.claims.push(claim),
                Err(error) => errors.push(RuleError::Claim { index, error }),
            }
        }
        for (index, text) in thresholds.iter().enumerate() {
            match ThresholdRule::compile(text.arm, text.phase, text.rule, &compiled.vocabulary) {
                Ok(rule) => compiled.thresholds.push(rule),
                Err(error) => errors.push(RuleError::Threshold { index, error }),
            }
        }
        if errors.is_empty() {
            Ok(compiled)
        } else {
            Err(errors)
        }
    }

    /// The figures of an arm's phases that some claim needs and that are read from a server:
    /// when their scrape is missed, the trial is invalid.
    pub fn needed_server_figures(&self, arm: &str) -> BTreeSet<(String, &'static str)> {
        let of_claims = self
            .claims
            .iter()
            .flat_map(|claim| claim.server_figures(arm));
        let of_search = self
            .search
            .iter()
            .flat_map(|search| search.server_figures(arm));
        of_claims.chain(of_search).collect()
    }

    /// How a search is judged, where the scenario is one.
    pub fn search(&self) -> Option<&SearchRule> {
        self.search.as_ref()
    }

    /// What the trials so far say. `interrupted`: the run was cut short by its user.
    pub fn decide(&self, trials: &[TrialRecord], quick: bool, interrupted: bool) -> Decisions {
        let search = self.search.as_ref().map(|search| search.outcome(trials));
        let claims: Vec<_> = self
            .claims
            .iter()
            .map(|claim| match &search {
                Some(search) => claim.judge_search(search),
                None => claim.judge(trials),
            })
            .collect();
        let thresholds: Vec<_> = self
            .thresholds
            .iter()
            .flat_map(|rule| rule.judge(trials, &self.vocabulary))
            .collect();
        let verdict = match &self.search {
            Some(rule) => rule.verdict(trials, &claims, quick, interrupted),
            None => verdict(trials, &claims, &thresholds, quick, interrupted),
        };
        Decisions {
            verdict,
            claims,
            thresholds,
            search,
        }
    }
}
