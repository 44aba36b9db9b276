//! What all arrivals of a trial share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::measure::{Nanos, StepNames, TimelineClock, nanos};
use crate::scenario::{EnvironmentSpec, Keys, RetryPolicy, Trial};

use super::cookies::client_with_cookies;
use super::draws::DrawKey;
use super::http::{Resource, Shared, Target};
use super::population::Population;
use super::registering::RegisteredLog;
use super::retry_budget::RetryBudget;
use super::told::ToldLog;

pub struct RunContext {
    pub clock: TimelineClock,
    pub steps: StepNames,
    pub(super) http: Arc<Shared>,
    /// For `user.get(...)` and its like; cookies belong to the arrival.
    pub(super) goose_client: reqwest::Client,
    pub(super) draw_key: DrawKey,
    pub(super) population: Option<Population>,
    pub(super) attempt_timeout: Duration,
    pub(super) deadline: Nanos,
    pub(super) retry: RetryPolicy,
    pub(super) keys: Keys,
    pub(super) poll_every: Duration,
    /// The trial's place in the run: keeps apart what trials that share servers make there.
    pub(super) order: u32,
    /// What clients were told of their payments; `None`: there is no gateway to compare it with.
    pub told: Option<ToldLog>,
    pub registered: RegisteredLog,
    pub(super) budget: Option<RetryBudget>,
    /// Whether steps are also recorded into goose, for its live dashboard.
    pub(super) live: bool,
    exhausted: Mutex<BTreeMap<Resource, u64>>,
    retries_denied: AtomicU64,
}

impl RunContext {
    pub fn new(
        trial: &Trial,
        target: Target,
        headers: ::http::HeaderMap,
        population: Option<Population>,
        live: bool,
    ) -> Result<Self, reqwest::Error> {
        let load = &trial.load;
        let has_gateway =
            matches!(&trial.environment, EnvironmentSpec::Lab(lab) if lab.gateway.is_some());
        Ok(Self {
            clock: TimelineClock::default(),
            steps: StepNames::default(),
            goose_client: client_with_cookies(&headers, load.attempt_timeout)?,
            http: Arc::new(Shared::new(target, headers)?),
            draw_key: DrawKey::new(trial.seed),
            population,
            attempt_timeout: load.attempt_timeout,
            deadline: nanos(load.deadline),
            retry: load.retry.clone(),
            keys: load.keys,
            poll_every: load.poll_every,
            order: trial.order,
            told: has_gateway.then(ToldLog::default),
            registered: RegisteredLog::default(),
            budget: load.retry.budget.map(RetryBudget::new),
            live,
            exhausted: Mutex::default(),
            retries_denied: AtomicU64::new(0),
        })
    }

    /// The generator's resources that ran out, and how often.
    pub fn exhausted(&self) -> BTreeMap<Resource, u64> {
        self.exhausted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Retries that the budget did not pay for.
    pub fn retries_denied(&self) -> u64 {
        self.retries_denied.load(Ordering::Relaxed)
    }

    pub(super) fn ran_out_of(&self, resource: Resource) {
        *self
            .exhausted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(resource)
            .or_default() += 1;
    }

    /// Whether the budget, if there is one, pays for a retry.
    pub(super) fn may_retry(&self) -> bool {
        let paid = self
            .budget
            .as_ref()
            .is_none_or(|budget| budget.spend(self.clock.now()));
        if !paid {
            self.retries_denied.fetch_add(1, Ordering::Relaxed);
        }
        paid
    }
}
