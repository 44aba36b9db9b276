//! Constructs everything that a running service consists of.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::config::Config;
use crate::database::Database;
use crate::knobs::{KnobError, KnobStore, Knobs};
use crate::payment::Payments;
use crate::payment::gateway::Gateway;
use crate::telemetry::Exposition;

#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub knobs: KnobStore,
    pub database: Database,
    pub payments: Payments,
    pub exposition: Exposition,
    /// The work of requests that runs in tasks of its own.
    pub work: TaskTracker,
}

impl App {
    /// Must be called within a tokio runtime. Nothing is connected to yet: what is missing is said by
    /// `/readyz`.
    pub fn new(config: Config, exposition: Exposition) -> Result<Self, KnobError> {
        let knobs = config.knobs()?;
        let clock = Clock::new(config.calendar.time_zone);
        let database = Database::new(&config.db, &knobs);
        let gateway = Gateway::new(&config.payment);
        let sections = gateway.sections(&config.payment);
        Ok(Self {
            clock,
            payments: Payments::new(database.clone(), clock, gateway, &config.payment),
            database,
            knobs: KnobStore::new(knobs, sections),
            exposition,
            work: TaskTracker::new(),
            config: Arc::new(config),
        })
    }

    /// Changes knobs, and what follows from them outside of requests.
    pub fn patch_knobs(
        &self,
        patch: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Arc<Knobs>, KnobError> {
        self.knobs.patch(patch, |knobs| self.database.follow(knobs))
    }
}
