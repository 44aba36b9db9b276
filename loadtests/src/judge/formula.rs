//! A compiled expression: its text, its tree and the figures in it. What it is true of (a round of
//! all arms, one trial, a finished search) is its user's business.

use cel::parser::Expression;
use cel::{Context, Program, Value};
use thiserror::Error;

use super::expression::{Resolver, Scope, variable};
use super::reference::{Measured, Reference};
use super::share::{self, Share};
use super::vocabulary::Vocabulary;

/// Values that stand in for every figure when an expression is tried before the run: together they
/// take comparisons both ways.
const SYNTHETIC: [fn(usize) -> f64; 4] = [
    |_| 1.0,
    |_| 1e9,
    |index| 1.0 + index as f64,
    |index| 1.0 / (1.0 + index as f64),
];

#[derive(Debug)]
pub struct Formula {
    pub check: String,
    expression: Expression,
    pub references: Vec<Reference>,
    /// The shares whose intervals it asks for.
    shares: Vec<Share>,
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

impl Formula {
    /// Parses, resolves every name and tries the expression on made-up figures.
    pub fn compile(check: &str, names: &Vocabulary, scope: Scope) -> Result<Self, ClaimError> {
        let program = Program::compile(check).map_err(|errors| syntax_error(check, &errors))?;
        let mut expression = program.expression().clone();
        let mut resolver = Resolver::new(names, program.source_info(), scope);
        resolver.resolve(&mut expression)?;
        let (references, shares) = (resolver.references, resolver.shares);
        let formula = Self {
            check: check.to_owned(),
            expression,
            references,
            shares,
        };
        formula.try_out(scope)?;
        Ok(formula)
    }

    /// `None` where a figure is missing, or the expression has no value with these.
    pub fn holds(&self, measured: Vec<Option<Measured>>) -> Option<bool> {
        let complete: Option<Vec<Measured>> = measured.into_iter().collect();
        complete.and_then(|values| self.evaluate(&values).ok())
    }

    /// The figures and their values, and the shares with their intervals, each once.
    pub fn describe(&self, measured: &[Option<Measured>]) -> String {
        let references = self.references.iter().zip(measured);
        let figures = references.map(|(reference, value)| reference.describe(value.as_ref()));
        let complete: Option<Vec<Measured>> = measured.iter().cloned().collect();
        let context = complete.map(|values| context(&values));
        let shares = context.iter().flat_map(|context| {
            let shares = self.shares.iter();
            shares.filter_map(|share| share.describe(context))
        });
        let mut seen: Vec<String> = Vec::new();
        for text in figures.chain(shares) {
            if !seen.contains(&text) {
                seen.push(text);
            }
        }
        seen.join("; ")
    }

    fn try_out(&self, scope: Scope) -> Result<(), ClaimError> {
        if self.references.is_empty() {
            let (what, example) = match scope {
                Scope::Arms => ("the claim", "arm.NAME.PHASE.goodput"),
                Scope::Search => ("the claim", "search(\"crossing\")"),
                Scope::Trial => ("the expression", "PHASE.goodput"),
            };
            let message = format!("{what} speaks of no figure, such as {example}");
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
        match Value::resolve(&self.expression, &context(values)) {
            Ok(Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!(
                "a claim must be true or false, and this is {}",
                kind(&other)
            )),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// What an expression is evaluated in: the figures' values, and the functions beside CEL's own.
fn context(values: &[Measured]) -> Context<'static, 'static> {
    let mut context = Context::default();
    share::declare(&mut context);
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
    context
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
