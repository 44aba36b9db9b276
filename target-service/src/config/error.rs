//! Why a configuration is refused: which key, and what is wrong with it.

use std::path::PathBuf;

use thiserror::Error;

use crate::knobs::KnobError;

/// In the place of a key where there are none.
pub(super) const NO_TOML: &str = "not TOML";

#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("{file}: cannot be read: {error}")]
    Read {
        file: PathBuf,
        error: std::io::Error,
    },
    #[error("{file}: {key}: {error}")]
    File {
        file: PathBuf,
        key: String,
        error: Box<toml::de::Error>,
    },
    #[error("{variable}: {reason}")]
    Variable { variable: String, reason: String },
    #[error("{}: {error}", .error.name())]
    Knob {
        #[from]
        error: KnobError,
    },
    #[error("admin.listen: {0} is no loopback address, and whoever reaches it may do anything")]
    AdminNotLoopback(std::net::SocketAddr),
    #[error("telemetry.log.filter: {0}")]
    LogFilter(#[from] tracing_subscriber::filter::ParseError),
    #[error("http.max_body: a body of 0 bytes is no body")]
    NoBody,
}

impl ConfigError {
    /// The key that is wrong, `db.pool.max_size`, where it was written as a key.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Read { .. } | Self::Variable { .. } => None,
            // A path of one dot is the whole file.
            Self::File { key, .. } => {
                Some(key.as_str()).filter(|key| !matches!(*key, "." | NO_TOML))
            }
            Self::Knob { error } => Some(error.name()),
            Self::AdminNotLoopback(_) => Some("admin.listen"),
            Self::LogFilter(_) => Some("telemetry.log.filter"),
            Self::NoBody => Some("http.max_body"),
        }
    }

    /// What is wrong with it, without its place.
    pub fn reason(&self) -> String {
        match (self, self.key()) {
            (Self::File { error, .. }, _) => error.message().to_owned(),
            (_, Some(key)) => {
                let message = self.to_string();
                let reason = message
                    .strip_prefix(key)
                    .map(|rest| rest.trim_start_matches(": "));
                reason.unwrap_or(&message).to_owned()
            }
            _ => self.to_string(),
        }
    }
}
