//! One user carries one arrival: calls its journey, watches its deadline, accounts for it.

use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::FutureExt as _;
use goose::goose::GooseUser;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::journey::{self, Assignment, Ending};
use crate::measure::Outcome;

use super::trial_run::TrialRun;

/// A user's alarm clock, set again for each arrival: setting it to a later time costs no lock.
pub(super) type Alarm = Pin<Box<Sleep>>;

pub(super) fn alarm() -> Alarm {
    Box::pin(sleep_until(Instant::now() + Duration::from_secs(1)))
}

/// Carries the arrival in the user's hand to its end; whether it succeeded.
pub(super) async fn carry(
    run: &TrialRun,
    number: usize,
    user: &mut GooseUser,
    assignment: Assignment,
    alarm: &mut Alarm,
) -> bool {
    let limit = assignment.intended.saturating_add(run.deadline);
    if run.now() >= limit {
        if let Some(assignment) = run.desk.put_down(number) {
            run.record_unsent(assignment);
        }
        return false;
    }
    journey::begin(assignment);
    alarm
        .as_mut()
        .reset(run.context.clock.instant(limit).into());
    let ending = {
        let journey = &run.prepared.journeys[usize::from(assignment.journey)];
        let mut journey = pin!(AssertUnwindSafe((journey.function)(user)).catch_unwind());
        tokio::select! {
            biased;
            ended = &mut journey => match ended {
                Ok(result) => Ending::Returned { ok: result.is_ok() },
                Err(_) => Ending::Cut(Outcome::Panic),
            },
            () = alarm.as_mut() => Ending::Cut(Outcome::Timeout),
        }
    };
    // An arrival that was given up from outside is accounted for already.
    if run.desk.put_down(number).is_none() {
        return false;
    }
    let mut ok = false;
    journey::conclude(ending, |sample, steps| {
        ok = sample.outcome == Outcome::Ok;
        run.buffers.push(number, sample, steps);
    });
    ok
}
