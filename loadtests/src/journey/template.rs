//! Fills in the `{{...}}` of a step for one arrival.

use std::fmt::Write as _;

use crate::scenario::{Part, Template};

/// The text with everything filled in; a variable without a value is left empty.
pub(super) fn fill(
    template: &Template,
    values: &Values,
    seq: u64,
    random_bits: impl Fn() -> u64,
) -> String {
    let mut filled = String::new();
    for part in template.parts() {
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
        let template = Template::parse(text, &["id".to_owned()].into()).unwrap();
        fill(&template, &values, 7, || rng.borrow_mut().next_u64())
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
}
