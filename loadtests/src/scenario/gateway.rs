//! How the mock payment gateway behaves, and what a fault changes of it.
//!
//! The same form everywhere: in `[gateway]`, in the gateway's own configuration file, at its admin
//! listener, and in records.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::units::{format_duration, parse_duration};

/// No answer takes longer by intention.
const LONGEST: Duration = Duration::from_hours(1);

/// What is left out has its default: it answers at once, everything, with success.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayBehaviour {
    /// How long the work on one request takes, once it has begun.
    pub latency: GatewayLatency,
    /// How many requests are worked on at the same time; the rest waits. 0: all.
    pub capacity: u32,
    /// Requests per second beyond which one is refused; 0: none is.
    pub rate_limit: u32,
    /// Of the work: ends in an error, and nothing has happened.
    #[serde(deserialize_with = "share")]
    pub error_share: f64,
    /// Of the work: is done, and never answered.
    #[serde(deserialize_with = "share")]
    pub answer_lost_share: f64,
    /// Of the payments: refused for good.
    #[serde(deserialize_with = "share")]
    pub decline_share: f64,
    /// What becomes of work whose caller has gone.
    pub abandoned: Abandoned,
}

impl Default for GatewayBehaviour {
    fn default() -> Self {
        Self {
            latency: GatewayLatency::Fixed(Duration::ZERO),
            capacity: 0,
            rate_limit: 0,
            error_share: 0.0,
            answer_lost_share: 0.0,
            decline_share: 0.0,
            abandoned: Abandoned::Continue,
        }
    }
}

impl GatewayBehaviour {
    /// With these faults on top; of two of one kind the later one holds.
    pub fn with(&self, faults: impl IntoIterator<Item = GatewayFault>) -> Self {
        let mut behaviour = self.clone();
        for fault in faults {
            match fault {
                GatewayFault::Capacity(places) => behaviour.capacity = places,
                GatewayFault::Latency(latency) => behaviour.latency = latency,
                GatewayFault::Errors(share) => behaviour.error_share = share,
                GatewayFault::AnswerLost(share) => behaviour.answer_lost_share = share,
                GatewayFault::Declines(share) => behaviour.decline_share = share,
            }
        }
        behaviour
    }
}

/// Written `{ fixed = "2s" }` or `{ median = "50ms", p99 = "300ms" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LatencyForm", into = "LatencyForm")]
pub enum GatewayLatency {
    Fixed(Duration),
    /// Log-normal.
    Spread {
        median: Duration,
        p99: Duration,
    },
}

impl GatewayLatency {
    /// # Errors
    /// Continue a sentence about the latency: `is ...`.
    pub(super) fn fixed(latency: Duration) -> Result<Self, String> {
        within_an_hour(latency)?;
        Ok(Self::Fixed(latency))
    }

    /// # Errors
    /// Continue a sentence about the latency: `has ...`.
    pub(super) fn spread(median: Duration, p99: Duration) -> Result<Self, String> {
        if median.is_zero() {
            return Err("has a \"median\" of 0: write { fixed = \"0s\" }".to_owned());
        }
        if p99 < median {
            return Err("has a \"p99\" below its \"median\"".to_owned());
        }
        within_an_hour(p99)?;
        Ok(Self::Spread { median, p99 })
    }
}

fn within_an_hour(latency: Duration) -> Result<(), String> {
    if latency > LONGEST {
        let written = format_duration(latency);
        return Err(format!("is {written}: the longest is 1h"));
    }
    Ok(())
}

/// What becomes of work whose caller has gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Abandoned {
    /// It is done, as by a server that does not notice.
    Continue,
    /// It ends at once, or never begins.
    Cancel,
}

/// What a fault sets while it holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatewayFault {
    Capacity(u32),
    /// Of the work itself, in place of the usual one. An edge's latency is another thing: that is
    /// added to the bytes on the way.
    Latency(GatewayLatency),
    /// Share of the work that ends in an error.
    Errors(f64),
    /// Share of the work that is done and never answered.
    AnswerLost(f64),
    /// Share of the payments that are refused for good.
    Declines(f64),
}

/// As people would say it; `on the gateway` is to follow.
impl fmt::Display for GatewayFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capacity(places) => write!(f, "capacity {places}"),
            Self::Latency(latency) => write!(f, "latency {latency}"),
            Self::Errors(share) => write!(f, "errors {share}"),
            Self::AnswerLost(share) => write!(f, "answer_lost {share}"),
            Self::Declines(share) => write!(f, "declines {share}"),
        }
    }
}

