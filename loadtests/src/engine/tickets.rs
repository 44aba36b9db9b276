//! Tickets, and the desk where users get them.
//!
//! Users that are idle lie on a stack: the last to come back is the first to go, so that few
//! connections do most of the work. Each has a slot of its own in which its next ticket is left, and
//! is woken once. Invariant: a released ticket is at any moment in exactly one place: in a slot, or
//! in the queue of those for which no user was idle.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;

use crate::journey::Assignment;
use crate::measure::Nanos;

pub(super) struct Desk {
    state: Mutex<State>,
    /// Wakes those who wait for users to come up, or for the last of them to be idle.
    changed: Condvar,
    slots: Vec<Slot>,
    closed: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The top is at the back.
    idle: VecDeque<usize>,
    waiting: VecDeque<Assignment>,
    /// Users that have come up.
    present: usize,
    /// Whether somebody waits on `changed`.
    watched: bool,
}

#[derive(Default)]
struct Slot {
    hand: Mutex<Hand>,
    waker: AtomicWaker,
}

/// What a user has.
#[derive(Default)]
enum Hand {
    #[default]
    Empty,
    /// Left for it, not taken up.
    Left(Assignment),
    TakenUp(Assignment),
}

impl Desk {
    pub(super) fn new(users: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            slots: (0..users).map(|_| Slot::default()).collect(),
            closed: AtomicBool::new(false),
        }
    }

    /// A user comes up. Those with an open connection go to the top of the stack.
    pub(super) fn join(&self, user: usize, connected: bool) {
        let mut state = lock(&self.state);
        state.present += 1;
        if connected {
            state.idle.push_back(user);
        } else {
            state.idle.push_front(user);
        }
        self.changed.notify_all();
    }

    /// Waits until all users have come up; whether they did in time.
    pub(super) fn wait_for_users(&self, patience: Duration) -> bool {
        let all = self.slots.len();
        let waited = self
            .changed
            .wait_timeout_while(lock(&self.state), patience, |state| state.present < all);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Hands out what is due, and leaves `due` empty.
    pub(super) fn release(&self, due: &mut Vec<Assignment>, handed: &mut Vec<usize>) {
        let mut state = lock(&self.state);
        for mut assignment in due.drain(..) {
            if let Some(user) = state.idle.pop_back() {
                *lock(&self.slots[user].hand) = Hand::Left(assignment);
                handed.push(user);
            } else {
                assignment.waited = true;
                state.waiting.push_back(assignment);
            }
        }
        drop(state);
        for user in handed.drain(..) {
            self.slots[user].waker.wake();
        }
    }

    /// The next ticket for a user that has joined; `None` when there will be no more.
    pub(super) async fn next(&self, user: usize) -> Option<Assignment> {
        poll_fn(|context| self.poll_left(user, context)).await
    }

    fn poll_left(&self, user: usize, context: &mut Context<'_>) -> Poll<Option<Assignment>> {
        let slot = &self.slots[user];
        slot.waker.register(context.waker());
        let mut hand = lock(&slot.hand);
        if let Hand::Left(assignment) = *hand {
            *hand = Hand::TakenUp(assignment);
            return Poll::Ready(Some(assignment));
        }
        if self.closed.load(Ordering::Acquire) {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }

    /// A user has nothing in hand any more: it gets a ticket that waits for one, or lies down.
    pub(super) fn come_back(&self, user: usize) {
        let mut state = lock(&self.state);
        match state.waiting.pop_front() {
            Some(assignment) => *lock(&self.slots[user].hand) = Hand::Left(assignment),
            None => state.idle.push_back(user),
        }
        if state.watched {
            self.changed.notify_all();
        }
    }

    /// All users of a closed model set out; each comes back when it has ended.
    pub(super) fn occupy_all(&self) {
        lock(&self.state).idle.clear();
    }

    /// A user of a closed model takes up what it gave itself.
    pub(super) fn take_up(&self, user: usize, assignment: Assignment) {
        *lock(&self.slots[user].hand) = Hand::TakenUp(assignment);
    }

    /// Empties a user's hand. Whoever gets the ticket accounts for it, and nobody else does.
    pub(super) fn put_down(&self, user: usize) -> Option<Assignment> {
        match std::mem::take(&mut *lock(&self.slots[user].hand)) {
            Hand::Empty => None,
            Hand::Left(assignment) | Hand::TakenUp(assignment) => Some(assignment),
        }
    }

    /// Whether the user took up what is in its hand.
    pub(super) fn is_taken_up(&self, user: usize) -> bool {
        matches!(*lock(&self.slots[user].hand), Hand::TakenUp(_))
    }

    /// Takes the waiting tickets that were intended before `moment` out of the queue.
    pub(super) fn take_waiting(&self, moment: Nanos, taken: &mut Vec<Assignment>) {
        let mut state = lock(&self.state);
        while state
            .waiting
            .front()
            .is_some_and(|assignment| assignment.intended <= moment)
        {
            taken.extend(state.waiting.pop_front());
        }
    }

    /// Waits until no ticket is in a hand or in the queue; whether that came in time.
    pub(super) fn wait_for_quiet(&self, patience: Duration) -> bool {
        let mut state = lock(&self.state);
        state.watched = true;
        let busy =
            |state: &mut State| state.idle.len() < state.present || !state.waiting.is_empty();
        let waited = self.changed.wait_timeout_while(state, patience, busy);
        let (mut state, result) = waited.unwrap_or_else(PoisonError::into_inner);
        state.watched = false;
        !result.timed_out()
    }

    /// There are no more tickets: users end once they have nothing in hand.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for slot in &self.slots {
            slot.waker.wake();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn users(&self) -> usize {
        self.slots.len()
    }
}

/// Nothing that is guarded here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(seq: u64) -> Assignment {
        Assignment {
            seq,
            phase: 0,
            journey: 0,
            intended: seq * 1000,
            released: Some(seq * 1000),
            waited: false,
        }
    }

    fn release(desk: &Desk, seqs: &[u64]) {
        desk.release(
            &mut seqs.iter().map(|seq| ticket(*seq)).collect(),
            &mut Vec::new(),
        );
    }

    fn seq_in_hand(desk: &Desk, user: usize) -> Option<u64> {
        desk.put_down(user).map(|assignment| assignment.seq)
    }

    #[test]
    fn the_last_to_come_back_is_the_first_to_go() {
        let desk = Desk::new(3);
        desk.join(0, true);
        desk.join(1, true);
        desk.join(2, false);
        release(&desk, &[10, 11]);
        assert_eq!(
            (seq_in_hand(&desk, 1), seq_in_hand(&desk, 0)),
            (Some(10), Some(11))
        );
        desk.come_back(0);
        desk.come_back(1);
        release(&desk, &[12]);
        assert_eq!(
            (seq_in_hand(&desk, 1), seq_in_hand(&desk, 2)),
            (Some(12), None)
        );
    }

    #[test]
    fn without_an_idle_user_tickets_wait_in_order_and_are_marked() {
        let desk = Desk::new(1);
        desk.join(0, true);
        release(&desk, &[1, 2, 3]);
        assert!(!desk.put_down(0).unwrap().waited);
        desk.come_back(0);
        let second = desk.put_down(0).unwrap();
        assert_eq!((second.seq, second.waited), (2, true));
        let mut expired = Vec::new();
        desk.take_waiting(2999, &mut expired);
        assert!(expired.is_empty());
        desk.take_waiting(3000, &mut expired);
        assert_eq!(
            expired
                .iter()
                .map(|assignment| assignment.seq)
                .collect::<Vec<_>>(),
            [3]
        );
        desk.come_back(0);
        assert!(desk.wait_for_quiet(Duration::ZERO));
    }

    #[tokio::test]
    async fn a_closed_desk_gives_what_is_left_and_then_nothing() {
        let desk = Desk::new(1);
        desk.join(0, true);
        assert!(desk.wait_for_users(Duration::ZERO));
        release(&desk, &[5]);
        assert!(!desk.wait_for_quiet(Duration::ZERO));
        desk.close();
        assert_eq!(desk.next(0).await.map(|assignment| assignment.seq), Some(5));
        assert!(desk.is_taken_up(0));
        assert!(
            desk.put_down(0).is_some() && desk.put_down(0).is_none(),
            "accounted for once"
        );
        desk.come_back(0);
        assert!(desk.next(0).await.is_none());
    }
}
