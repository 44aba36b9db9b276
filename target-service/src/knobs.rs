//! Settings that may change while the service runs.
//!
//! Each knob has the name and type of a configuration key, which gives it its first value. A request reads
//! all of them once; a change reaches the requests that arrive after it. Knobs that belong to one part alone
//! stand in a section that the part follows, see [`crate::section`].
//! Invariant: a patch is applied as a whole or not at all.

mod check;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::route_class::RouteClass;
use crate::section::{Change, OutOfRange, Section, SectionError};
use crate::strategy::{
    CalendarSource, LikesStrategy, LockKey, LockOrder, LockStrategy, MailServer, MessageIds,
    OutboxFault, SurveyCounts, TransferOrder, ViewsStrategy, WelcomeMail,
};

/// What each of them does is said where the configuration key of the same name is declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knobs {
    #[serde(rename = "http.max_in_flight")]
    pub max_in_flight: u32,
    #[serde(rename = "db.pool.max_size")]
    pub pool_max_size: u32,
    #[serde(rename = "db.pool.min_size")]
    pub pool_min_size: u32,
    #[serde(rename = "db.pool.acquire_timeout", with = "crate::duration")]
    pub acquire_timeout: Duration,
    #[serde(rename = "db.pool.idle_timeout", with = "crate::duration")]
    pub idle_timeout: Duration,
    #[serde(rename = "db.pool.max_lifetime", with = "crate::duration")]
    pub max_lifetime: Duration,
    #[serde(rename = "db.statement_timeout", with = "crate::duration")]
    pub statement_timeout: Duration,
    #[serde(rename = "db.lock_timeout", with = "crate::duration")]
    pub lock_timeout: Duration,
    #[serde(rename = "db.response_grace", with = "crate::duration")]
    pub response_grace: Duration,
    #[serde(
        rename = "db.class.realtime.acquire_timeout",
        with = "crate::duration::option",
        default
    )]
    pub realtime_acquire_timeout: Option<Duration>,
    #[serde(
        rename = "db.class.realtime.query_timeout",
        with = "crate::duration::option",
        default
    )]
    pub realtime_query_timeout: Option<Duration>,
    #[serde(
        rename = "db.class.standard.acquire_timeout",
        with = "crate::duration::option",
        default
    )]
    pub standard_acquire_timeout: Option<Duration>,
    #[serde(
        rename = "db.class.standard.query_timeout",
        with = "crate::duration::option",
        default
    )]
    pub standard_query_timeout: Option<Duration>,
    #[serde(
        rename = "db.class.slow.acquire_timeout",
        with = "crate::duration::option",
        default
    )]
    pub slow_acquire_timeout: Option<Duration>,
    #[serde(
        rename = "db.class.slow.query_timeout",
        with = "crate::duration::option",
        default
    )]
    pub slow_query_timeout: Option<Duration>,
    #[serde(rename = "db.simulated_delay", with = "crate::duration")]
    pub simulated_delay: Duration,
    #[serde(rename = "db.simulated_work", with = "crate::duration")]
    pub simulated_work: Duration,
    #[serde(rename = "calendar.source")]
    pub calendar_source: CalendarSource,
    #[serde(rename = "calendar.max_days")]
    pub calendar_max_days: u16,
    #[serde(rename = "likes.strategy")]
    pub likes_strategy: LikesStrategy,
    #[serde(rename = "likes.optimistic_attempts")]
    pub likes_optimistic_attempts: u32,
    #[serde(rename = "point.lock")]
    pub point_lock: LockStrategy,
    #[serde(rename = "point.lock_key")]
    pub point_lock_key: LockKey,
    #[serde(rename = "point.transfer_order")]
    pub point_transfer_order: TransferOrder,
    #[serde(rename = "point.optimistic_attempts")]
    pub point_optimistic_attempts: u32,
    #[serde(rename = "coupon.lock")]
    pub coupon_lock: LockStrategy,
    #[serde(rename = "coupon.lock_order")]
    pub coupon_lock_order: LockOrder,
    #[serde(rename = "coupon.optimistic_attempts")]
    pub coupon_optimistic_attempts: u32,
    #[serde(rename = "seat.hold", with = "crate::duration")]
    pub seat_hold: Duration,
    #[serde(rename = "survey.counts")]
    pub survey_counts: SurveyCounts,
    #[serde(rename = "views.strategy")]
    pub views_strategy: ViewsStrategy,
    #[serde(rename = "views.interval", with = "crate::duration")]
    pub views_interval: Duration,
    #[serde(rename = "survey.fold_interval", with = "crate::duration")]
    pub survey_fold_interval: Duration,
    #[serde(rename = "outbox.fault")]
    pub outbox_fault: OutboxFault,
    #[serde(rename = "mail.server")]
    pub mail_server: MailServer,
    #[serde(rename = "mail.slow_by", with = "crate::duration")]
    pub mail_slow_by: Duration,
    #[serde(rename = "mail.welcome")]
    pub mail_welcome: WelcomeMail,
    #[serde(rename = "mail.message_ids")]
    pub mail_message_ids: MessageIds,
    #[serde(rename = "flow.settle_after", with = "crate::duration")]
    pub flow_settle_after: Duration,
}

