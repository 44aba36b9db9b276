//! The idle sessions. The one used last is taken first, so that those not needed grow old and are closed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::limits::Bounds;
use super::meters::Meters;
use super::session::Session;

#[derive(Debug)]
pub(super) struct Shelf {
    /// By the time since when they are idle, the longest first.
    idle: Mutex<Vec<Idle>>,
    meters: Arc<Meters>,
}

#[derive(Debug)]
pub(super) struct Idle {
    pub session: Session,
    since: Instant,
}

impl Idle {
    pub(super) fn idle_for(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Shelf {
    pub(super) fn new(meters: Arc<Meters>) -> Self {
        Self {
            idle: Mutex::default(),
            meters,
        }
    }

    pub(super) fn put(&self, session: Session) {
        self.idle().push(Idle {
            session,
            since: Instant::now(),
        });
        self.meters.idle.increment(1);
    }

    /// Prefers a session that has these bounds already: another one has to be told them.
    pub(super) fn take(&self, bounds: Bounds) -> Option<Idle> {
        let mut idle = self.idle();
        let position = idle
            .iter()
            .rposition(|idle| idle.session.has_bounds(bounds));
        let taken = match position {
            Some(position) => idle.remove(position),
            None => idle.pop()?,
        };
        self.meters.idle.decrement(1);
        Some(taken)
    }

    /// Takes out the sessions for which `is_wanted` is false, asking in the order of their idleness, the
    /// longest first.
    pub(super) fn retain(&self, mut is_wanted: impl FnMut(&Idle) -> bool) -> Vec<Session> {
        let mut idle = self.idle();
        let (kept, removed): (Vec<_>, Vec<_>) = idle.drain(..).partition(|idle| is_wanted(idle));
        *idle = kept;
        self.meters.idle.decrement(removed.len() as f64);
        removed.into_iter().map(|idle| idle.session).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.idle().len()
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
