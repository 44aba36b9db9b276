//! From serde's refusals to fields that are not valid.

use std::fmt::Display;

use serde_path_to_error::Error;

use crate::http::{FieldError, Problem};

/// Serde tells kinds of refusals apart only by how they begin.
const KINDS: [(&str, &str); 6] = [
    ("unknown field", "unknown_field"),
    ("missing field", "missing_field"),
    ("duplicate field", "duplicate_field"),
    ("unknown variant", "unknown_value"),
    ("invalid type", "wrong_type"),
    ("invalid length", "wrong_length"),
];

pub(super) fn refusal<E: Display>(error: &Error<E>) -> Problem {
    let message = without_position(&error.inner().to_string());
    let code = KINDS
        .iter()
        .find(|(start, _)| message.starts_with(start))
        .map_or("invalid_value", |(_, code)| code);
    let field = field(&error.path().to_string(), &message, code);
    Problem::invalid(vec![FieldError {
        field,
        code: code.into(),
        detail: message,
    }])
}

/// A field that is missing, unknown or there twice is named in the message, and not always in the path.
fn field(path: &str, message: &str, code: &str) -> String {
    let named = match code {
        "missing_field" | "duplicate_field" | "unknown_field" => message.split('`').nth(1),
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

/// Where in the body's text the field is says less than its path.
fn without_position(message: &str) -> String {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Outer {
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Inner {
        number: u8,
    }

    fn errors(body: &Value) -> Value {
        let text = body.to_string();
        let error = serde_path_to_error::deserialize::<_, Outer>(
            &mut serde_json::Deserializer::from_str(&text),
        );
        let document = serde_json::to_value(refusal(&error.unwrap_err()).document()).unwrap();
        json!([
            document["errors"][0]["field"],
            document["errors"][0]["code"]
        ])
    }

    #[test]
    fn the_path_of_the_field_is_named() {
        assert_eq!(
            errors(&json!({"inner": {"number": "7"}})),
            json!(["inner.number", "wrong_type"])
        );
        assert_eq!(
            errors(&json!({"inner": {"number": 700}})),
            json!(["inner.number", "invalid_value"])
        );
        assert_eq!(
            errors(&json!({"inner": {"number": 7, "more": 1}})),
            json!(["inner.more", "unknown_field"])
        );
        assert_eq!(
            errors(&json!({"inner": {}})),
            json!(["inner.number", "missing_field"])
        );
        assert_eq!(errors(&json!({})), json!(["inner", "missing_field"]));
        assert_eq!(
            errors(&json!({"more": 1})),
            json!(["more", "unknown_field"])
        );
        assert_eq!(errors(&json!([])).as_array().unwrap()[1], "wrong_length");
    }
}
