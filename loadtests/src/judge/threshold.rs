//! Thresholds in goose's language: `p99<500ms`, `error-rate<1%`, `rps>=200 for GET /posts/{id}`.
//!
//! goose parses the same strings, but keeps its evaluation to itself and times to the headers; a
//! property test holds this parser against goose's.

use thiserror::Error;

/// A parsed rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// As given, trimmed.
    pub rule: String,
    pub metric: Metric,
    pub operator: Operator,
    /// Microseconds for a time, percent for an error rate, requests per second for a rate.
    pub limit: f64,
    /// The step that it judges; `None`: arrivals as a whole.
    pub request: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// Above 0 and below 100.
    Percentile(f64),
    Average,
    Maximum,
    ErrorRate,
    RequestsPerSecond,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why a text is no threshold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ThresholdError {
    #[error("there is no <, <=, > or >= in it; write for example p99<500ms")]
    NoOperator,
    #[error("only <, <=, > and >= compare")]
    BadOperator,
    #[error("`{0}` is not measured; there are pNN (p50, p99.9), avg, max, error-rate and rps")]
    UnknownMetric(String),
    #[error("a percentile lies between 0 and 100, without both")]
    PercentileOutOfRange,
    #[error("a value must follow the comparison")]
    NoValue,
    #[error("after `for` comes the name of a step, such as GET /posts/{{id}}")]
    NoRequest,
    #[error("`{0}` is not a time; write a number with us, ms or s")]
    NotATime(String),
    #[error("`{0}` is not a percentage up to 100 %")]
    NotAPercentage(String),
    #[error("`{0}` is not a number of requests per second")]
    NotARate(String),
    #[error("no measurement could ever satisfy this")]
    NeverHolds,
}

impl Threshold {
    pub fn parse(text: &str) -> Result<Self, ThresholdError> {
        let rule = text.trim();
        let at = rule
            .find(['<', '>', '='])
            .ok_or(ThresholdError::NoOperator)?;
        let metric = Metric::parse(rule[..at].trim())?;
        let (operator, rest) = Operator::parse(&rule[at..])?;
        let (value, request) = split_request(rest)?;
        let limit = metric.parse_limit(&value)?;
        if never_holds(metric, operator, limit) {
            return Err(ThresholdError::NeverHolds);
        }
        Ok(Self {
            rule: rule.to_owned(),
            metric,
            operator,
            limit,
            request,
        })
    }

    /// Whether a measurement in the limit's unit satisfies the rule.
    pub fn allows(&self, measured: f64) -> bool {
        match self.operator {
            Operator::Less => measured < self.limit,
            Operator::LessOrEqual => measured <= self.limit,
            Operator::Greater => measured > self.limit,
            Operator::GreaterOrEqual => measured >= self.limit,
        }
    }
}

impl Metric {
    fn parse(name: &str) -> Result<Self, ThresholdError> {
        match name {
            "avg" => return Ok(Self::Average),
            "max" => return Ok(Self::Maximum),
            "error-rate" => return Ok(Self::ErrorRate),
            "rps" => return Ok(Self::RequestsPerSecond),
            _ => {}
        }
        match name.strip_prefix('p').and_then(plain_number) {
            Some(percent) if percent > 0.0 && percent < 100.0 => Ok(Self::Percentile(percent)),
            Some(_) => Err(ThresholdError::PercentileOutOfRange),
            None => Err(ThresholdError::UnknownMetric(name.to_owned())),
        }
    }

    fn parse_limit(self, value: &str) -> Result<f64, ThresholdError> {
        match self {
            Self::Percentile(_) | Self::Average | Self::Maximum => {
                // "us" and "ms" end in "s" too, so they are looked for first; a bare number is milliseconds.
                let units = [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("", 1e3)];
                let unit = units
                    .iter()
                    .find_map(|(unit, scale)| Some((value.strip_suffix(unit)?, scale)));
                let micros = unit.and_then(|(number, scale)| Some(plain_number(number)? * scale));
                micros.ok_or_else(|| ThresholdError::NotATime(value.to_owned()))
            }
            Self::ErrorRate => plain_number(value.strip_suffix('%').unwrap_or(value))
                .filter(|percent| *percent <= 100.0)
                .ok_or_else(|| ThresholdError::NotAPercentage(value.to_owned())),
            Self::RequestsPerSecond => {
                plain_number(value).ok_or_else(|| ThresholdError::NotARate(value.to_owned()))
            }
        }
    }
}

impl Operator {
    fn parse(text: &str) -> Result<(Self, &str), ThresholdError> {
        let spellings = [
            ("<=", Self::LessOrEqual),
            (">=", Self::GreaterOrEqual),
            ("<", Self::Less),
            (">", Self::Greater),
        ];
        let found = spellings
            .into_iter()
            .find_map(|(sign, operator)| Some((operator, text.strip_prefix(sign)?)));
        match found {
            Some((operator, rest)) if !rest.starts_with(['<', '>', '=']) => Ok((operator, rest)),
            _ => Err(ThresholdError::BadOperator),
        }
    }
}

