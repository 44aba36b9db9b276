//! The configuration of the calls to the payment gateway. Every key but the address is a knob.

use std::fmt;
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::resilience::{backoff, retry, timeout};
use crate::section::{OutOfRange, Settings};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewayConfig {
    /// Where the payment gateway is: `http://host:port`. Default `http://127.0.0.1:8090`.
    pub url: GatewayUrl,
}

/// `"0s"` anywhere: no limit but the caller's deadline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutConfig {
    /// Opening a connection. Nothing was sent when it runs out, so the payment has failed. Default 3s.
    #[serde(with = "crate::duration")]
    pub connect: Duration,
    /// From the sent request to the first byte of the answer. Shorter than the gateway's work makes payments
    /// that were made look failed, see `payment.on_timeout`. Default 15s.
    #[serde(with = "crate::duration")]
    pub read: Duration,
    /// Between two pieces of the answer's body. Default 5s.
    #[serde(with = "crate::duration")]
    pub gap: Duration,
    /// One attempt, from connecting to the last byte. Default 30s.
    #[serde(with = "crate::duration")]
    pub total: Duration,
    /// Waiting for one of `payment.http.max_connections`. Default 1s.
    #[serde(with = "crate::duration")]
    pub place: Duration,
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            read: Duration::from_secs(15),
            gap: Duration::from_secs(5),
            total: Duration::from_secs(30),
            place: Duration::from_secs(1),
        }
    }
}

impl TimeoutConfig {
    pub(super) fn limits(&self) -> timeout::Config {
        let Self {
            connect,
            read,
            gap,
            total,
            place,
        } = *self;
        timeout::Config {
            connect,
            read,
            gap,
            total,
            place,
        }
    }
}

impl Settings for TimeoutConfig {
    fn check(&self) -> Result<(), OutOfRange> {
        self.limits().check()
    }
}

/// Every call carries a key by which the gateway does it once, so that all of them are safe to repeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Attempts after the first, at most 10. 0: none. Default 2.
    pub max_retries: u32,
    pub backoff: backoff::Config,
    /// The longest `Retry-After` that is waited for. A gateway that asks for a longer pause is not called again
    /// for this payment until reconciliation is due. Default 5s.
    #[serde(with = "crate::duration")]
    pub max_retry_after: Duration,
    pub on: retry::Conditions,
    pub budget: retry::BudgetConfig,
}

impl Default for RetryConfig {
    fn default() -> Self {
        let retry = retry::Config::default();
        Self {
            max_retries: retry.max_retries,
            backoff: retry.backoff,
            max_retry_after: retry.max_retry_after,
            on: retry.on,
            budget: retry::BudgetConfig::default(),
        }
    }
}

impl RetryConfig {
    pub(super) fn attempts(&self) -> retry::Config {
        retry::Config {
            max_retries: self.max_retries,
            backoff: self.backoff,
            max_retry_after: self.max_retry_after,
            on: self.on,
        }
    }
}

impl Settings for RetryConfig {
    fn check(&self) -> Result<(), OutOfRange> {
        self.attempts().check()?;
        self.budget.check().map_err(|error| error.below("budget"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Calls that have a connection at once; more wait for `payment.timeout.place`. At least 1. Default 100.
    pub max_connections: u32,
    /// `false`: a new connection for each call. Default true.
    pub keep_alive: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_connections: 100,
            keep_alive: true,
        }
    }
}

impl Settings for HttpConfig {
    fn check(&self) -> Result<(), OutOfRange> {
        OutOfRange::unless(
            self.max_connections >= 1,
            "max_connections",
            "without a connection nothing is ever paid",
        )
    }
}

/// An address without a path, over plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayUrl(Authority);

impl GatewayUrl {
    pub(super) fn authority(&self) -> &Authority {
        &self.0
    }
}

impl Default for GatewayUrl {
    fn default() -> Self {
        Self(Authority::from_static("127.0.0.1:8090"))
    }
}

impl fmt::Display for GatewayUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.0)
    }
}

impl Serialize for GatewayUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GatewayUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is no address of a gateway: write http://host:port"
            ))
        })
    }
}

fn parse(text: &str) -> Option<GatewayUrl> {
    let uri: Uri = text.parse().ok()?;
    let parts = uri.into_parts();
    let is_plain = parts.scheme? == http::uri::Scheme::HTTP;
    let has_path = parts.path_and_query.is_some_and(|path| path != "/");
    let authority = parts.authority?;
    let is_whole = !authority.host().is_empty() && !authority.as_str().contains('@');
    (is_plain && !has_path && is_whole).then_some(GatewayUrl(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_plain_http_without_a_path() {
        for text in ["http://127.0.0.1:8090", "http://gateway/", "http://[::1]:1"] {
            assert!(parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "gateway:80",
            "https://gateway",
            "ftp://gateway",
            "http://gateway/v1",
            "http://gateway?x",
            "http://kim:secret@gateway",
            "http://",
            "/payments",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
    }
}
