//! Releases tickets at their times, on a thread of its own.
//!
//! It sleeps between releases, never spins: the service may share its cores. A sleep is as exact as
//! the system's high-resolution timers; arrivals closer together than [`QUANTUM`] share a wake-up.

use std::sync::Arc;
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

/// Runs until every ticket of the schedule is released, or until it is stopped.
pub(super) fn pace(run: &Arc<TrialRun>, schedule: Schedule, stop: &CancellationToken) {
    sharpen_timers();
    precedence::take();
    let mut schedule = schedule.peekable();
    let (mut due, mut handed, mut expired) = (Vec::new(), Vec::new(), Vec::new());
    while !stop.is_cancelled() {
        let now = run.now();
        while let Some(arrival) = schedule.next_if(|arrival| nanos(arrival.intended) <= now) {
            due.push(ticket(run, arrival, now));
        }
        run.progress.add_offered(due.len());
        run.desk.release(&mut due, &mut handed);
        expire(run, now, &mut expired);
        run.show_place(now);
        let Some(next) = schedule.peek() else { return };
        let pause = nanos(next.intended)
            .saturating_sub(run.now())
            .clamp(QUANTUM, LONGEST_SLEEP);
        thread::sleep(Duration::from_nanos(pause));
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
