//! Who may hold a connection: a first-come-first-served counter of passes that can grow and shrink while
//! passes are out.
//!
//! Invariant: passes out plus passes free is the size, plus what is still owed after a shrink; passes that
//! are owed are taken out of circulation when they come back, so nobody who holds one loses it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::meters::Meters;

#[derive(Debug)]
pub(super) struct Gate {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
    waiting: AtomicUsize,
    meters: Arc<Meters>,
}

#[derive(Debug)]
struct Size {
    max: usize,
    /// Passes out that are too many since a shrink.
    owed: usize,
}

/// The right to hold one connection.
#[derive(Debug)]
pub(super) struct Pass {
    permit: Option<OwnedSemaphorePermit>,
    gate: Arc<Gate>,
}

impl Gate {
    pub(super) fn new(max: usize, meters: Arc<Meters>) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(max)),
            size: Mutex::new(Size { max, owed: 0 }),
            waiting: AtomicUsize::new(0),
            meters,
        })
    }

    /// Waits until a pass is free. `None`: the gate was closed.
    pub(super) async fn enter(self: &Arc<Self>) -> Option<Pass> {
        if let Some(pass) = self.try_enter() {
            return Some(pass);
        }
        let _waiting = Waiting::begin(self);
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        Some(self.pass(permit))
    }

    /// A pass if one is free and nobody waits for it.
    pub(super) fn try_enter(self: &Arc<Self>) -> Option<Pass> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(self.pass(permit))
    }

    pub(super) fn resize(&self, max: usize) {
        let mut size = self.size();
        if max >= size.max {
            let more = max - size.max;
            let forgiven = more.min(size.owed);
            size.owed -= forgiven;
            self.free.add_permits(more - forgiven);
        } else {
            let fewer = size.max - max;
            size.owed += fewer - self.free.forget_permits(fewer);
        }
        size.max = max;
    }

    pub(super) fn max(&self) -> usize {
        self.size().max
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Everybody who waits, and who comes later, gets no pass.
    pub(super) fn close(&self) {
        self.free.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.free.is_closed()
    }

    fn pass(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Pass {
        Pass {
            permit: Some(permit),
            gate: Arc::clone(self),
        }
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Gives the pass up for good if one is owed: `true`, and the connection held by it must go too.
    pub(super) fn repay(&mut self) -> bool {
        let mut size = self.gate.size();
        if size.owed == 0 {
            return false;
        }
        let Some(permit) = self.permit.take() else {
            return false;
        };
        permit.forget();
        size.owed -= 1;
        true
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        // Held until the permit is back: a shrink in between would find neither it nor who owes it.
        let mut size = self.gate.size();
        if size.owed == 0 {
            drop(permit);
        } else {
            permit.forget();
            size.owed -= 1;
        }
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
    use proptest::prelude::*;

    use super::*;

    fn gate(max: usize) -> Arc<Gate> {
        Gate::new(max, Arc::new(Meters::new()))
    }

    fn take_all(gate: &Arc<Gate>) -> Vec<Pass> {
        std::iter::from_fn(|| gate.try_enter()).collect()
    }

    #[test]
    fn there_are_as_many_passes_as_the_gate_is_large() {
        let gate = gate(3);
        assert_eq!(take_all(&gate).len(), 3);
        gate.resize(5);
        assert_eq!(take_all(&gate).len(), 5);
    }

    #[test]
    fn a_gate_shrunk_below_the_passes_out_takes_them_back_as_they_return() {
        let gate = gate(4);
        let mut out = take_all(&gate);
        gate.resize(1);
        assert!(out.pop().unwrap().repay());
        drop(out);
        assert_eq!(take_all(&gate).len(), 1);
    }

    #[test]
    fn growing_again_forgives_what_is_owed() {
        let gate = gate(4);
        let mut out = take_all(&gate);
        gate.resize(1);
        gate.resize(4);
        assert!(!out.pop().unwrap().repay());
        assert_eq!(take_all(&gate).len(), 1);
    }

    #[tokio::test]
    async fn who_waits_is_let_in_when_the_gate_grows_and_turned_away_when_it_closes() {
        let gate = gate(1);
        let _out = gate.try_enter();
        let (entering, growing) = (gate.enter(), async { gate.resize(2) });
        let (entered, ()) = tokio::join!(entering, growing);
        assert!(entered.is_some());

        let (entering, closing) = (gate.enter(), async { gate.close() });
        let (turned_away, ()) = tokio::join!(entering, closing);
        assert!(turned_away.is_none());
        assert_eq!(gate.waiting(), 0);
    }

    proptest! {
        #[test]
        fn however_it_is_resized_the_last_size_holds_in_the_end(
            steps in prop::collection::vec((any::<bool>(), 1..9_usize), 1..60), last in 1..9_usize,
        ) {
            let gate = gate(4);
            let mut out = Vec::new();
            for (resize, number) in steps {
                if resize {
                    gate.resize(number);
                } else if number % 2 == 0 {
                    out.extend(gate.try_enter());
                } else {
                    out.pop();
                }
            }
            gate.resize(last);
            drop(out);
            prop_assert_eq!(take_all(&gate).len(), last);
        }
    }
}
