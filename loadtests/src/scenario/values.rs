//! The types of values: what a number, a duration, a name or a share may look like.

use std::time::Duration;

use crate::units::parse_duration;

use super::document::{Node, Value};
use super::names;

/// A value of one key. Errors continue the sentence `"key" in [section] ...`.
pub(super) trait FromNode: Sized {
    fn from_node(node: &Node) -> Result<Self, String>;
}

impl FromNode for String {
    fn from_node(node: &Node) -> Result<Self, String> {
        match node.text() {
            Some(text) if text.trim().is_empty() => Err("is empty".to_owned()),
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("must be a text, not {}", node.kind())),
        }
    }
}

impl FromNode for bool {
    fn from_node(node: &Node) -> Result<Self, String> {
        match node.value {
            Value::Boolean(flag) => Ok(flag),
            _ => Err(format!("must be true or false, not {}", node.kind())),
        }
    }
}

impl FromNode for u64 {
    fn from_node(node: &Node) -> Result<Self, String> {
        match node.value {
            Value::Integer(number) => {
                Self::try_from(number).map_err(|_| format!("is {number}: it must be at least 0"))
            }
            Value::Float(number) => Err(format!("must be a whole number, not {number}")),
            _ => Err(format!("must be a whole number, not {}", node.kind())),
        }
    }
}

impl FromNode for f64 {
    fn from_node(node: &Node) -> Result<Self, String> {
        match node.value {
            Value::Integer(number) => Ok(number as f64),
            Value::Float(number) if number.is_finite() => Ok(number),
            Value::Float(number) => Err(format!("is {number}: it must be a finite number")),
            _ => Err(format!("must be a number, not {}", node.kind())),
        }
    }
}

impl FromNode for Duration {
    fn from_node(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Text(text) => {
                parse_duration(text).map_err(|error| format!("is \"{text}\", which {error}"))
            }
            Value::Integer(number) => Err(format!(
                "is a number without a unit: write \"{number}ms\" or \"{number}s\""
            )),
            _ => Err(format!(
                "must be a duration such as \"500ms\", not {}",
                node.kind()
            )),
        }
    }
}

/// A whole number within bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count<const LOW: u64, const HIGH: u64>(pub(super) u64);

impl<const LOW: u64, const HIGH: u64> FromNode for Count<LOW, HIGH> {
    fn from_node(node: &Node) -> Result<Self, String> {
        let number = u64::from_node(node)?;
        if (LOW..=HIGH).contains(&number) {
            Ok(Self(number))
        } else if LOW == HIGH {
            Err(format!("is {number}: it must be {LOW}"))
        } else {
            Err(format!("is {number}: it must be between {LOW} and {HIGH}"))
        }
    }
}

/// No phase and no timeout is longer.
pub(super) const LONGEST_SPAN: Duration = Duration::from_hours(24);

/// A duration above zero and at most a day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span(pub(super) Duration);

impl FromNode for Span {
    fn from_node(node: &Node) -> Result<Self, String> {
        let duration = Duration::from_node(node)?;
        if duration.is_zero() {
            Err("is 0: it must be longer".to_owned())
        } else if duration > LONGEST_SPAN {
            Err(format!(
                "is \"{}\": the longest is 24h",
                node.text().unwrap_or_default()
            ))
        } else {
            Ok(Self(duration))
        }
    }
}

/// A share above 0 and at most 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share(pub(super) f64);

impl FromNode for Share {
    fn from_node(node: &Node) -> Result<Self, String> {
        let share = f64::from_node(node)?;
        if share > 0.0 && share <= 1.0 {
            Ok(Self(share))
        } else {
            Err(format!("is {share}: a share is above 0 and at most 1"))
        }
    }
}

/// The name of an arm, phase, journey, ...: an identifier, as claims spell it.
#[derive(Debug, Clone)]
pub(super) struct Name(pub(super) String);

impl FromNode for Name {
    fn from_node(node: &Node) -> Result<Self, String> {
        let name = String::from_node(node)?;
        names::check(&name).map_err(|complaint| format!("is \"{name}\", which {complaint}"))?;
        Ok(Self(name))
    }
}

impl<T: FromNode> FromNode for Vec<T> {
    fn from_node(node: &Node) -> Result<Self, String> {
        let nodes = node
            .array()
            .ok_or_else(|| format!("must be a list, not {}", node.kind()))?;
        nodes
            .iter()
            .enumerate()
            .map(|(index, element)| {
                T::from_node(element).map_err(|complaint| {
                    format!("has an element ({}.) that {complaint}", index + 1)
                })
            })
            .collect()
    }
}
