//! Durations as people write them: `"500ms"`, `"1.5s"`, `"10m"`. For serde's `with`.
//!
//! Invariant: what [`format()`] writes, [`parse`] reads back as the same duration.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de};
use thiserror::Error;

/// From the largest to the smallest, in nanoseconds.
const UNITS: [(&str, u128); 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
/// Longer than anything that is meant here, and far from every overflow.
const LONGEST: Duration = Duration::from_hours(366 * 24);

#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error(
    "`{0}` is no duration: write a number and a unit (h, m, s, ms, us, ns), such as \"500ms\"; at most a year"
)]
pub struct DurationError(String);

pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let refuse = || DurationError(text.to_owned());
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(refuse)?;
    let (number, unit) = text.split_at(digits);
    let (_, nanoseconds) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(refuse)?;
    let duration = if number.contains('.') {
        let number: f64 = number.parse().map_err(|_| refuse())?;
        Duration::try_from_secs_f64(number * (*nanoseconds as f64) / 1e9).map_err(|_| refuse())?
    } else {
        let whole: u64 = number.parse().map_err(|_| refuse())?;
        let total = u128::from(whole) * nanoseconds;
        Duration::from_nanos(u64::try_from(total).map_err(|_| refuse())?)
    };
    (duration <= LONGEST).then_some(duration).ok_or_else(refuse)
}

/// In the largest unit that needs no fraction.
pub fn format(duration: Duration) -> String {
    if duration.is_zero() {
        return "0s".to_owned();
    }
    let nanoseconds = duration.as_nanos();
    let fits = |(_, size): &&(&str, u128)| nanoseconds.is_multiple_of(*size);
    let (unit, size) = UNITS.iter().find(fits).unwrap_or(&("ns", 1));
    format!("{}{unit}", nanoseconds / size)
}

pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*duration))
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(de::Error::custom)
}

/// The same for a duration that may be left out.
pub mod option {
    use super::{Deserialize, Deserializer, Duration, Serializer, de};

    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| super::parse(&text).map_err(de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_and_a_unit_are_a_duration() {
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(parse("10m"), Ok(Duration::from_mins(10)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "5",
            "ms",
            "5 s",
            "-5s",
            "5sec",
            "1.2.3s",
            ".s",
            "9999999999999999999h",
            "1e3s",
            "infs",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanoseconds in 0..LONGEST.as_nanos() as u64) {
            let duration = Duration::from_nanos(nanoseconds);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }
    }
}
