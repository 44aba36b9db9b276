//! The configuration of everything that has to do with Redis (`redis.`).

use std::fmt;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionInfo, IntoConnectionInfo as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::section::{OutOfRange, Settings};

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where Redis is: `redis://user:password@host:port/database`. Without it the service has no Redis,
    /// and refuses the settings that need one. Default: none.
    pub url: Option<RedisUrl>,
    pub pool: PoolConfig,
    pub timeout: TimeoutConfig,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolConfig {
    /// Most connections open at once, from 1 to 10,000; those of subscriptions come on top. Who finds all
    /// of them in use waits. Default 16.
    pub max_size: u32,
    /// A connection that was idle for so long is tried out, by one round trip, before it is used; one used
    /// less long ago is taken as it is. Default 1s.
    #[serde(with = "crate::duration")]
    pub validate_after: Duration,
}

/// How long is waited for Redis, each a knob. They are short: what Redis holds can be had elsewhere, and what
/// a wait costs is paid by the request on top of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutConfig {
    /// For a connection to become free. `"0s"`: fails at once unless one is. Default 100ms.
    #[serde(with = "crate::duration")]
    pub wait: Duration,
    /// For one attempt to connect, or to try out an idle connection. Default 250ms.
    #[serde(with = "crate::duration")]
    pub connect: Duration,
    /// For the answer to one command, pipeline or script. Default 250ms.
    #[serde(with = "crate::duration")]
    pub command: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            max_size: 16,
            validate_after: Duration::from_secs(1),
        }
    }
}

impl Default for TimeoutConfig {
    fn default() -> Self {
        Self {
            wait: Duration::from_millis(100),
            connect: Duration::from_millis(250),
            command: Duration::from_millis(250),
        }
    }
}

impl Config {
    pub fn check(&self) -> Result<(), OutOfRange> {
        OutOfRange::unless(
            (1..=10_000).contains(&self.pool.max_size),
            "pool.max_size",
            "the pool has 1 to 10000 connections",
        )?;
        self.timeout.check().map_err(|error| error.below("timeout"))
    }
}

impl Settings for TimeoutConfig {
    fn check(&self) -> Result<(), OutOfRange> {
        for (key, time) in [("connect", self.connect), ("command", self.command)] {
            OutOfRange::unless(!time.is_zero(), key, "no answer comes in no time")?;
        }
        Ok(())
    }
}

/// Parsed, and never shown with its password.
#[derive(Clone)]
pub struct RedisUrl {
    shown: String,
    info: ConnectionInfo,
}

impl RedisUrl {
    pub(super) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    fn parse(url: &str) -> Result<Self, String> {
        let info = url
            .into_connection_info()
            .map_err(|error| error.to_string())?;
        // A command waits for its answer: holding it back for more to send only costs time.
        let tcp = TcpSettings::default().set_nodelay(true);
        Ok(Self {
            shown: without_password(url),
            info: info.set_tcp_settings(tcp),
        })
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl Serialize for RedisUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

impl<'de> Deserialize<'de> for RedisUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        // The address itself stays out of the messages: it may hold a password.
        Self::parse(&url).map_err(|reason| {
            de::Error::custom(format!(
                "no Redis address ({reason}); write redis://user:password@host:port/database"
            ))
        })
    }
}

fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    match rest.rsplit_once('@') {
        Some((user, host)) => {
            let name = user.split_once(':').map_or(user, |(name, _)| name);
            format!("{scheme}://{name}:***@{host}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("redis://kim:s3cr:et@h:1/0", "redis://kim:***@h:1/0"),
            ("redis://:s3cret@h/", "redis://:***@h/"),
            ("redis://h:6379/", "redis://h:6379/"),
        ] {
            let parsed = RedisUrl::parse(url).unwrap();
            assert_eq!(format!("{parsed:?}"), shown);
            assert_eq!(serde_json::to_value(&parsed).unwrap(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
        let read = |url: &str| serde_json::from_value::<RedisUrl>(url.into());
        let error = read("postgres://kim:s3cret@h/").unwrap_err().to_string();
        assert!(error.contains("redis://"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}
