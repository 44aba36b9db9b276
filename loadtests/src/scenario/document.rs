//! A scenario file as a tree in which every value knows its line.
//!
//! Arms and the command line replace parts of the tree before its meaning is read, and a
//! replaced value keeps the place where it was written. Reading through serde would lose that,
//! and would stop at the first mistake.

use std::ops::Range;
use std::sync::Arc;

use serde_json::json;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Location, Problems};

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Location,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Moment(toml::value::Datetime),
    Array(Vec<Node>),
    Table(Table),
}

/// Keys in the order of the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
    /// Written as `{ ... }`: one value, that replaces what was there before as a whole.
    pub(super) inline: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_at: Location,
    pub(super) node: Node,
}

impl Table {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
    }
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn array(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Array(nodes) => Some(nodes),
            _ => None,
        }
    }

    /// What the value is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "a text",
            Value::Integer(_) | Value::Float(_) => "a number",
            Value::Boolean(_) => "a boolean",
            Value::Moment(_) => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Text(text) => json!(text),
            Value::Integer(number) => json!(number),
            Value::Float(number) => json!(number),
            Value::Boolean(flag) => json!(flag),
            Value::Moment(moment) => json!(moment.to_string()),
            Value::Array(nodes) => nodes.iter().map(Self::to_json).collect(),
            Value::Table(table) => table
                .entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.to_json()))
                .collect(),
        }
    }

    pub(super) fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Text(text) => text.clone().into(),
            Value::Integer(number) => (*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Boolean(flag) => (*flag).into(),
            Value::Moment(moment) => (*moment).into(),
            Value::Array(nodes) => nodes.iter().map(Self::to_toml).collect::<Vec<_>>().into(),
            Value::Table(table) => table.to_toml().into(),
        }
    }
}

impl Table {
    pub(super) fn to_toml(&self) -> toml::Table {
        self.entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.node.to_toml()))
            .collect()
    }
}

/// Parses a file; every syntax error in it is reported.
pub(super) fn parse(source: &Source<'_>, problems: &Problems) -> Table {
    let (table, errors) = DeTable::parse_recoverable(source.text);
    for error in errors {
        let at = error
            .span()
            .map_or_else(|| source.start(), |span| source.locate(span.start));
        problems.report(&at, format!("not valid TOML: {}", error.message()));
    }
    source.table(table.get_ref(), false, problems)
}

/// Parses a value as it stands to the right of an `=`, or takes it as a text when it is none.
pub(super) fn parse_value(text: &str, at: &Location) -> Node {
    let source = Source {
        name: "".into(),
        text,
        fixed: Some(at.clone()),
    };
    let problems = Problems::default();
    if let Ok(value) = DeValue::parse(text) {
        let node = source.node(value.get_ref(), value.span(), &problems);
        if problems.none_yet() {
            return node;
        }
    }
    Node {
        at: at.clone(),
        value: Value::Text(text.to_owned()),
    }
}

/// Where a text ends, counted from 1, columns in characters.
pub(super) fn line_and_column(before: &str) -> (usize, usize) {
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    (
        before.matches('\n').count() + 1,
        last_line.chars().count() + 1,
    )
}

/// A text and how places in it are called.
pub(super) struct Source<'a> {
    name: Arc<str>,
    text: &'a str,
    /// Where everything is, when lines would say nothing: the text was made from arguments.
    fixed: Option<Location>,
}

impl<'a> Source<'a> {
    pub(super) fn file(name: &str, text: &'a str) -> Self {
        Self {
            name: name.into(),
            text,
            fixed: None,
        }
    }

    /// A text made from arguments: its lines mean nothing to the user.
    pub(super) fn argument(name: &str, text: &'a str) -> Self {
        Self {
            name: name.into(),
            text,
            fixed: Some(Location::whole(name)),
        }
    }

    /// The first line.
    pub(super) fn start(&self) -> Location {
        self.locate(0)
    }

