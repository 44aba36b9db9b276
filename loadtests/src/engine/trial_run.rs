//! What the parts of one running trial share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::journey::{Assignment, DrawKey, Prepared, RunContext};
use crate::measure::{ArrivalSample, Nanos, Outcome, Reads, SampleBuffers, nanos};
use crate::scenario::{Phase, Trial};

use super::progress::Progress;
use super::schedule::Schedule;
use super::tickets::Desk;

/// How long users may take to connect ahead of the first ticket, and how many do so at once.
const WARM_UP: Duration = Duration::from_secs(3);
const WARM_AT_ONCE: usize = 32;

pub(super) struct TrialRun {
    pub(super) context: Arc<RunContext>,
    pub(super) desk: Desk,
    pub(super) buffers: Arc<SampleBuffers>,
    pub(super) progress: Arc<Progress>,
    pub(super) prepared: Prepared,
    pub(super) deadline: Nanos,
    pub(super) timeline: Nanos,
    pub(super) plan: UserPlan,
    /// Until when users may open their connections before the first ticket.
    pub(super) warm_until: Instant,
    pub(super) warm_turns: Semaphore,
    /// Cancelled when users of a closed model may begin.
    pub(super) started: CancellationToken,
    phases: Vec<Phase>,
    draw_key: DrawKey,
    /// The next arrival's number in a closed model.
    next_seq: AtomicU64,
}

impl TrialRun {
    pub(super) fn new(
        trial: &Trial,
        prepared: Prepared,
        context: Arc<RunContext>,
        buffers: Arc<SampleBuffers>,
        progress: Arc<Progress>,
        plan: UserPlan,
    ) -> Self {
        Self {
            context,
            desk: Desk::new(plan.users, plan.reserve),
            buffers,
            progress,
            prepared,
            deadline: nanos(trial.load.deadline),
            timeline: nanos(trial.duration()),
            plan,
            warm_until: Instant::now() + WARM_UP,
            warm_turns: Semaphore::new(WARM_AT_ONCE),
            started: CancellationToken::new(),
            phases: trial.phases.clone(),
            draw_key: DrawKey::new(trial.seed),
            next_seq: AtomicU64::new(0),
        }
    }

    pub(super) fn now(&self) -> Nanos {
        self.context.clock.now()
    }

    pub(super) fn journey_of(&self, seq: u64) -> u16 {
        if self.prepared.journeys.len() == 1 {
            0
        } else {
            self.prepared.choose(self.draw_key.arrival(seq).choice)
        }
    }

    /// The next arrival of a closed model: it is intended when its user begins it.
    pub(super) fn next_of_closed(&self) -> Assignment {
        let seq = self.next_seq.fetch_add(1, Ordering::Relaxed);
        let intended = self.now();
        let phase = u16::try_from(self.phase_at(intended)).unwrap_or(u16::MAX);
        Assignment {
            seq,
            phase,
            journey: self.journey_of(seq),
            intended,
            released: None,
            waited: false,
        }
    }

    pub(super) fn show_place(&self, now: Nanos) {
        let at = Duration::from_nanos(now);
        let rate = if self.plan.closed {
            0.0
        } else {
            Schedule::rate_at(&self.phases, at)
        };
        self.progress.set_place(self.phase_at(now), at, rate);
    }

    /// The phase at a moment; the last one after the end.
    fn phase_at(&self, moment: Nanos) -> usize {
        let mut end = 0;
        let ended = self.phases.iter().take_while(|phase| {
            end += nanos(phase.duration);
            end <= moment
        });
        ended.count().min(self.phases.len().saturating_sub(1))
    }

    pub(super) fn record_unsent(&self, assignment: Assignment) {
        self.record_unfinished(assignment, Outcome::Unsent, None);
    }

    /// Accounts for an arrival whose journey did not.
    pub(super) fn record_unfinished(
        &self,
        assignment: Assignment,
        outcome: Outcome,
        started: Option<Nanos>,
    ) {
        let Assignment {
            seq,
            phase,
            journey,
            intended,
            released,
            waited,
        } = assignment;
        let ended = self.now();
        let begun = outcome != Outcome::Unsent;
        let sample = ArrivalSample {
            seq,
            phase,
            journey,
            attempts: u32::from(begun),
            outcome,
            reads: Reads::default(),
            waited,
            intended,
            released,
            started,
            // Of a journey that is cut off from outside nothing is known but that it had begun.
            sent: begun.then_some(started.unwrap_or(ended)),
            first_byte: None,
            last_byte: None,
            ended,
        };
        self.buffers.push(0, sample, &[]);
    }
}

impl UserPlan {
    pub(super) fn is_warm(&self, user: usize) -> bool {
        user < self.warm || user >= self.users - self.reserve
    }
}

/// How many users there are, and what they do before the first ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UserPlan {
    pub(super) users: usize,
    /// How many of them, the last ones, are there for others that are not run in time.
    pub(super) reserve: usize,
    /// How many of those that are not of the reserve open their connection ahead; all of the reserve do.
    pub(super) warm: usize,
    pub(super) closed: bool,
}
