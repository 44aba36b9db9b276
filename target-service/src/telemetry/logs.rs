//! Logs, to standard error: standard output is for what programs read.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    pub format: LogFormat,
    /// What is logged: a level, or directives such as `"warn,target_service=debug"`. Default `"warn"`.
    pub filter: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "warn".to_owned(),
        }
    }
}

#[derive(Debug, Error)]
pub enum LogsError {
    #[error("telemetry.log.filter: {0}")]
    Filter(#[from] ParseError),
    #[error("logging cannot be installed: {0}")]
    Install(#[from] Box<dyn std::error::Error + Send + Sync>),
}

/// Rolling back a transaction that may not be open is how a connection is made fit again; that there was
/// none is nothing to be warned about.
const QUIET: &str = "sqlx::postgres::notice=error";

impl LogConfig {
    pub fn filter(&self) -> Result<EnvFilter, ParseError> {
        EnvFilter::try_new(format!("{QUIET},{}", self.filter))
    }

    /// Once in a process.
    pub fn install(&self) -> Result<(), LogsError> {
        let filter = self.filter()?;
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr);
        match self.format {
            LogFormat::Text => logs.with_ansi(false).try_init()?,
            LogFormat::Json => logs.json().try_init()?,
        }
        Ok(())
    }
}