    fn locate(&self, offset: usize) -> Location {
        if let Some(fixed) = &self.fixed {
            return fixed.clone();
        }
        let (line, column) = line_and_column(self.text.get(..offset).unwrap_or(self.text));
        Location::new(&self.name, line, column)
    }

    fn table(&self, table: &DeTable<'_>, inline: bool, problems: &Problems) -> Table {
        let entries = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                key_at: self.locate(key.span().start),
                node: self.node(value.get_ref(), value.span(), problems),
            })
            .collect();
        Table { entries, inline }
    }

    fn node(&self, value: &DeValue<'_>, span: Range<usize>, problems: &Problems) -> Node {
        let at = self.locate(span.start);
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => {
                let read = i64::from_str_radix(number.as_str(), number.radix());
                if read.is_err() {
                    problems.report(&at, format!("the number {number} is too large"));
                }
                Value::Integer(read.unwrap_or_default())
            }
            DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(flag) => Value::Boolean(*flag),
            DeValue::Datetime(moment) => Value::Moment(*moment),
            DeValue::Array(array) => Value::Array(
                array
                    .iter()
                    .map(|item| self.node(item.get_ref(), item.span(), problems))
                    .collect(),
            ),
            DeValue::Table(table) => {
                let inline = self.text.as_bytes().get(span.start) == Some(&b'{');
                Value::Table(self.table(table, inline, problems))
            }
        };
        Node { at, value }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parsed(text: &str) -> (Table, Vec<String>) {
        let problems = Problems::default();
        let table = parse(&Source::file("x.toml", text), &problems);
        let messages = match problems.into_result() {
            Ok(()) => Vec::new(),
            Err(found) => found.iter().map(ToString::to_string).collect(),
        };
        (table, messages)
    }

    #[test]
    fn values_know_their_line_and_column() {
        let (table, messages) =
            parsed("a = 1\n[b]\n  \"한글\" = { c = \"x\" }\nd.e = [1_000, 0x1f]\n");
        assert_eq!(messages, [""; 0]);
        let b = table.get("b").unwrap().table().unwrap();
        assert_eq!(table.get("a").unwrap().at.to_string(), "x.toml:1:5");
        assert_eq!(b.get("한글").unwrap().at.to_string(), "x.toml:3:10");
        assert!(b.get("한글").unwrap().table().unwrap().inline);
        let d = b.get("d").unwrap().table().unwrap();
        assert!(!d.inline && !b.inline);
        assert_eq!(d.get("e").unwrap().to_json(), json!([1000, 31]));
    }

    #[test]
    fn every_syntax_error_is_reported_with_its_line() {
        let (_, messages) = parsed("a = \nb = 1\nb = 2\n[c\n");
        assert!(messages.len() >= 3, "{messages:?}");
        assert!(messages[0].starts_with("x.toml:1:"), "{messages:?}");
        assert!(
            messages.contains(&"x.toml:3:1: not valid TOML: duplicate key".to_owned()),
            "{messages:?}"
        );
    }

    #[test]
    fn a_number_beyond_64_bits_is_refused() {
        let (_, messages) = parsed("a = 99999999999999999999");
        assert_eq!(
            messages,
            ["x.toml:1:5: the number 99999999999999999999 is too large"]
        );
    }

    #[test]
    fn an_argument_is_a_toml_value_or_else_a_text() {
        let at = Location::whole("--env a=b");
        for (text, json) in [
            ("5", json!(5)),
            ("0.5", json!(0.5)),
            ("true", json!(true)),
            ("5s", json!("5s")),
            ("\"5\"", json!("5")),
            ("row_lock", json!("row_lock")),
            ("[1, 2]", json!([1, 2])),
            ("{ max = 2 }", json!({ "max": 2 })),
            ("", json!("")),
            ("99999999999999999999", json!("99999999999999999999")),
        ] {
            assert_eq!(parse_value(text, &at).to_json(), json, "{text}");
        }
        assert!(parse_value("{ max = 2 }", &at).table().unwrap().inline);
    }
}
