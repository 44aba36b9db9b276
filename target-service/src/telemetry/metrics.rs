//! Records metrics for Prometheus to read.

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use thiserror::Error;
use tokio::time::{MissedTickBehavior, interval};

use super::buckets;

/// How often recorded samples are folded into their histograms, which is what bounds their memory.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug, Error)]
pub enum MetricsError {
    #[error("the recorder of metrics cannot be installed: {0}")]
    Install(#[from] BuildError),
}

/// What `/metrics` shows. Without a recorder it is empty.
#[derive(Clone, Default)]
pub struct Exposition(Option<Arc<PrometheusHandle>>);

impl Exposition {
    /// Installs the process's recorder, before anything registers its metrics. Must be called within a
    /// tokio runtime, and once in a process.
    pub fn install() -> Result<Self, MetricsError> {
        let handle = PrometheusBuilder::new()
            .set_buckets(&buckets::SECONDS)?
            .install_recorder()?;
        let handle = Arc::new(handle);
        tokio::spawn(upkeep(Arc::downgrade(&handle)));
        Ok(Self(Some(handle)))
    }

    pub fn render(&self) -> String {
        self.0
            .as_ref()
            .map(|handle| handle.render())
            .unwrap_or_default()
    }
}

async fn upkeep(handle: std::sync::Weak<PrometheusHandle>) {
    let mut ticks = interval(UPKEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(handle) = handle.upgrade() else {
            return;
        };
        handle.run_upkeep();
    }
}
