//! `share_low(k, n)` and `share_high(k, n)`: the ends of the interval in which the share lies that `k` of `n`
//! were counted of, at a confidence of 95 % (Wilson).
//!
//! Where nothing was tried there is no share, and a claim about one is inconclusive. Both are figures or sums
//! of figures: claims are tried on made-up figures before the run, and differences of those may be negative.

use cel::common::ast::CallExpr;
use cel::parser::Expression;
use cel::{Context, ExecutionError, Value};

use crate::record::figures::Unit;
use crate::stats;

const LOW: &str = "share_low";
const HIGH: &str = "share_high";

/// A share whose interval an expression asks for, its figures resolved.
#[derive(Debug)]
pub struct Share {
    part: Expression,
    whole: Expression,
}

/// Makes both functions known.
pub fn declare(context: &mut Context<'_, '_>) {
    for (name, end) in [(LOW, low as fn((f64, f64)) -> f64), (HIGH, high)] {
        let function = move |part: f64, whole: f64| {
            let interval = stats::share_interval(part, whole);
            interval
                .map(end)
                .ok_or_else(|| ExecutionError::function_error(name, "a share needs counts"))
        };
        context
            .add_function(name, function)
            .expect("CEL has no functions of these names");
    }
}

fn low((low, _): (f64, f64)) -> f64 {
    low
}

fn high((_, high): (f64, f64)) -> f64 {
    high
}

impl Share {
    /// `None`: the call is of another function.
    pub fn asked_for_in(call: &CallExpr) -> Option<Self> {
        let is_share = matches!(call.func_name.as_str(), LOW | HIGH) && call.target.is_none();
        match call.args.as_slice() {
            [part, whole] if is_share => Some(Self {
                part: part.clone(),
                whole: whole.clone(),
            }),
            _ => None,
        }
    }

    /// The share and its interval in plain English; `None` where there is none.
    pub fn describe(&self, context: &Context<'_, '_>) -> Option<String> {
        let number = |expression| match Value::resolve(expression, context) {
            Ok(Value::Float(number)) => Some(number),
            _ => None,
        };
        let (part, whole) = (number(&self.part)?, number(&self.whole)?);
        let (low, high) = stats::share_interval(part, whole)?;
        Some(format!(
            "{} of {} are {} (between {} and {} at 95 % confidence)",
            Unit::Count.show(part),
            Unit::Count.show(whole),
            percent(part / whole),
            percent(low),
            percent(high)
        ))
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
