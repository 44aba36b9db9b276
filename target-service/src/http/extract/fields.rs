//! From serde's refusals to fields that are not valid: all of them, although serde stops at the first.
//!
//! Each round reads the fields as the type that is asked for. What is refused is noted and put right (taken
//! out, or replaced by a value that is only there to get past it), and the next round finds the next.
//! Invariant: what was put right never reaches anybody but the next round.

use std::fmt::Display;

use serde_path_to_error::Error;

use crate::http::{FieldError, Problem};

/// Serde tells kinds of refusals apart only by how they begin.
const KINDS: [(&str, &str); 6] = [
    ("unknown field", UNKNOWN),
    ("missing field", MISSING),
    ("duplicate field", DUPLICATE),
    ("unknown variant", "unknown_value"),
    ("invalid type", "wrong_type"),
    ("invalid length", "wrong_length"),
];

const UNKNOWN: &str = "unknown_field";
const MISSING: &str = "missing_field";
const DUPLICATE: &str = "duplicate_field";

/// Most field errors in one answer: each costs a round, and nobody reads more.
const ERRORS_MAX: usize = 32;

/// The fields of a request by name, in the order in which they came.
pub(super) type Fields<V> = Vec<(String, V)>;

/// Names what is not valid. `first_error` reads the fields as the type that is asked for; one of `stand_ins`
/// fits whatever a field may be.
pub(super) fn refused<V: Clone>(
    mut fields: Fields<V>,
    stand_ins: &[V],
    first_error: impl Fn(&[(String, V)]) -> Option<FieldError>,
) -> Problem {
    let mut errors = Vec::new();
    while errors.len() < ERRORS_MAX
        && let Some(error) = first_error(&fields)
    {
        let is_passed = put_right(&mut fields, &error, stand_ins, &first_error);
        errors.push(error);
        if !is_passed {
            break;
        }
    }
    Problem::invalid(errors)
}

/// Whether the next round gets past this error.
fn put_right<V: Clone>(
    fields: &mut Fields<V>,
    error: &FieldError,
    stand_ins: &[V],
    first_error: &impl Fn(&[(String, V)]) -> Option<FieldError>,
) -> bool {
    let before = fields.len();
    let at = fields
        .iter()
        .position(|(name, _)| is_within(&error.field, name));
    match (at, &*error.code) {
        (Some(at), UNKNOWN) if fields[at].0 == error.field => {
            fields.retain(|(name, _)| *name != error.field);
            true
        }
        (Some(at), DUPLICATE) if fields[at].0 == error.field => {
            let mut is_first = true;
            fields.retain(|(name, _)| *name != error.field || std::mem::take(&mut is_first));
            fields.len() < before
        }
        (Some(at), _) => replace(fields, at, stand_ins, first_error),
        (None, MISSING) => {
            let first = stand_ins.first().cloned();
            fields.extend(first.map(|value| (error.field.clone(), value)));
            replace(fields, before, stand_ins, first_error)
        }
        (None, _) => false,
    }
}

/// Puts the first of `stand_ins` that is not refused in the place of a field's value.
fn replace<V: Clone>(
    fields: &mut Fields<V>,
    at: usize,
    stand_ins: &[V],
    first_error: &impl Fn(&[(String, V)]) -> Option<FieldError>,
) -> bool {
    let Some(name) = fields.get(at).map(|(name, _)| name.clone()) else {
        return false;
    };
    stand_ins.iter().any(|stand_in| {
        fields[at].1 = stand_in.clone();
        first_error(fields)
            .is_none_or(|next| next.code == DUPLICATE || !is_within(&next.field, &name))
    })
}

