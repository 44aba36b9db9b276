//! Text with `{{...}}` in it, as `[[journeys]]` write it.
//!
//! Between the braces stands a variable that an earlier step extracted, or one of `seq` (the
//! arrival's number), `uuid`, `random(LOW, HIGH)` (a whole number, both ends included).

use std::collections::BTreeSet;

use super::diagnostic::suggestion;

/// Words between braces that are no variables.
pub(super) const TAKEN: [&str; 3] = ["seq", "uuid", "random"];
const RANDOM: &str = "random(LOW, HIGH)";

/// Parsed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a template, to be put after the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    Text(String),
    Variable(String),
    Seq,
    Uuid,
    /// Both ends included.
    Random(i64, i64),
}

impl Template {
    /// `known`: the variables that have a value by then.
    ///
    /// # Errors
    /// Continue the name of what holds the text: `has {{id}}, which ...`.
    pub fn parse(text: &str, known: &BTreeSet<String>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (inner, after) = after
                .split_once("}}")
                .ok_or_else(|| "has a \"{{\" without its \"}}\"".to_owned())?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::parse(inner.trim(), known)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }
}

impl Part {
    fn parse(inner: &str, known: &BTreeSet<String>) -> Result<Self, String> {
        let name = inner.split('(').next().unwrap_or(inner).trim_end();
        match inner {
            "" => Err("has a variable without a name: write {{id}}".to_owned()),
            "seq" => Ok(Self::Seq),
            "uuid" => Ok(Self::Uuid),
            _ if name == "random" => Self::parse_random(&inner[name.len()..]).ok_or_else(|| {
                format!(
                    "has {{{{{inner}}}}}: write {{{{{RANDOM}}}}} with whole numbers, the lower one first"
                )
            }),
            variable if known.contains(variable) => Ok(Self::Variable(variable.to_owned())),
            unknown => {
                let choices = known.iter().map(String::as_str);
                let hint = suggestion(unknown, choices.chain(["seq", "uuid", RANDOM]));
                Err(format!(
                    "has {{{{{unknown}}}}}, which no earlier step extracts{hint}"
                ))
            }
        }
    }

    fn parse_random(bounds: &str) -> Option<Self> {
        let (low, high) = bounds
            .trim()
            .strip_prefix('(')?
            .strip_suffix(')')?
            .split_once(',')?;
        let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low <= high).then_some(Self::Random(low, high))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn parsed(text: &str) -> Result<Vec<Part>, String> {
        let known = ["id", "random_id"].map(str::to_owned).into();
        Template::parse(text, &known).map(|template| template.parts().to_vec())
    }

    #[test]
    fn text_variables_counters_and_draws_are_told_apart() {
        assert_eq!(
            parsed("/a/{{ id }}?n={{seq}}{{uuid}}{{random(-3, 3)}}{{random_id}}").unwrap(),
            [
                Part::Text("/a/".to_owned()),
                Part::Variable("id".to_owned()),
                Part::Text("?n=".to_owned()),
                Part::Seq,
                Part::Uuid,
                Part::Random(-3, 3),
                Part::Variable("random_id".to_owned()),
            ]
        );
        let plain = "no braces, { one } }}";
        assert_eq!(parsed(plain).unwrap(), [Part::Text(plain.to_owned())]);
        assert_eq!(parsed("").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_way_to_write_it() {
        for (text, words) in [
            ("{{id", "without its"),
            ("{{}}", "write {{id}}"),
            (
                "{{a b}}",
                "it is one of id, random_id, seq, uuid, random(LOW, HIGH)",
            ),
            ("{{ud}}", "did you mean \"id\"?"),
            ("{{random}}", "write {{random(LOW, HIGH)}}"),
            ("{{random(5)}}", "write {{random(LOW, HIGH)}}"),
            ("{{random(5, 1)}}", "write {{random(LOW, HIGH)}}"),
            ("{{random(a, b)}}", "write {{random(LOW, HIGH)}}"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(
                error.starts_with("has ") && error.contains(words),
                "{text}: {error}"
            );
        }
    }
}
