//! The configuration of how HTTP is served (`http.`) and of what a request may do (`request.`).

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the service listens; port 0 takes a free one, and the first line of output says which.
    /// Default 127.0.0.1:0.
    pub listen: SocketAddr,
    /// Largest body that is read, in bytes: more is 413. Default 65536.
    pub max_body: usize,
    /// How long a request's headers may take, counted from when the connection could have sent them: so a
    /// connection that stays idle for longer is closed as well. Default 30s.
    #[serde(with = "crate::duration")]
    pub header_read_timeout: Duration,
    /// How long a request's body may take. Default 10s.
    #[serde(with = "crate::duration")]
    pub body_read_timeout: Duration,
    /// How long requests under way may take to finish after SIGTERM or SIGINT. Default 10s.
    #[serde(with = "crate::duration")]
    pub shutdown_grace: Duration,
    /// Requests worked on at once, more are refused with 503 `overloaded`; 0: no limit. Health and metrics
    /// are always answered. Default 0. A knob.
    pub max_in_flight: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            max_body: 64 * 1024,
            header_read_timeout: Duration::from_secs(30),
            body_read_timeout: Duration::from_secs(10),
            shutdown_grace: Duration::from_secs(10),
            max_in_flight: Knobs::default().max_in_flight,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestConfig {
    /// Whether `X-Request-Deadline-Ms` counts: no work is done past it, neither waiting for a connection
    /// nor in the database, and the answer is 504. Default true.
    pub deadlines: bool,
    /// What becomes of the work for a client that has gone. Default `continue`.
    pub abandoned: Abandoned,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Abandoned {
    /// It is finished, as by a server with a thread for each request.
    Continue,
    /// It is dropped where it waits. A query that runs is not stopped by that: see `db.statement_timeout`.
    Cancel,
}

impl Default for RequestConfig {
    fn default() -> Self {
        Self {
            deadlines: true,
            abandoned: Abandoned::Continue,
        }
    }
}
