//! The mock payment gateway: a payment provider in a process of its own, that can be made slow,
//! narrow, faulty or silent while it runs.
//!
//! Its word stands: a payment that it has acknowledged is in its ledger for as long as it lives, and
//! one key is charged once. Whoever wants to know what was really charged asks it.
//!
//! | file | job |
//! |---|---|
//! | `provider` | the parts of one gateway, joined |
//! | `work` | one piece of work: its place, its time, its end |
//! | `capacity`, `rate_limit`, `latency` | how much at once, how often, how long |
//! | `behaviour` | all of that as it stands, and how it is changed |
//! | `ledger` | what was charged |
//! | `meters` | what was done, counted |
//! | `server` | HTTP: payments on one listener, administration on another |

mod behaviour;
mod capacity;
mod latency;
mod ledger;
mod meters;
mod provider;
mod rate_limit;
mod server;
mod work;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::scenario::GatewayBehaviour;

pub use ledger::{Charge, ChargeStatus, LedgerPage};
pub use server::{Ports, serve};

/// Where it listens: the first line of its output, as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    pub gateway: SocketAddr,
    pub admin: SocketAddr,
}

#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}: {complaint}")]
    Configuration { path: PathBuf, complaint: String },
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("{0}")]
    Output(io::Error),
}

impl GatewayError {
    /// Whether its user is at fault, and not the machine.
    pub fn is_bad_usage(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Configuration { .. })
    }
}

/// The behaviour that a TOML file describes, in the words of `[gateway]`.
pub fn behaviour_from(path: &Path) -> Result<GatewayBehaviour, GatewayError> {
    let text = std::fs::read_to_string(path).map_err(|source| GatewayError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str(&text).map_err(|error| GatewayError::Configuration {
        path: path.to_owned(),
        complaint: error.to_string(),
    })
}
