//! Releases tickets at their times, on threads of their own.
//!
//! They sleep between releases, never spin: the service may share their cores. A sleep is as exact as
//! the system's high-resolution timers; arrivals closer together than [`QUANTUM`] share a wake-up.
//!
//! Where there are two places to run in, a second pacer stands by in the other one. It comes a little later,
//! and releases what the first one should have released by then.

use std::iter::Peekable;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::journey::Assignment;
use crate::measure::{Nanos, nanos};

use super::precedence;
use super::schedule::{Schedule, ScheduledArrival};
use super::trial_run::TrialRun;

/// The shortest sleep. Each wake-up takes its time from the target on the same core, and users that are
/// released together share one, too.
const QUANTUM: Nanos = 200_000;
/// The longest: so soon a stop is noticed, and an expired ticket.
const LONGEST_SLEEP: Nanos = 20_000_000;
/// How long the second pacer waits for the first, and the shortest sleep of one that stands by.
const STAND_BY: Nanos = 600_000;
/// A ticket that is not taken up for so long is dealt again.
const TAKEN_UP_WITHIN: Nanos = 500_000;

/// What the pacers share.
pub(super) struct Pacing {
    schedule: Mutex<Peekable<Schedule>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    First,
    /// Stands by.
    Second,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, Default)]
struct Next {
    /// When the next arrival is intended; `None` after the last one.
    arrival: Option<Nanos>,
    /// When the next ticket is to be dealt again, unless it is taken up by then.
    deal_again: Option<Nanos>,
}

impl Pacing {
    pub(super) fn new(schedule: Schedule) -> Self {
        Self {
            schedule: Mutex::new(schedule.peekable()),
        }
    }

    /// Moves on what is due at `moment`; when the next one is.
    fn take_due(&self, moment: Nanos, mut take: impl FnMut(ScheduledArrival)) -> Option<Nanos> {
        // Nothing in here is left half done by a panic.
        let mut schedule = self.schedule.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(arrival) = schedule.next_if(|next| nanos(next.intended) <= moment) {
            take(arrival);
        }
        schedule.peek().map(|next| nanos(next.intended))
    }
}

/// Runs until every ticket of the schedule is released and taken up, or until it is stopped.
pub(super) fn pace(run: &TrialRun, pacing: &Pacing, role: Role, stop: &CancellationToken) {
    sharpen_timers();
    precedence::take_before_users();
    let (mut due, mut handed, mut expired) = (Vec::new(), Vec::new(), Vec::new());
    while !stop.is_cancelled() {
        let now = run.now();
        let moment = now.saturating_sub(role.patience());
        let arrival = pacing.take_due(moment, |arrival| due.push(ticket(run, arrival, now)));
        run.progress.add_offered(due.len());
        run.desk.release(&mut due, &mut handed);
        let deal_again = run.desk.deal_again(now, TAKEN_UP_WITHIN, &mut handed);
        expire(run, now, &mut expired);
        run.show_place(now);
        let next = Next {
            arrival,
            deal_again,
        };
        let Some(pause) = role.pause(next, run.now()) else {
            return;
        };
        thread::sleep(Duration::from_nanos(pause));
    }
}

impl Role {
    fn patience(self) -> Nanos {
        match self {
            Self::First => 0,
            Self::Second => STAND_BY,
        }
    }

    /// `None`: there is nothing left to do.
    fn pause(self, next: Next, now: Nanos) -> Option<Nanos> {
        let arrival = next
            .arrival
            .map(|intended| intended.saturating_add(self.patience()));
        let moment = arrival.into_iter().chain(next.deal_again).min()?;
        let shortest = match self {
            Self::First => QUANTUM,
            Self::Second => STAND_BY,
        };
        Some(moment.saturating_sub(now).clamp(shortest, LONGEST_SLEEP))
    }
}

fn ticket(run: &TrialRun, arrival: ScheduledArrival, now: Nanos) -> Assignment {
    Assignment {
        seq: arrival.seq,
        phase: arrival.phase,
        journey: run.journey_of(arrival.seq),
        intended: nanos(arrival.intended),
        released: Some(now),
        waited: false,
    }
}

/// What has waited for a user up to its deadline will never be sent.
pub(super) fn expire(run: &TrialRun, now: Nanos, expired: &mut Vec<Assignment>) {
    if let Some(moment) = now.checked_sub(run.deadline) {
        run.desk.take_waiting(moment, expired);
        for assignment in expired.drain(..) {
            run.record_unsent(assignment);
        }
    }
}

/// Without this, Linux adds up to 50 microseconds to every sleep.
fn sharpen_timers() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_timerslack(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Nanos = 1_000_000;

    fn next(arrival: Option<Nanos>, deal_again: Option<Nanos>) -> Next {
        Next {
            arrival,
            deal_again,
        }
    }

    #[test]
    fn the_first_comes_when_something_is_due_and_the_second_a_little_later() {
        let arrival = next(Some(15 * MS), None);
        assert_eq!(Role::First.pause(arrival, 10 * MS), Some(5 * MS));
        assert_eq!(
            Role::Second.pause(arrival, 10 * MS),
            Some(5 * MS + STAND_BY)
        );
        // What is overdue is seen to after the shortest sleep, and a stop soon after it is asked for.
        assert_eq!(Role::First.pause(arrival, 20 * MS), Some(QUANTUM));
        assert_eq!(Role::First.pause(arrival, 0), Some(15 * MS));
        let far = next(Some(900 * MS), None);
        assert_eq!(Role::First.pause(far, 0), Some(LONGEST_SLEEP));
    }

    #[test]
    fn both_look_after_tickets_that_are_not_taken_up_also_after_the_last() {
        let dealt = next(Some(15 * MS), Some(11 * MS));
        for role in [Role::First, Role::Second] {
            assert_eq!(role.pause(dealt, 10 * MS), Some(MS));
            assert_eq!(role.pause(next(None, Some(11 * MS)), 10 * MS), Some(MS));
            assert_eq!(role.pause(next(None, None), 10 * MS), None);
        }
    }
}
