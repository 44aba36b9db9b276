//! The range of a search: from the lowest value to the highest in steps of the precision.

use std::time::Duration;

use crate::scenario::document::{Node, Value};
use crate::scenario::reader::Section;
use crate::scenario::values::FromNode;
use crate::units::format_duration;

/// Halving this many takes nine probes.
const MOST_STEPS: i128 = 512;
/// Steps of the range where the file does not say how fine.
const DEFAULT_STEPS: i128 = 16;
/// Real numbers are counted in billionths, so that steps add up exactly.
const BILLION: f64 = 1e9;

/// A number or a duration.
#[derive(Debug, Clone, Copy)]
pub(super) enum Quantity {
    Span(Duration),
    Whole(i64),
    Real(f64),
}

impl FromNode for Quantity {
    fn from_node(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Text(_) => Duration::from_node(node).map(Self::Span),
            Value::Integer(number) => Ok(Self::Whole(*number)),
            Value::Float(_) => match f64::from_node(node)? {
                number if number.abs() < BILLION => Ok(Self::Real(number)),
                number => Err(format!("is {number}: it must be below a billion")),
            },
            _ => Err(format!(
                "must be a number or a duration such as \"500ms\", not {}",
                node.kind()
            )),
        }
    }
}

/// What the grains of a range are: nanoseconds, ones or billionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Span,
    Whole,
    Real,
}

impl Kind {
    fn grains(self, quantity: Quantity) -> i128 {
        match (self, quantity) {
            (_, Quantity::Span(duration)) => duration.as_nanos().cast_signed(),
            (Self::Real, Quantity::Whole(number)) => i128::from(number) * BILLION as i128,
            (_, Quantity::Whole(number)) => i128::from(number),
            (_, Quantity::Real(number)) => (number * BILLION).round() as i128,
        }
    }

    pub(super) fn number(self, grains: i128) -> f64 {
        match self {
            Self::Whole => grains as f64,
            Self::Span | Self::Real => grains as f64 / BILLION,
        }
    }

    pub(super) fn value(self, grains: i128) -> Value {
        match self {
            // All of these were read from such types, or lie between two that were.
            Self::Span => Value::Text(format_duration(Duration::from_nanos(grains as u64))),
            Self::Whole => Value::Integer(grains as i64),
            Self::Real => Value::Float(self.number(grains)),
        }
    }

    fn show(self, grains: i128) -> String {
        match self.value(grains) {
            Value::Text(text) => format!("\"{text}\""),
            _ => self.number(grains).to_string(),
        }
    }
}

/// Steps of equal size, but for the last, which may be shorter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) kind: Kind,
    low: i128,
    pub(super) high: i128,
    pub(super) step: i128,
}

impl Range {
    fn steps(&self) -> i128 {
        (self.high - self.low + self.step - 1) / self.step
    }

    pub(super) fn all(self) -> impl Iterator<Item = i128> {
        let within = (0..self.steps()).map(move |step| self.low + step * self.step);
        within.chain([self.high])
    }
}

/// Reads what is written of it; `None` when it is no range.
pub(super) fn range(
    section: &mut Section<'_>,
    low: Option<Quantity>,
    high: Option<Quantity>,
    precision: Option<Quantity>,
) -> Option<Range> {
    let precision_written = section.node("precision");
    let high_written = section.node("high");
    let (low, high) = (low?, high?);
    let Some(kind) = kind_of([Some(low), Some(high), None]) else {
        section.complain(
            "high",
            high_written?,
            "and \"low\" must be of one type: two numbers, or two durations",
        );
        return None;
    };
    let Some(kind) = kind_of([Some(low), Some(high), precision]) else {
        let wanted = if kind == Kind::Span {
            "must be a duration, as \"low\" and \"high\" are"
        } else {
            "must be a number, as \"low\" and \"high\" are"
        };
        section.complain("precision", precision_written?, wanted);
        return None;
    };
    let (low, high) = (kind.grains(low), kind.grains(high));
    if low >= high {
        let complaint = format!(
            "is {}, which is not above \"low\" ({}): a search goes from the lower to the higher value",
            kind.show(high),
            kind.show(low)
        );
        section.complain("high", high_written?, &complaint);
        return None;
    }
    let default = ((high - low + DEFAULT_STEPS - 1) / DEFAULT_STEPS).max(1);
    let step = precision.map_or(default, |precision| kind.grains(precision));
    let range = Range {
        kind,
        low,
        high,
        step: step.max(1),
    };
    let complaint = if step <= 0 {
        "must be above 0: it is the smallest difference worth resolving".to_owned()
    } else if step > high - low {
        "is larger than the range from \"low\" to \"high\"".to_owned()
    } else if range.steps() > MOST_STEPS {
        format!(
            "makes {} steps from \"low\" to \"high\": at most {MOST_STEPS} can be resolved",
            range.steps()
        )
    } else {
        return Some(range);
    };
    section.complain("precision", precision_written?, &complaint);
    None
}

/// The kind that all of them are of; whole numbers are real where others are.
fn kind_of(quantities: [Option<Quantity>; 3]) -> Option<Kind> {
    let kinds = quantities
        .into_iter()
        .flatten()
        .map(|quantity| match quantity {
            Quantity::Span(_) => Kind::Span,
            Quantity::Whole(_) => Kind::Whole,
            Quantity::Real(_) => Kind::Real,
        });
    kinds
        .map(Some)
        .reduce(|one, other| match (one?, other?) {
            (one, other) if one == other => Some(one),
            (Kind::Span, _) | (_, Kind::Span) => None,
            _ => Some(Kind::Real),
        })
        .flatten()
}
