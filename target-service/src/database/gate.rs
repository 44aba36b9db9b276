//! Who may hold a connection, and who waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::meters::Meters;
use crate::resilience::places::{Places, Taken};

/// The right to hold one connection.
pub(super) type Pass = Taken;

#[derive(Debug)]
pub(super) struct Gate {
    passes: Arc<Places>,
    waiting: AtomicUsize,
    meters: Arc<Meters>,
}

impl Gate {
    pub(super) fn new(max: usize, meters: Arc<Meters>) -> Self {
        Self {
            passes: Places::new(max),
            waiting: AtomicUsize::new(0),
            meters,
        }
    }

    /// Waits until a pass is free. `None`: the gate was closed.
    pub(super) async fn enter(&self) -> Option<Pass> {
        if let Some(pass) = self.try_enter() {
            return Some(pass);
        }
        let _waiting = Waiting::begin(self);
        self.passes.take().await
    }

    /// A pass if one is free and nobody waits for it.
    pub(super) fn try_enter(&self) -> Option<Pass> {
        self.passes.try_take()
    }

    pub(super) fn resize(&self, max: usize) {
        self.passes.resize(max);
    }

    /// Passes that somebody has.
    pub(super) fn entered(&self) -> usize {
        self.passes.taken_now()
    }

    pub(super) fn max(&self) -> usize {
        self.passes.max()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Everybody who waits, and who comes later, gets no pass.
    pub(super) fn close(&self) {
        self.passes.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.passes.is_closed()
    }
}

/// Counts one waiter, also when it gives up.
struct Waiting<'a>(&'a Gate);

impl<'a> Waiting<'a> {
    fn begin(gate: &'a Gate) -> Self {
        gate.waiting.fetch_add(1, Ordering::Relaxed);
        gate.meters.pending.increment(1);
        Self(gate)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.meters.pending.decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_counted_until_it_is_let_in_or_turned_away() {
        let gate = Gate::new(1, Arc::new(Meters::new()));
        let _out = gate.try_enter();
        let (entered, waiting) = tokio::join!(gate.enter(), async {
            let waiting = gate.waiting();
            gate.resize(2);
            waiting
        });
        assert!(entered.is_some());
        assert_eq!((waiting, gate.waiting()), (1, 0));

        let (turned_away, ()) = tokio::join!(gate.enter(), async { gate.close() });
        assert!(turned_away.is_none());
        assert_eq!(gate.waiting(), 0);
    }
}
