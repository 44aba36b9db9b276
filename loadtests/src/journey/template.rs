//! Text with `{{...}}` in it: parsed once, filled in for each arrival.
//!
//! Between the braces stands a variable that an earlier step extracted, or one of `seq` (the
//! arrival's number), `uuid`, `random(LOW, HIGH)` (a whole number, both ends included).

use std::fmt::Write as _;

/// Parsed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable(String),
    Seq,
    Uuid,
    Random(i64, i64),
}

impl Template {
    /// # Errors
    /// In words that say what is wrong, and how it is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let (before, after) = (&rest[..open], &rest[open + 2..]);
            let close = after
                .find("}}")
                .ok_or_else(|| format!("`{{{{` is not closed in {text:?}; write `{{{{name}}}}`"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::parse(after[..close].trim())?);
            rest = &after[close + 2..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The variables it needs, each time it names one.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The text with everything filled in; a variable without a value is left empty.
    pub(super) fn fill(&self, values: &Values, seq: u64, random_bits: impl Fn() -> u64) -> String {
        let mut filled = String::new();
        for part in &self.parts {
            // Writing to a string cannot fail.
            let _ = match part {
                Part::Text(text) => filled.write_str(text),
                Part::Variable(name) => filled.write_str(values.get(name)),
                Part::Seq => write!(filled, "{seq}"),
                Part::Uuid => {
                    let (high, low) = (random_bits(), random_bits());
                    filled.write_str(&uuid(u128::from(high) << 64 | u128::from(low)))
                }
                Part::Random(low, high) => {
                    write!(filled, "{}", between(*low, *high, random_bits()))
                }
            };
        }
        filled
    }
}

impl Part {
    fn parse(inner: &str) -> Result<Self, String> {
        if let Some(bounds) = inner.strip_prefix("random") {
            return Self::parse_random(bounds.trim()).ok_or_else(|| {
                format!("{inner:?} is not `random(LOW, HIGH)` with whole numbers, LOW first")
            });
        }
        match inner {
            "seq" => Ok(Self::Seq),
            "uuid" => Ok(Self::Uuid),
            name if is_identifier(name) => Ok(Self::Variable(name.to_owned())),
            _ => Err(format!(
                "{inner:?} is neither a variable, `seq`, `uuid` nor `random(LOW, HIGH)`"
            )),
        }
    }

    fn parse_random(bounds: &str) -> Option<Self> {
        let (low, high) = bounds
            .strip_prefix('(')?
            .strip_suffix(')')?
            .split_once(',')?;
        let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (low <= high).then_some(Self::Random(low, high))
    }
}

/// Letters, digits and `_`, no digit first.
pub(super) fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
}

/// What an arrival has extracted so far.
#[derive(Debug, Default)]
pub(super) struct Values(Vec<(String, String)>);

impl Values {
    pub(super) fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value)
    }
}

/// The number that `bits`, as a fraction of their range, point to; both ends are possible.
fn between(low: i64, high: i64, bits: u64) -> i64 {
    // The whole range of 64 bits has 2^64 numbers; times 64 bits, that fits 128 without a sign only.
    let count = u128::from(high.abs_diff(low)) + 1;
    let offset = (count * u128::from(bits)) >> 64;
    i64::try_from(i128::from(low) + offset.cast_signed()).unwrap_or(high)
}

/// Version 4, from the arrival's own draws.
fn uuid(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        bits >> 96,
        bits >> 80 & 0xffff,
        bits >> 64 & 0xffff,
        bits >> 48 & 0xffff,
        bits & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use rand::{Rng as _, SeedableRng as _};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn filled(text: &str) -> String {
        let mut values = Values::default();
        values.set("id", "41".into());
        values.set("id", "42".into());
        let rng = RefCell::new(ChaCha8Rng::seed_from_u64(1));
        Template::parse(text)
            .unwrap()
            .fill(&values, 7, || rng.borrow_mut().next_u64())
    }

    #[test]
    fn variables_counters_and_draws_are_filled_in() {
        assert_eq!(filled("/posts/{{id}}?n={{ seq }}"), "/posts/42?n=7");
        assert_eq!(filled("no braces, { one } }}"), "no braces, { one } }}");
        let number: i64 = filled("{{random(-3, 3)}}").parse().unwrap();
        assert!((-3..=3).contains(&number));
        let uuid = filled("{{uuid}}");
        assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"), "{uuid}");
        assert!(matches!(&uuid[19..20], "8" | "9" | "a" | "b"), "{uuid}");
        assert_ne!(
            filled("{{uuid}}{{uuid}}")[..36],
            filled("{{uuid}}{{uuid}}")[36..]
        );
    }

    #[test]
    fn random_numbers_reach_both_ends_and_no_further() {
        assert_eq!([0, u64::MAX].map(|bits| between(-3, 3, bits)), [-3, 3]);
        assert_eq!(
            [0, 1 << 63, u64::MAX].map(|bits| between(5, 6, bits)),
            [5, 6, 6]
        );
        assert_eq!(between(i64::MIN, i64::MAX, u64::MAX), i64::MAX);
    }

    #[test]
    fn what_is_wrong_is_said_with_the_way_to_write_it() {
        for text in [
            "{{id",
            "{{}}",
            "{{a b}}",
            "{{random(5)}}",
            "{{random(5, 1)}}",
            "{{random(a, b)}}",
            "{{1id}}",
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(
                error.contains("random(LOW, HIGH)") || error.contains("`{{name}}`"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn needed_variables_are_listed() {
        let template = Template::parse("{{a}}{{seq}}{{b}}{{uuid}}").unwrap();
        assert_eq!(template.variables().collect::<Vec<_>>(), ["a", "b"]);
    }
}