/// Splits `500ms for GET /` into its value and the request's name.
fn split_request(text: &str) -> Result<(String, Option<String>), ThresholdError> {
    // The spaces let a missing value or a missing name be found as such.
    let padded = format!(" {} ", text.trim());
    let (value, request) = match padded.split_once(" for ") {
        Some((value, request)) => (value.trim(), Some(request.trim())),
        None => (padded.trim(), None),
    };
    match (value, request) {
        ("", _) => Err(ThresholdError::NoValue),
        (_, Some("")) => Err(ThresholdError::NoRequest),
        _ => Ok((value.to_owned(), request.map(str::to_owned))),
    }
}

/// Digits with at most one point: no sign, exponent, `inf` or `NaN`.
fn plain_number(text: &str) -> Option<f64> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if plain { text.parse().ok() } else { None }
}

fn never_holds(metric: Metric, operator: Operator, limit: f64) -> bool {
    match (metric, operator) {
        (_, Operator::Less) | (Metric::RequestsPerSecond, Operator::LessOrEqual) => limit == 0.0,
        (Metric::ErrorRate, Operator::Greater) => limit >= 100.0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

    /// goose keeps a threshold's fields private, but derives how it is printed from them.
    fn printed_as_goose_would(ours: &Threshold) -> String {
        let Threshold {
            rule,
            metric,
            operator,
            limit,
            request,
        } = ours;
        format!(
            "Threshold {{ rule: {rule:?}, metric: {metric:?}, operator: {operator:?}, limit: {limit:?}, request: {request:?} }}"
        )
    }

    fn agrees_with_goose(text: &str) {
        let ours = Threshold::parse(text);
        let theirs = text.parse::<goose::threshold::Threshold>();
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => assert_eq!(
                printed_as_goose_would(ours),
                format!("{theirs:?}"),
                "{text:?}"
            ),
            (Err(_), Err(_)) => {}
            _ => panic!("{text:?}: ours {ours:?}, goose's {theirs:?}"),
        }
    }

    fn token() -> impl Strategy<Value = String> {
        prop_oneof![
            6 => prop::sample::select(vec![
                "p", "p50", "p99", "p99.9", "p100", "p0", "p.5", "p5.", "avg", "max", "error-rate", "rps", "<", "<=", ">",
                ">=", "=", "0", "0.0", "100", "101", "500", ".", "5.", "us", "ms", "s", "%", " ", " for ", "for", " for",
                "GET /posts/{id}", "-", "e3", "inf", "NaN", "\u{a0}", "\t", "\n", "é",
            ])
            .prop_map(str::to_owned),
            1 => any::<char>().prop_map(String::from),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn any_pieces_are_read_as_goose_reads_them(pieces in prop::collection::vec(token(), 0..9)) {
            agrees_with_goose(&pieces.concat());
        }

        #[test]
        fn well_formed_rules_are_read_as_goose_reads_them(
            metric in prop_oneof!["p[0-9]{1,3}(\\.[0-9]{1,2})?", "avg", "max", "error-rate", "rps"],
            operator in "<|<=|>|>=",
            space in "[ ]{0,2}",
            value in "[0-9]{1,4}(\\.[0-9]{0,3})?",
            unit in "us|ms|s|%|",
            request in "( for [A-Z]{3,4} /[a-z{}/]{0,8})?",
        ) {
            agrees_with_goose(&format!("{metric}{space}{operator}{space}{value}{unit}{request}"));
        }
    }

    #[test]
    fn common_rules_mean_what_they_say() {
        let rule = Threshold::parse(" p99.9 <= 2s for GET /checkout ").unwrap();
        assert_eq!(rule.metric, Metric::Percentile(99.9));
        assert_eq!(rule.operator, Operator::LessOrEqual);
        assert!((rule.limit - 2_000_000.0).abs() < 1e-6);
        assert_eq!(rule.request.as_deref(), Some("GET /checkout"));
        assert!(rule.allows(2_000_000.0) && !rule.allows(2_000_001.0));
    }

    #[test]
    fn each_mistake_has_its_own_message() {
        for (text, error) in [
            ("", ThresholdError::NoOperator),
            ("p99=5ms", ThresholdError::BadOperator),
            ("p99<<5ms", ThresholdError::BadOperator),
            ("q99<5ms", ThresholdError::UnknownMetric("q99".into())),
            ("p100<5ms", ThresholdError::PercentileOutOfRange),
            ("p99<", ThresholdError::NoValue),
            ("p99< for GET /", ThresholdError::NoValue),
            ("p99<5ms for", ThresholdError::NoRequest),
            ("p99<5m", ThresholdError::NotATime("5m".into())),
            (
                "error-rate<101%",
                ThresholdError::NotAPercentage("101%".into()),
            ),
            ("rps>1s", ThresholdError::NotARate("1s".into())),
            ("p99<0", ThresholdError::NeverHolds),
            ("error-rate>100%", ThresholdError::NeverHolds),
        ] {
            assert_eq!(Threshold::parse(text), Err(error), "{text}");
        }
    }
}