/// Whether a path leads into this field.
fn is_within(path: &str, field: &str) -> bool {
    path.strip_prefix(field)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What serde says, as clients are told.
pub(super) fn error<E: Display>(error: &Error<E>) -> FieldError {
    let message = in_plain_words(&error.inner().to_string());
    let code = KINDS
        .iter()
        .find(|(start, _)| message.starts_with(start))
        .map_or("invalid_value", |(_, code)| code);
    FieldError {
        field: field(&error.path().to_string(), &message, code),
        code: code.into(),
        detail: message,
    }
}

/// A field that is missing, or there twice, is named in the message, and not always in the path.
fn field(path: &str, message: &str, code: &str) -> String {
    let named = match code {
        MISSING | DUPLICATE => message.split('`').nth(1),
        _ => None,
    };
    match (path, named) {
        (".", Some(name)) => name.to_owned(),
        (path, Some(name)) if path == name || path.ends_with(&format!(".{name}")) => {
            path.to_owned()
        }
        (path, Some(name)) => format!("{path}.{name}"),
        (path, None) => path.to_owned(),
    }
}

/// Clients know no Rust.
fn in_plain_words(message: &str) -> String {
    match message.strip_suffix("expected i64") {
        Some(start) => format!("{start}expected an integer of 64 bits"),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::value::MapDeserializer;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is refused is looked at")]
    struct Outer {
        inner: Inner,
        name: Option<String>,
        number: i64,
        is_on: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only what is refused is looked at")]
    struct Inner {
        number: u8,
    }

    fn errors(fields: &[(&str, Value)]) -> Vec<(String, String)> {
        let fields: Fields<Value> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        let stand_ins = [json!(""), json!(0), json!(false), json!({"number": 0})];
        let problem = refused(fields, &stand_ins, |fields| {
            let fields = fields.iter().map(|(name, value)| (name.as_str(), value));
            let read: Result<Outer, Error<serde_json::Error>> =
                serde_path_to_error::deserialize(MapDeserializer::new(fields));
            read.err().map(|refused| error(&refused))
        });
        let document = serde_json::to_value(problem.document()).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let errors = document["errors"].as_array().unwrap().iter();
        errors
            .map(|error| (text(&error["field"]), text(&error["code"])))
            .collect()
    }

    fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(field, code)| ((*field).to_owned(), (*code).to_owned()))
            .collect()
    }

    #[test]
    fn the_path_of_the_field_is_named() {
        for (inner, error) in [
            (json!({"number": "7"}), ("inner.number", "wrong_type")),
            (json!({"number": 700}), ("inner.number", "invalid_value")),
            (
                json!({"number": 7, "more": 1}),
                ("inner.more", "unknown_field"),
            ),
            (json!({}), ("inner.number", "missing_field")),
        ] {
            let fields = [
                ("inner", inner),
                ("number", json!(1)),
                ("is_on", json!(true)),
            ];
            assert_eq!(errors(&fields), expected(&[error]));
        }
    }

    #[test]
    fn every_field_is_named_and_each_once() {
        assert_eq!(
            errors(&[]),
            expected(&[("inner", MISSING), ("number", MISSING), ("is_on", MISSING),])
        );
        assert_eq!(
            errors(&[
                ("more", json!(1)),
                ("is_on", json!("yes")),
                ("name", json!(7)),
                ("is_on", json!(true)),
                ("number", json!("7")),
                ("more", json!(2)),
                ("other", json!(2)),
            ]),
            expected(&[
                ("more", UNKNOWN),
                ("is_on", "wrong_type"),
                ("name", "wrong_type"),
                ("is_on", DUPLICATE),
                ("number", "wrong_type"),
                ("other", UNKNOWN),
                ("inner", MISSING),
            ])
        );
    }

    #[test]
    fn there_is_an_end_to_it() {
        let names: Vec<String> = (0..1_000).map(|number| format!("field{number}")).collect();
        let fields: Vec<_> = names.iter().map(|name| (name.as_str(), json!(1))).collect();
        assert_eq!(errors(&fields).len(), ERRORS_MAX);
        assert_eq!(
            errors(&[("a`b", json!(1))]),
            expected(&[
                ("a`b", UNKNOWN),
                ("inner", MISSING),
                ("number", MISSING),
                ("is_on", MISSING)
            ])
        );
    }
}
