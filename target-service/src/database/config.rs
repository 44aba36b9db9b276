//! The configuration of everything that has to do with the database (`db.`).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sqlx::postgres::PgConnectOptions;

use crate::knobs::Knobs;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the database is: `postgres://user:password@host:port/name`. For a unix socket:
    /// `postgres://user@localhost/name?host=/directory&port=5432`.
    pub url: DatabaseUrl,
    pub pool: PoolConfig,
    /// How long the server works on one statement before it gives up: 503 `query_timeout`. `"0s"`: as long
    /// as it takes, also for a caller who has gone, because a query is ended by nothing else.
    /// Default 1s. A knob.
    #[serde(with = "crate::duration")]
    pub statement_timeout: Duration,
    /// How long a statement waits for a row or table that another transaction has locked: 503
    /// `lock_timeout`. `"0s"`: no limit of its own. Default 500ms. A knob.
    #[serde(with = "crate::duration")]
    pub lock_timeout: Duration,
    /// How much longer than the statement timeout an answer is waited for before the connection counts as
    /// dead: a network that swallows packets is noticed by nothing else. Without a statement timeout a
    /// silent server is waited for without end. Default 1s. A knob.
    #[serde(with = "crate::duration")]
    pub response_grace: Duration,
    /// How long a request keeps its connection. Default `query`.
    pub hold: Hold,
    /// Limits by the kind of route.
    pub class: ClassesConfig,
    /// Added to each calendar query, inside the database: stands for a query whose plan went bad.
    /// Default 0s. A knob.
    #[serde(with = "crate::duration")]
    pub simulated_delay: Duration,
    /// How long the service takes between reading a number that it locks and writing the new one back:
    /// stands for a longer computation under the lock, whichever it is. Default 0s. A knob.
    #[serde(with = "crate::duration")]
    pub simulated_work: Duration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolConfig {
    /// `false`: a new connection for each use, as many at once as there are requests. Then the other keys
    /// of the pool, but for `connect_timeout`, have no effect. Default true.
    pub enabled: bool,
    /// Most connections open at once, from 1 to 10,000. A request that finds all of them in use waits.
    /// Default 10. A knob.
    pub max_size: u32,
    /// So many idle connections are kept although they are old enough to be closed for idleness; see
    /// `warm` for whether they are also opened in advance. At most `max_size`. Default 0. A knob.
    pub min_size: u32,
    /// `true`: the service is ready only when `min_size` connections are open, and replaces those that
    /// fall away. `false`: connections are opened when a request needs one. Default true.
    pub warm: bool,
    /// How long a request waits for a connection, connecting included: then 503 `pool_exhausted`.
    /// `"0s"`: fails at once unless one is free. 0.5 to 3 s is sensible: longer only moves the queue from
    /// the clients into the service. Default 1s. A knob.
    #[serde(with = "crate::duration")]
    pub acquire_timeout: Duration,
    /// How long one attempt to connect, or to validate a connection, may take. Default 3s.
    #[serde(with = "crate::duration")]
    pub connect_timeout: Duration,
    /// An idle connection is closed after so long, down to `min_size`; must be shorter than what the server
    /// or a firewall between allows. `"0s"`: never. Default 10m. A knob.
    #[serde(with = "crate::duration")]
    pub idle_timeout: Duration,
    /// A connection is replaced when it is so old (up to 2.5 % earlier, so that those opened together do not
    /// all end together). `"0s"`: never. Default 30m. A knob.
    #[serde(with = "crate::duration")]
    pub max_lifetime: Duration,
    /// When a connection is tried out, by one round trip, before a request gets it. Default `after_idle`.
    pub validate: Validate,
    /// With `validate = "after_idle"`: connections used less long ago are taken as they are. Default 1s.
    #[serde(with = "crate::duration")]
    pub validate_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Validate {
    /// A connection that the server has closed meanwhile fails the request that gets it.
    Never,
    /// Costs every use a round trip.
    Always,
    /// Only connections that have been idle for `validate_after`.
    AfterIdle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// The connection goes back when the queries are done.
    Query,
    /// The mistake: the connection is kept while the answer is rendered and sent, so that slow clients
    /// empty the pool.
    Request,
}

/// What is left out is as for all: `db.pool.acquire_timeout` and `db.statement_timeout`. Classes with
/// different query timeouts make the service tell the server so, a round trip, when a connection passes
/// from one class to another. All of them are knobs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassesConfig {
    /// A person waits for one row or one change: at most 1 s each is sensible.
    pub realtime: ClassConfig,
    /// Lists.
    pub standard: ClassConfig,
    /// Calendars.
    pub slow: ClassConfig,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClassConfig {
    #[serde(with = "crate::duration::option", default)]
    pub acquire_timeout: Option<Duration>,
    #[serde(with = "crate::duration::option", default)]
    pub query_timeout: Option<Duration>,
}

impl Default for Config {
    fn default() -> Self {
        let knobs = Knobs::default();
        Self {
            url: DatabaseUrl::default(),
            pool: PoolConfig::default(),
            statement_timeout: knobs.statement_timeout,
            lock_timeout: knobs.lock_timeout,
            response_grace: knobs.response_grace,
            hold: Hold::Query,
            class: ClassesConfig::default(),
            simulated_delay: knobs.simulated_delay,
            simulated_work: knobs.simulated_work,
        }
    }
}

impl Default for PoolConfig {
    fn default() -> Self {
        let knobs = Knobs::default();
        Self {
            enabled: true,
            max_size: knobs.pool_max_size,
            min_size: knobs.pool_min_size,
            warm: true,
            acquire_timeout: knobs.acquire_timeout,
            connect_timeout: Duration::from_secs(3),
            idle_timeout: knobs.idle_timeout,
            max_lifetime: knobs.max_lifetime,
            validate: Validate::AfterIdle,
            validate_after: Duration::from_secs(1),
        }
    }
}

/// sqlx itself would take any.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// Parsed, and never shown with its password.
#[derive(Clone)]
pub struct DatabaseUrl {
    shown: String,
    options: PgConnectOptions,
}

impl DatabaseUrl {
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }
}

impl Default for DatabaseUrl {
    fn default() -> Self {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(5432)
            .username("postgres")
            .database("postgres");
        Self {
            shown: "postgres://postgres@127.0.0.1:5432/postgres".to_owned(),
            options,
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown)
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        // The address itself stays out of the messages: it may hold a password.
        let refuse = |reason: String| {
            de::Error::custom(format!(
                "no database address ({reason}); write postgres://user:password@host:port/name"
            ))
        };
        if !SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
            return Err(refuse("it does not begin with postgres://".to_owned()));
        }
        let options = url
            .parse()
            .map_err(|error: sqlx::Error| refuse(error.to_string()))?;
        Ok(Self {
            shown: without_password(&url),
            options,
        })
    }
}

/// Everything between the user's name and the host is replaced, and so is a password in the parameters.
fn without_password(url: &str) -> String {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let mut shown = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{scheme}://{name}:***@{host}"),
            None => address.to_owned(),
        },
        None => address.to_owned(),
    };
    for (index, parameter) in parameters.split('&').filter(|p| !p.is_empty()).enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        let is_secret = parameter.starts_with("password=");
        shown.push_str(if is_secret { "password=***" } else { parameter });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("postgres://kim:s3cr:et@h:1/db", "postgres://kim:***@h:1/db"),
            (
                "postgres://kim@h/db?host=/run&password=s3cret",
                "postgres://kim@h/db?host=/run&password=***",
            ),
            ("postgres://h/db", "postgres://h/db"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
