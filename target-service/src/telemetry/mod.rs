//! Metrics and logs.

mod buckets;
mod logs;
mod metrics;

use serde::{Deserialize, Serialize};

pub use logs::{LogConfig, LogFormat, LogsError};
pub use metrics::{Exposition, MetricsError};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether metrics are recorded. `false` is for measuring what they cost; `/metrics` is then empty.
    /// Default true.
    pub enabled: bool,
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            log: LogConfig::default(),
        }
    }
}