/// The largest pool that can be asked for; more connections than any PostgreSQL serves well.
pub const MAX_POOL_SIZE: u32 = 10_000;

impl Default for Knobs {
    fn default() -> Self {
        Self {
            max_in_flight: 0,
            pool_max_size: 10,
            pool_min_size: 0,
            acquire_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_mins(10),
            max_lifetime: Duration::from_mins(30),
            statement_timeout: Duration::from_secs(1),
            lock_timeout: Duration::from_millis(500),
            response_grace: Duration::from_secs(1),
            realtime_acquire_timeout: None,
            realtime_query_timeout: None,
            standard_acquire_timeout: None,
            standard_query_timeout: None,
            slow_acquire_timeout: None,
            slow_query_timeout: None,
            simulated_delay: Duration::ZERO,
            simulated_work: Duration::ZERO,
            calendar_source: CalendarSource::default(),
            calendar_max_days: 366,
            likes_strategy: LikesStrategy::default(),
            likes_optimistic_attempts: 5,
            point_lock: LockStrategy::default(),
            point_lock_key: LockKey::default(),
            point_transfer_order: TransferOrder::default(),
            point_optimistic_attempts: 5,
            coupon_lock: LockStrategy::default(),
            coupon_lock_order: LockOrder::default(),
            coupon_optimistic_attempts: 5,
            seat_hold: Duration::from_mins(5),
            survey_counts: SurveyCounts::default(),
            views_strategy: ViewsStrategy::default(),
            views_interval: Duration::from_secs(1),
            survey_fold_interval: Duration::from_millis(100),
            outbox_fault: OutboxFault::default(),
            mail_server: MailServer::default(),
            mail_slow_by: Duration::from_secs(5),
            mail_welcome: WelcomeMail::default(),
            mail_message_ids: MessageIds::default(),
            flow_settle_after: Duration::from_secs(30),
        }
    }
}

#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum KnobError {
    #[error("there is no knob `{name}`; there are {known}")]
    Unknown { name: String, known: String },
    #[error("{reason}")]
    WrongType { name: String, reason: String },
    #[error("{reason}")]
    OutOfRange { name: String, reason: String },
}

impl KnobError {
    /// The knob to correct.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown { name, .. }
            | Self::WrongType { name, .. }
            | Self::OutOfRange { name, .. } => name,
        }
    }

    fn in_section(prefix: &str, error: SectionError) -> Self {
        match error {
            SectionError::WrongType { key, reason } => Self::WrongType {
                name: format!("{prefix}.{key}"),
                reason,
            },
            SectionError::OutOfRange(error) => error.below(prefix).into(),
        }
    }
}

impl From<OutOfRange> for KnobError {
    fn from(OutOfRange { key, reason }: OutOfRange) -> Self {
        Self::OutOfRange { name: key, reason }
    }
}

