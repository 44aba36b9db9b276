//! Units as people write them: durations such as `"500ms"`, and their serde forms.
//!
//! What [`format_duration`] writes, [`parse_duration`] reads back to the same nanosecond.

use std::time::Duration;

use thiserror::Error;

/// Nanoseconds per unit, the longest first.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The longest duration that is read: a longer one is a slip of the pen.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Why a text is no duration. The messages continue a sentence that begins with what was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DurationError {
    #[error("is empty: write a number and its unit, such as \"500ms\"")]
    Empty,
    #[error("has no unit: write \"{0}ms\" or \"{0}s\"")]
    NoUnit(String),
    #[error("has the unknown unit \"{0}\": write h, m, s, ms, us or ns")]
    UnknownUnit(String),
    #[error("is negative: a duration is at least 0")]
    Negative,
    #[error("is no duration: write a number and its unit, such as \"500ms\"")]
    Malformed,
    #[error("is longer than 366 days")]
    TooLong,
}

/// Reads `"500ms"`, `"1.5s"` or `"1m30s"`; units are h, m, s, ms, us and ns.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(DurationError::Empty);
    }
    if rest.starts_with('-') {
        return Err(DurationError::Negative);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (part, after) = parse_part(rest)?;
        total = total
            .checked_add(part)
            .filter(|total| *total <= LONGEST)
            .ok_or(DurationError::TooLong)?;
        rest = after.trim_start();
    }
    Ok(total)
}

/// One number with its unit, and what follows it.
fn parse_part(text: &str) -> Result<(Duration, &str), DurationError> {
    let number_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, after) = text.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') || number.ends_with('.') {
        return Err(DurationError::Malformed);
    }
    let after = after.trim_start();
    let unit_end = after
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(after.len());
    let (unit, after) = after.split_at(unit_end);
    if unit.is_empty() {
        return Err(if after.is_empty() {
            DurationError::NoUnit(number.to_owned())
        } else {
            DurationError::Malformed
        });
    }
    let Some((_, nanos)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(DurationError::UnknownUnit(unit.to_owned()));
    };
    let whole: u64 = whole.parse().map_err(|_| DurationError::TooLong)?;
    let total = u128::from(whole) * nanos + fraction_of(fraction, *nanos);
    u64::try_from(total)
        .map(|nanos| (Duration::from_nanos(nanos), after))
        .map_err(|_| DurationError::TooLong)
}

/// `0.digits` of a unit, in whole nanoseconds; digits below a nanosecond are dropped.
fn fraction_of(digits: &str, unit_nanos: u128) -> u128 {
    // 18 digits of the longest unit stay far below what a u128 holds, and are below a nanosecond.
    let (numerator, denominator) =
        digits
            .bytes()
            .take(18)
            .fold((0, 1), |(numerator, denominator), digit| {
                (numerator * 10 + u128::from(digit - b'0'), denominator * 10)
            });
    numerator * unit_nanos / denominator
}

/// The shortest text in one unit that [`parse_duration`] reads back to the same duration.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    UNITS
        .iter()
        .find(|(_, unit)| nanos.is_multiple_of(*unit))
        .map_or_else(String::new, |(name, unit)| {
            format!("{}{name}", nanos / unit)
        })
}

/// A duration in milliseconds as a double: the unit of every latency figure.
pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Serde form of a duration field: `#[serde(with = "crate::units::duration_text")]`.
pub mod duration_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format_duration(*duration))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_duration(&text)
            .map_err(|error| de::Error::custom(format!("\"{text}\" {error}")))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_unit_fractions_and_sums() {
        for (text, nanos) in [
            ("0s", 0),
            ("7ns", 7),
            ("250us", 250_000),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            ("0.001ms", 1_000),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("1m30s", 90_000_000_000),
            (" 1m 30s ", 90_000_000_000),
            ("3 s", 3_000_000_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_nanos(nanos)),
                "{text}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong_with_anything_else() {
        for (text, error) in [
            ("", DurationError::Empty),
            ("  ", DurationError::Empty),
            ("500", DurationError::NoUnit("500".into())),
            ("1m30", DurationError::NoUnit("30".into())),
            ("5 sec", DurationError::UnknownUnit("sec".into())),
            ("5µs", DurationError::UnknownUnit("µs".into())),
            ("5S", DurationError::UnknownUnit("S".into())),
            ("-5s", DurationError::Negative),
            ("ms", DurationError::Malformed),
            ("1..5s", DurationError::Malformed),
            ("1.s", DurationError::Malformed),
            (".5s", DurationError::Malformed),
            ("1,5s", DurationError::Malformed),
            ("nan", DurationError::Malformed),
            ("99999999h", DurationError::TooLong),
            ("99999999999999999999s", DurationError::TooLong),
        ] {
            assert_eq!(parse_duration(text), Err(error), "{text}");
        }
        assert_eq!(
            parse_duration("500").unwrap_err().to_string(),
            "has no unit: write \"500ms\" or \"500s\""
        );
    }

    #[test]
    fn writes_the_longest_unit_that_is_exact() {
        for (text, nanos) in [
            ("0s", 0),
            ("90s", 90_000_000_000),
            ("1500ms", 1_500_000_000),
            ("2h", 7_200_000_000_000),
        ] {
            assert_eq!(format_duration(Duration::from_nanos(nanos)), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(seconds in 0u64..366 * 24 * 3600, nanos in 0u32..1_000_000_000) {
            let duration = Duration::new(seconds, nanos);
            prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}|[0-9.]{0,30}(ms|s|h)?") {
            let _ = parse_duration(&text);
        }
    }
}
