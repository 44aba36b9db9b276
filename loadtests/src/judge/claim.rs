//! Claims: boolean expressions in CEL over the figures of the arms.
//!
//! `arm.NAME.PHASE.FIGURE`, `arm.NAME.recovery_s`, and in sweeps `sweep("PHASE.FIGURE")`,
//! `sweep("value")` and `knee("PHASE.FIGURE")`. A figure without samples makes a claim inconclusive.

use std::collections::BTreeSet;

use cel::parser::Expression;
use cel::{Context, Program, Value};
use thiserror::Error;

use crate::record::{ClaimOutcome, TrialRecord};

use super::agreement::agreement;
use super::expression::{Resolver, variable};
use super::reference::{Measured, Reference};
use super::vocabulary::Vocabulary;

/// Values that stand in for every figure when a claim is tried before the run: together they take
/// comparisons both ways.
const SYNTHETIC: [fn(usize) -> f64; 4] = [
    |_| 1.0,
    |_| 1e9,
    |index| 1.0 + index as f64,
    |index| 1.0 / (1.0 + index as f64),
];

/// A compiled claim.
#[derive(Debug)]
pub struct Claim {
    says: String,
    check: String,
    expression: Expression,
    references: Vec<Reference>,
}

/// Why an expression is no claim, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}, in `{check}`")]
pub struct ClaimError {
    /// Within the expression, from 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
    pub check: String,
}

impl ClaimError {
    /// `offset` counts characters from 0.
    pub fn new(check: &str, offset: usize, message: String) -> Self {
        let before: String = check.chars().take(offset).collect();
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |last| last.chars().count())
            + 1;
        Self {
            line,
            column,
            message,
            check: check.to_owned(),
        }
    }
}

impl Claim {
    /// Parses, resolves every name and tries the expression on made-up figures.
    pub fn compile(says: &str, check: &str, names: &Vocabulary) -> Result<Self, ClaimError> {
        let program = Program::compile(check).map_err(|errors| syntax_error(check, &errors))?;
        let mut expression = program.expression().clone();
        let mut resolver = Resolver::new(names, program.source_info());
        resolver.resolve(&mut expression)?;
        let references = resolver.references;
        let claim = Self {
            says: says.to_owned(),
            check: check.to_owned(),
            expression,
            references,
        };
        claim.try_out()?;
        Ok(claim)
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
                .references
                .iter()
                .map(|reference| reference.measure(&of_round))
                .collect();
            let seen = self.describe(&measured);
            observed.push(if rounds.len() > 1 {
                format!("round {round}: {seen}")
            } else {
                seen
            });
            let complete: Option<Vec<Measured>> = measured.into_iter().collect();
            holds.push(complete.and_then(|values| self.evaluate(&values).ok()));
        }
        ClaimOutcome {
            says: self.says.clone(),
            check: self.check.clone(),
            holds: agreement(holds),
            observed: if observed.is_empty() {
                "nothing was measured".to_owned()
            } else {
                observed.join(" | ")
            },
        }
    }

    /// The phases and figures that it reads from a server in this arm's trials.
    pub fn server_figures(&self, arm: &str) -> Vec<(String, &'static str)> {
        self.references
            .iter()
            .filter_map(|reference| reference.server_figure(arm))
            .collect()
    }

    fn describe(&self, measured: &[Option<Measured>]) -> String {
        let mut seen: Vec<String> = Vec::new();
        for (reference, value) in self.references.iter().zip(measured) {
            let text = reference.describe(value.as_ref());
            if !seen.contains(&text) {
                seen.push(text);
            }
        }
        seen.join("; ")
    }

    fn try_out(&self) -> Result<(), ClaimError> {
        if self.references.is_empty() {
            let message =
                "the claim speaks of no figure, such as arm.NAME.PHASE.goodput".to_owned();
            return Err(ClaimError::new(&self.check, 0, message));
        }
        for value in SYNTHETIC {
            let references = self.references.iter().enumerate();
            let values: Vec<Measured> = references
                .map(|(index, found)| found.synthetic(value(index)))
                .collect();
            self.evaluate(&values)
                .map_err(|problem| ClaimError::new(&self.check, 0, problem))?;
        }
        Ok(())
    }

    fn evaluate(&self, values: &[Measured]) -> Result<bool, String> {
        let mut context = Context::default();
        for (index, value) in values.iter().enumerate() {
            let value = match value {
                Measured::Number(number) => Value::Float(*number),
                Measured::List(numbers) => Value::List(
                    numbers
                        .iter()
                        .copied()
                        .map(Value::Float)
                        .collect::<Vec<_>>()
                        .into(),
                ),
            };
            context.add_variable_from_value(variable(index), value);
        }
        match Value::resolve(&self.expression, &context) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!(
                "a claim must be true or false, and this is {}",
                kind(&other)
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Float(_) | Value::Int(_) | Value::UInt(_) => "a number; compare it with something",
        Value::String(_) => "a text",
        Value::List(_) => "a list",
        _ => "something else",
    }
}

fn syntax_error(check: &str, errors: &cel::ParseErrors) -> ClaimError {
    let Some(first) = errors.errors.first() else {
        return ClaimError::new(check, 0, "this is no expression".to_owned());
    };
    let (line, column) = first.pos;
    ClaimError {
        line: usize::try_from(line).unwrap_or(1).max(1),
        column: usize::try_from(column).unwrap_or(1).max(1),
        message: first.msg.clone(),
        check: check.to_owned(),
    }
}

#[cfg(test)]
mod tests;