/// What a class of routes has instead of the limits for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassLimits {
    pub acquire_timeout: Option<Duration>,
    pub query_timeout: Option<Duration>,
}

impl Knobs {
    pub fn class(&self, class: RouteClass) -> ClassLimits {
        let (acquire_timeout, query_timeout) = match class {
            RouteClass::Realtime => (self.realtime_acquire_timeout, self.realtime_query_timeout),
            RouteClass::Standard => (self.standard_acquire_timeout, self.standard_query_timeout),
            RouteClass::Slow => (self.slow_acquire_timeout, self.slow_query_timeout),
        };
        ClassLimits {
            acquire_timeout,
            query_timeout,
        }
    }

    /// By name, as they are read and patched.
    pub fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            other => unreachable!("a struct with named fields is an object: {other:?}"),
        }
    }

    fn patched(&self, patch: &Map<String, Value>) -> Result<Self, KnobError> {
        let mut knobs = self.to_map();
        knobs.extend(patch.clone());
        let knobs: Self =
            serde_path_to_error::deserialize(Value::Object(knobs)).map_err(|error| {
                KnobError::WrongType {
                    name: error.path().to_string(),
                    reason: error.inner().to_string(),
                }
            })?;
        knobs.check()?;
        Ok(knobs)
    }
}

/// The knobs of a running service.
#[derive(Debug, Clone)]
pub struct KnobStore {
    current: Arc<ArcSwap<Knobs>>,
    sections: Arc<[Arc<dyn Section>]>,
    has_redis: bool,
    /// One patch at a time, together with what follows from it.
    patching: Arc<Mutex<()>>,
}

impl KnobStore {
    pub fn new(knobs: Knobs, sections: impl IntoIterator<Item = Arc<dyn Section>>) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(knobs)),
            sections: sections.into_iter().collect(),
            has_redis: true,
            patching: Arc::default(),
        }
    }

    /// Of a service that has no Redis.
    pub fn without_redis(mut self) -> Self {
        self.has_redis = false;
        self
    }

    /// All of them by name, those of sections included.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut map = self.snapshot().to_map();
        for section in self.sections.iter() {
            map.extend(section.leaves());
        }
        map
    }

    pub fn snapshot(&self) -> Arc<Knobs> {
        self.current.load_full()
    }

    /// Changes the named knobs and hands the result to `apply` before anybody else may patch.
    pub fn patch(
        &self,
        patch: &Map<String, Value>,
        apply: impl FnOnce(&Knobs),
    ) -> Result<Arc<Knobs>, KnobError> {
        let _one_at_a_time = self.patching.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.snapshot();
        let mut own = patch.clone();
        let changes = self.prepare(&mut own)?;
        let known = current.to_map();
        if let Some(name) = own.keys().find(|name| !known.contains_key(*name)) {
            let known: Vec<_> = self.to_map().keys().cloned().collect();
            return Err(KnobError::Unknown {
                name: name.clone(),
                known: known.join(", "),
            });
        }
        let knobs = Arc::new(current.patched(&own)?);
        if !self.has_redis {
            knobs.check_without_redis()?;
        }
        self.current.store(Arc::clone(&knobs));
        apply(&knobs);
        for change in changes {
            change();
        }
        Ok(knobs)
    }

    /// Takes what belongs to sections out of the patch, and checks it.
    fn prepare(&self, patch: &mut Map<String, Value>) -> Result<Vec<Change>, KnobError> {
        let mut changes = Vec::new();
        for section in self.sections.iter() {
            let leaves = section.leaves();
            let (mine, others): (Map<_, _>, Map<_, _>) = std::mem::take(patch)
                .into_iter()
                .partition(|(name, _)| leaves.contains_key(name));
            *patch = others;
            if mine.is_empty() {
                continue;
            }
            let below = section.prefix().len() + 1;
            let changed: Vec<_> = mine.iter().map(|(name, v)| (&name[below..], v)).collect();
            let change = section
                .prepare(&changed)
                .map_err(|error| KnobError::in_section(section.prefix(), error))?;
            changes.push(change);
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests;
