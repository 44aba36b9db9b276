//! Tickets, and the desk where users get them.
//!
//! Users that are idle lie on a stack: the last to come back is the first to go, so that few
//! connections do most of the work. Each has a slot of its own in which its next ticket is left, and
//! is woken once. Some of the users are a reserve that lives elsewhere: what the others do not take up
//! in time is dealt to them.
//!
//! Invariant: a released ticket is at any moment in exactly one place: in a slot, or in the queue of those
//! for which no user was idle.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
    /// The users from this one on are the reserve.
    first_of_reserve: usize,
    /// How many tickets were taken up by users that are not of the reserve.
    taken_up: AtomicU64,
    closed: AtomicBool,
}

#[derive(Default)]
struct State {
    idle: Idle,
    waiting: VecDeque<Assignment>,
    /// What was dealt to users that are not of the reserve, with the moment; the oldest first.
    dealt: VecDeque<Dealt>,
    /// `taken_up` of the desk as it was last seen, and since when.
    taken_up: u64,
    still_since: Nanos,
    /// Users that have come up.
    present: usize,
    /// Whether somebody waits on `changed`.
    watched: bool,
}

/// The top of each stack is at the back.
#[derive(Default)]
struct Idle {
    first: VecDeque<usize>,
    reserve: VecDeque<usize>,
}

#[derive(Clone, Copy)]
struct Dealt {
    user: usize,
    seq: u64,
    at: Nanos,
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
    /// `reserve` of the users are the reserve, the last ones.
    pub(super) fn new(users: usize, reserve: usize) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            slots: (0..users).map(|_| Slot::default()).collect(),
            first_of_reserve: users.saturating_sub(reserve),
            taken_up: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// A user comes up. Those with an open connection go to the top of the stack.
    pub(super) fn join(&self, user: usize, connected: bool) {
        let mut state = lock(&self.state);
        state.present += 1;
        let idle = self.stack_of(&mut state, user);
        if connected {
            idle.push_back(user);
        } else {
            idle.push_front(user);
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
            let idle = &mut state.idle;
            if let Some(user) = idle.first.pop_back().or_else(|| idle.reserve.pop_back()) {
                *lock(&self.slots[user].hand) = Hand::Left(assignment);
                handed.push(user);
                if self.first_of_reserve < self.slots.len() && user < self.first_of_reserve {
                    let (seq, at) = (assignment.seq, assignment.released.unwrap_or_default());
                    state.dealt.push_back(Dealt { user, seq, at });
                }
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

    /// Deals to the reserve what was dealt `patience` ago and is not taken up, if nothing at all was taken up
    /// for so long: whoever it was dealt to is not run at present. (Users that are merely busy take up one
    /// ticket after the other, and a reserve that helped them would take the processor from the target.)
    /// When to look again, if there is anything to look after.
    pub(super) fn deal_again(
        &self,
        now: Nanos,
        patience: Nanos,
        handed: &mut Vec<usize>,
    ) -> Option<Nanos> {
        let mut state = lock(&self.state);
        let taken_up = self.taken_up.load(Ordering::Relaxed);
        if state.taken_up != taken_up {
            (state.taken_up, state.still_since) = (taken_up, now);
        }
        let next = loop {
            let Some(dealt) = state.dealt.front().copied() else {
                break None;
            };
            let mut hand = lock(&self.slots[dealt.user].hand);
            let left = match *hand {
                Hand::Left(assignment) if assignment.seq == dealt.seq => assignment,
                _ => {
                    state.dealt.pop_front();
                    continue;
                }
            };
            let moment = dealt.at.max(state.still_since).saturating_add(patience);
            if moment > now {
                break Some(moment);
            }
            state.dealt.pop_front();
            // Nobody is left who could be quicker.
            let Some(user) = state.idle.reserve.pop_back() else {
                continue;
            };
            *hand = Hand::Empty;
            drop(hand);
            *lock(&self.slots[user].hand) = Hand::Left(left);
            handed.push(user);
            // It will find that it was woken for nothing.
            state.idle.first.push_front(dealt.user);
        };
        drop(state);
        for user in handed.drain(..) {
            self.slots[user].waker.wake();
        }
        next
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
            if user < self.first_of_reserve {
                self.taken_up.fetch_add(1, Ordering::Relaxed);
            }
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
            None => self.stack_of(&mut state, user).push_back(user),
        }
        if state.watched {
            self.changed.notify_all();
        }
    }

    /// All users of a closed model set out; each comes back when it has ended.
    pub(super) fn occupy_all(&self) {
        lock(&self.state).idle = Idle::default();
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

    fn stack_of<'a>(&self, state: &'a mut State, user: usize) -> &'a mut VecDeque<usize> {
        if user < self.first_of_reserve {
            &mut state.idle.first
        } else {
            &mut state.idle.reserve
        }
    }
}

impl Idle {
    fn len(&self) -> usize {
        self.first.len() + self.reserve.len()
    }
}

/// Nothing that is guarded here is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
