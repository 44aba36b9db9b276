//! What belongs to one request: its id, its deadline, its class, the knobs as they were when it arrived,
//! and where its time went.
//!
//! It is passed explicitly and is cheap to clone, so that work that outlives its connection keeps it.
//! Invariant: a request sees one snapshot of the knobs, however often they change while it runs.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::ids::RequestId;
use crate::knobs::Knobs;
pub use crate::route_class::RouteClass;

#[derive(Debug, Clone)]
pub struct RequestContext {
    request: Arc<Request>,
    class: RouteClass,
}

#[derive(Debug)]
struct Request {
    id: RequestId,
    deadline: Option<Instant>,
    knobs: Arc<Knobs>,
    split: Arc<TimeSplit>,
    kept: Mutex<Option<Box<dyn Any + Send>>>,
}

impl RequestContext {
    pub fn new(id: RequestId, deadline: Option<Instant>, knobs: Arc<Knobs>) -> Self {
        let request = Request {
            id,
            deadline,
            knobs,
            split: Arc::default(),
            kept: Mutex::new(None),
        };
        Self {
            request: Arc::new(request),
            class: RouteClass::default(),
        }
    }

    /// For what has to be done for this request whatever becomes of it.
    pub fn without_deadline(&self) -> Self {
        let request = Request {
            id: self.request.id.clone(),
            deadline: None,
            knobs: Arc::clone(&self.request.knobs),
            split: Arc::clone(&self.request.split),
            kept: Mutex::new(None),
        };
        Self {
            request: Arc::new(request),
            class: self.class,
        }
    }

    /// The same request, on a route of this class.
    pub fn in_class(mut self, class: RouteClass) -> Self {
        self.class = class;
        self
    }

    /// For work on the request's behalf that others need too: of the same id, class and knobs, without its
    /// deadline, and with a time split of its own.
    pub fn detached(&self) -> Self {
        let request = &self.request;
        Self {
            class: self.class,
            ..Self::new(request.id.clone(), None, Arc::clone(&request.knobs))
        }
    }

    /// For work that goes on for so long that it is to see changes of the knobs; without a deadline.
    pub fn with_knobs(&self, knobs: Arc<Knobs>) -> Self {
        Self {
            class: self.class,
            ..Self::new(self.request.id.clone(), None, knobs)
        }
    }

    pub fn id(&self) -> &RequestId {
        &self.request.id
    }

    pub fn class(&self) -> RouteClass {
        self.class
    }

    pub fn knobs(&self) -> &Knobs {
        &self.request.knobs
    }

    /// As long as a computation would take (`db.simulated_work`).
    pub async fn simulate_work(&self) {
        let time = self.knobs().simulated_work;
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.request.deadline
    }

    /// What is left until the deadline, zero when it has passed; `None` without a deadline.
    pub fn remaining(&self) -> Option<Duration> {
        let deadline = self.request.deadline?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    pub fn time_split(&self) -> &TimeSplit {
        &self.request.split
    }

    /// Keeps something until the request is over: until the last clone of this context is gone.
    pub fn keep(&self, value: impl Any + Send) {
        *self.kept() = Some(Box::new(value));
    }

    /// Takes out again what was kept, if it is of this type.
    pub fn take_kept<T: Any>(&self) -> Option<T> {
        let kept = self.kept().take()?;
        kept.downcast().ok().map(|value| *value)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Option<Box<dyn Any + Send>>> {
        self.request
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the time of a request goes, as far as it is not the service's own work.
#[derive(Debug, Default)]
pub struct TimeSplit {
    pool_wait: AtomicU64,
    sql: AtomicU64,
    gateway: AtomicU64,
    redis: AtomicU64,
}

impl TimeSplit {
    pub fn add_pool_wait(&self, time: Duration) {
        self.pool_wait
            .fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    pub fn add_sql(&self, time: Duration) {
        self.sql.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    /// In calls to the payment gateway, all waits and retries on the way included.
    pub fn add_gateway(&self, time: Duration) {
        self.gateway.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    /// In waits for Redis, for a connection and for answers.
    pub fn add_redis(&self, time: Duration) {
        self.redis.fetch_add(nanoseconds(time), Ordering::Relaxed);
    }

    pub fn pool_wait(&self) -> Duration {
        Duration::from_nanos(self.pool_wait.load(Ordering::Relaxed))
    }

    pub fn sql(&self) -> Duration {
        Duration::from_nanos(self.sql.load(Ordering::Relaxed))
    }

    pub fn gateway(&self) -> Duration {
        Duration::from_nanos(self.gateway.load(Ordering::Relaxed))
    }

    pub fn redis(&self) -> Duration {
        Duration::from_nanos(self.redis.load(Ordering::Relaxed))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(deadline: Option<Instant>) -> RequestContext {
        RequestContext::new(RequestId::generate(), deadline, Arc::default())
    }

    #[test]
    fn clones_add_to_the_same_time_split() {
        let context = context(None);
        context
            .clone()
            .time_split()
            .add_sql(Duration::from_millis(3));
        context.time_split().add_sql(Duration::from_millis(4));
        assert_eq!(context.time_split().sql(), Duration::from_millis(7));
    }

    #[test]
    fn what_is_kept_lives_as_long_as_the_last_clone() {
        let kept = Arc::new(());
        let context = context(None);
        context.keep(Arc::clone(&kept));
        let clone = context.clone();
        drop(context);
        assert_eq!(Arc::strong_count(&kept), 2);
        drop(clone);
        assert_eq!(Arc::strong_count(&kept), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_remains_after_the_deadline() {
        let context = context(Some(Instant::now() + Duration::from_secs(1)));
        assert_eq!(context.remaining(), Some(Duration::from_secs(1)));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(context.remaining(), Some(Duration::ZERO));
    }
}
