//! What is done when a value has run out and many ask for it at once: one function for each guard.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Cached;
use super::config::Guard;
use super::entry::{Entry, now};
use super::errand::Errand;
use super::meters::{Outcome, Trouble};
use crate::context::RequestContext;
use crate::resilience::single_flight::Seat;

/// Between two looks for another's value, half as long to half as long again.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a flight brings to everybody on it.
#[derive(Debug, Clone)]
pub(super) struct Brought<V> {
    value: V,
    is_stale: bool,
}

impl<V> Brought<V> {
    fn fresh(value: V) -> Self {
        Self {
            value,
            is_stale: false,
        }
    }
}

impl<V, E> Errand<V, E>
where
    V: Cached,
    E: Clone + Send + Sync + 'static,
{
    pub(super) async fn answer<L, W>(mut self, load: L) -> Result<V, E>
    where
        L: FnOnce(RequestContext) -> W + Send + 'static,
        W: Future<Output = Result<V, E>> + Send + 'static,
    {
        let held = self.look(true).await;
        self.seen = held.as_ref().map(|entry| entry.version);
        let guard = self.config.guard;
        match held {
            Some(entry) if entry.is_fresh(now()) => self.fresh(&entry, load).await,
            Some(entry) if guard == Guard::StaleWhileRevalidate => {
                // Nobody waits for the one who loads.
                drop(self.board(&mut Some(load), None));
                Ok(self.stale(&entry))
            }
            Some(entry) if guard == Guard::Lock => self.locked_or_stale(&entry, load).await,
            Some(_) | None => match guard {
                Guard::None | Guard::Early => {
                    self.inner.meters.answered(Outcome::Miss);
                    self.fetch(load).await
                }
                Guard::Lock | Guard::SingleFlight | Guard::StaleWhileRevalidate => {
                    self.together(load).await
                }
            },
        }
    }

    async fn fresh<L, W>(mut self, entry: &Entry<V>, load: L) -> Result<V, E>
    where
        L: FnOnce(RequestContext) -> W,
        W: Future<Output = Result<V, E>>,
    {
        // From above 0 up to 1.
        let random = 1.0 - rand::random::<f64>();
        let is_early = self.config.guard == Guard::Early
            && entry.is_due_early(now(), self.config.early_beta, random);
        if is_early && let Ok(value) = self.fetch(load).await {
            self.inner.meters.answered(Outcome::Early);
            return Ok(value);
        }
        self.inner.meters.answered(Outcome::Hit);
        Ok(entry.value.clone())
    }

    fn stale(&self, entry: &Entry<V>) -> V {
        self.inner.meters.answered(Outcome::Stale);
        entry.value.clone()
    }

    /// Waits with all others of this instance for one load.
    async fn together<L, W>(mut self, load: L) -> Result<V, E>
    where
        L: FnOnce(RequestContext) -> W + Send + 'static,
        W: Future<Output = Result<V, E>> + Send + 'static,
    {
        self.inner.meters.answered(Outcome::Miss);
        let mut load = Some(load);
        let seat = self.board(&mut load, None);
        match (seat.arrive().await, load) {
            (Some(brought), _) => brought.map(|brought| brought.value),
            (None, Some(load)) => {
                self.inner.meters.troubled(Trouble::FlightLost);
                self.fetch(load).await
            }
            (None, None) => panic!("the load that was begun here broke off"),
        }
    }

    /// The first loads, if no other instance does; everybody else takes the old value.
    async fn locked_or_stale<L, W>(self, entry: &Arc<Entry<V>>, load: L) -> Result<V, E>
    where
        L: FnOnce(RequestContext) -> W + Send + 'static,
        W: Future<Output = Result<V, E>> + Send + 'static,
    {
        let seat = self.board(&mut Some(load), Some(Arc::clone(entry)));
        if !seat.is_first {
            return Ok(self.stale(entry));
        }
        match seat.arrive().await {
            Some(Ok(Brought {
                value,
                is_stale: false,
            })) => {
                self.inner.meters.answered(Outcome::Miss);
                Ok(value)
            }
            // Another instance is at it, or the origin has failed: the old value is better than none.
            Some(_) | None => Ok(self.stale(entry)),
        }
    }

    /// Takes a seat in the flight to this key; `load` is taken for a new one.
    fn board<L, W>(
        &self,
        load: &mut Option<L>,
        stale: Option<Arc<Entry<V>>>,
    ) -> Seat<Result<Brought<V>, E>>
    where
        L: FnOnce(RequestContext) -> W + Send + 'static,
        W: Future<Output = Result<V, E>> + Send + 'static,
    {
        self.inner.flights.join(&self.key, || {
            let load = load.take().expect("a flight is begun once");
            self.detached().fly(load, stale)
        })
    }

    async fn fly<L, W>(mut self, load: L, stale: Option<Arc<Entry<V>>>) -> Result<Brought<V>, E>
    where
        L: FnOnce(RequestContext) -> W,
        W: Future<Output = Result<V, E>>,
    {
        if self.config.guard == Guard::Lock && self.config.tier.is_remote() {
            return self.under_lock(load, stale).await;
        }
        // The flight before this one may have landed after we looked.
        if let Some(entry) = self.look_again().await {
            return Ok(Brought::fresh(entry.value.clone()));
        }
        self.fetch(load).await.map(Brought::fresh)
    }

    async fn look_again(&mut self) -> Option<Arc<Entry<V>>> {
        let held = self.look(false).await;
        held.filter(|entry| entry.is_fresh(now()))
    }

    async fn under_lock<L, W>(
        &mut self,
        load: L,
        stale: Option<Arc<Entry<V>>>,
    ) -> Result<Brought<V>, E>
    where
        L: FnOnce(RequestContext) -> W,
        W: Future<Output = Result<V, E>>,
    {
        let inner = Arc::clone(&self.inner);
        let token = Uuid::new_v4().to_string();
        let until = Instant::now() + self.config.lock_wait;
        while let Some(remote) = inner.remote.as_ref().filter(|_| self.redis_answers) {
            let lease = self.config.lock_lease;
            match remote.lock(&self.ctx, &self.key, &token, lease).await {
                Ok(true) => {
                    // The one before may have let go after we looked.
                    let brought = match self.look_again().await {
                        Some(entry) => Ok(entry.value.clone()),
                        None => self.fetch(load).await,
                    };
                    remote
                        .unlock(&self.ctx, &self.key, &token, &inner.meters)
                        .await;
                    return brought.map(Brought::fresh);
                }
                Ok(false) => {}
                Err(_) => {
                    inner.meters.troubled(Trouble::Lock);
                    self.redis_answers = false;
                    break;
                }
            }
            if let Some(entry) = stale {
                return Ok(Brought {
                    value: entry.value.clone(),
                    is_stale: true,
                });
            }
            if Instant::now() >= until {
                inner.meters.troubled(Trouble::LockTimeout);
                break;
            }
            sleep(LOOK_EVERY.mul_f64(rand::random_range(0.5..1.5))).await;
            if let Some(entry) = self.look_again().await {
                return Ok(Brought::fresh(entry.value.clone()));
            }
        }
        self.fetch(load).await.map(Brought::fresh)
    }
}