impl fmt::Display for GatewayLatency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(latency) => f.write_str(&format_duration(*latency)),
            Self::Spread { median, p99 } => write!(
                f,
                "{} (p99 {})",
                format_duration(*median),
                format_duration(*p99)
            ),
        }
    }
}

/// Without what it does anyway.
impl fmt::Display for GatewayBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "latency {}", self.latency)?;
        for (what, number) in [("capacity", self.capacity), ("rate limit", self.rate_limit)] {
            if number > 0 {
                write!(f, ", {what} {number}")?;
            }
        }
        for (what, share) in [
            ("errors", self.error_share),
            ("answers lost", self.answer_lost_share),
            ("declines", self.decline_share),
        ] {
            if share > 0.0 {
                write!(f, ", {what} {share}")?;
            }
        }
        match self.abandoned {
            Abandoned::Continue => Ok(()),
            Abandoned::Cancel => f.write_str(", ends abandoned work"),
        }
    }
}

/// How a latency is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LatencyForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    median: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99: Option<String>,
}

impl TryFrom<LatencyForm> for GatewayLatency {
    type Error = String;

    fn try_from(form: LatencyForm) -> Result<Self, String> {
        let read = |text: &str| {
            parse_duration(text).map_err(|error| format!("is \"{text}\", which {error}"))
        };
        match (&form.fixed, &form.median, &form.p99) {
            (Some(latency), None, None) => Self::fixed(read(latency)?),
            (None, Some(median), Some(p99)) => Self::spread(read(median)?, read(p99)?),
            _ => Err(format!("is neither fixed nor spread: {LATENCY_FORM}")),
        }
    }
}

/// What to write.
pub(super) const LATENCY_FORM: &str =
    "write { fixed = \"2s\" } or { median = \"50ms\", p99 = \"300ms\" }";

impl From<GatewayLatency> for LatencyForm {
    fn from(latency: GatewayLatency) -> Self {
        let text = |duration| Some(format_duration(duration));
        match latency {
            GatewayLatency::Fixed(latency) => Self {
                fixed: text(latency),
                ..Self::default()
            },
            GatewayLatency::Spread { median, p99 } => Self {
                fixed: None,
                median: text(median),
                p99: text(p99),
            },
        }
    }
}

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        Err(de::Error::custom(format!(
            "{share} is no share: it is at least 0 and at most 1"
        )))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn it_reads_back_as_it_was_written() {
        for latency in [
            json!({ "fixed": "2s" }),
            json!({ "median": "50ms", "p99": "300ms" }),
        ] {
            let written = json!({
                "latency": latency, "capacity": 40, "rate_limit": 5, "error_share": 0.5,
                "answer_lost_share": 0.0, "decline_share": 1.0, "abandoned": "cancel",
            });
            let read: GatewayBehaviour = serde_json::from_value(written.clone()).unwrap();
            assert_eq!(json!(read), written);
            let toml = toml::to_string(&read).unwrap();
            assert_eq!(toml::from_str::<GatewayBehaviour>(&toml).unwrap(), read);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_to_write() {
        for (written, words) in [
            (json!({ "capacitee": 4 }), "capacitee"),
            (json!({ "latency": "2s" }), "LatencyForm"),
            (json!({ "latency": {} }), "median"),
            (json!({ "latency": { "fixed": "2" } }), "no unit"),
            (json!({ "latency": { "median": "2s" } }), "p99"),
            (json!({ "latency": { "fixed": "2h" } }), "the longest is 1h"),
            (
                json!({ "latency": { "median": "2s", "p99": "1s" } }),
                "below",
            ),
            (json!({ "latency": { "mean": "2s" } }), "mean"),
            (json!({ "error_share": 1.5 }), "at most 1"),
            (json!({ "decline_share": -0.1 }), "at least 0"),
            (json!({ "capacity": -1 }), "-1"),
            (json!({ "abandoned": "stop" }), "stop"),
        ] {
            let error = serde_json::from_value::<GatewayBehaviour>(written.clone())
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{written}: {error}");
        }
    }

    #[test]
    fn a_fault_changes_its_own_part_only() {
        let usual = GatewayBehaviour {
            capacity: 40,
            decline_share: 0.1,
            ..GatewayBehaviour::default()
        };
        let disturbed = usual.with([GatewayFault::Capacity(4), GatewayFault::Capacity(8)]);
        assert_eq!(
            disturbed,
            GatewayBehaviour {
                capacity: 8,
                ..usual.clone()
            }
        );
        assert_eq!(usual.with([]), usual);
    }
}
