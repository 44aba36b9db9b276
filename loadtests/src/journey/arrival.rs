//! The arrival that a user has in hand.
//!
//! It lives in a task-local beside the goose user: journeys keep goose's signature, and what has
//! been stamped and counted survives when the journey's future is dropped at its deadline.
//! Invariant: nothing here is borrowed across an await.

use std::cell::RefCell;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use reqwest::cookie::Jar;

use crate::measure::{ArrivalSample, Nanos, Outcome, Reads, StepSample};

use super::draws::Draws;
use super::http::{HttpClient, Marks};
use super::run_context::RunContext;

/// What a user is given to do.
#[derive(Debug, Clone, Copy)]
pub struct Assignment {
    pub seq: u64,
    pub phase: u16,
    pub journey: u16,
    pub intended: Nanos,
    /// `None` in a closed model.
    pub released: Option<Nanos>,
    /// Whether it had to wait for a user.
    pub waited: bool,
}

struct Arrival {
    run: Arc<RunContext>,
    user: u32,
    assignment: Assignment,
    started: Nanos,
    sent: Option<Nanos>,
    first_byte: Option<Nanos>,
    last_byte: Option<Nanos>,
    attempts: u32,
    reads: Reads,
    steps: Vec<StepSample>,
    /// Steps under way: which, and since when.
    open_steps: Vec<(u16, Nanos)>,
    /// The first step that failed decides what became of the arrival.
    failure: Option<Outcome>,
    /// Whether the generator lacked something of its own.
    exhausted: bool,
    draws: Option<Draws>,
    jar: Option<Arc<Jar>>,
    /// Away while an exchange is under way; lost with one that is dropped.
    client: Option<HttpClient>,
}

tokio::task_local! {
    static ARRIVAL: Box<RefCell<Arrival>>;
}

/// Runs `work` as the user that carries arrivals of this run.
pub async fn with_user<T>(run: Arc<RunContext>, user: u32, work: impl Future<Output = T>) -> T {
    let assignment = Assignment {
        seq: 0,
        phase: 0,
        journey: 0,
        intended: 0,
        released: None,
        waited: false,
    };
    let arrival = Arrival {
        run,
        user,
        assignment,
        started: 0,
        sent: None,
        first_byte: None,
        last_byte: None,
        attempts: 0,
        reads: Reads::default(),
        steps: Vec::new(),
        open_steps: Vec::new(),
        failure: None,
        exhausted: false,
        draws: None,
        jar: None,
        client: None,
    };
    ARRIVAL.scope(Box::new(RefCell::new(arrival)), work).await
}

/// Opens this user's connection ahead of its first arrival; whether there is one.
pub async fn warm_up() -> bool {
    let mut client = take_client();
    let connected = client.warm_up().await;
    return_client(client);
    connected
}

/// Takes an arrival in hand.
pub fn begin(assignment: Assignment) {
    with(|arrival| {
        arrival.assignment = assignment;
        arrival.started = arrival.run.clock.now();
        (arrival.sent, arrival.first_byte, arrival.last_byte) = (None, None, None);
        arrival.attempts = 0;
        arrival.reads = Reads::default();
        arrival.steps.clear();
        arrival.open_steps.clear();
        arrival.failure = None;
        arrival.exhausted = false;
        arrival.draws = None;
        arrival.jar = None;
    });
}

/// How the journey of an arrival ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its transaction returned, `Ok` or not.
    Returned { ok: bool },
    /// It did not come to its end.
    Cut(Outcome),
}

/// Ends the arrival in hand and tells what became of it.
pub fn conclude(ending: Ending, record: impl FnOnce(ArrivalSample, &[StepSample])) {
    with(|arrival| {
        let sample = arrival.sample(ending);
        if let Ending::Cut(outcome) = ending {
            arrival.cut_steps(outcome, sample.ended);
        }
        record(sample, &arrival.steps);
    });
}

/// Whether the calling task carries an arrival.
pub fn in_hand() -> bool {
    ARRIVAL.try_with(|_| ()).is_ok()
}

impl Arrival {
    fn sample(&self, ending: Ending) -> ArrivalSample {
        let Assignment {
            seq,
            phase,
            journey,
            intended,
            released,
            waited,
        } = self.assignment;
        let ended = self.run.clock.now();
        let mut sample = ArrivalSample {
            seq,
            phase,
            journey,
            // Requests of goose's own are counted when their transaction ends: one that is cut made one.
            attempts: self.attempts.max(u32::from(self.sent.is_some())),
            outcome: self.outcome(ending),
            reads: self.reads,
            waited,
            intended,
            released,
            started: Some(self.started),
            sent: self.sent,
            first_byte: self.first_byte,
            last_byte: self.last_byte,
            ended,
        };
        match sample.outcome {
            Outcome::Ok => {
                // The journey's own work after its last answer is not the service's.
                sample.ended = self.last_byte.unwrap_or(ended);
                if sample.ended.saturating_sub(intended) > self.run.deadline {
                    sample.outcome = Outcome::Timeout;
                }
            }
            _ if self.exhausted && self.sent.is_none() => sample.outcome = Outcome::Unsent,
            _ => {}
        }
        sample
    }

    /// What was under way when the arrival was cut has failed with it: left out, a step that hangs would
    /// have better figures than one that answers.
    fn cut_steps(&mut self, outcome: Outcome, ended: Nanos) {
        let phase = self.assignment.phase;
        let cut = self.open_steps.drain(..).map(|(step, begun)| StepSample {
            phase,
            step,
            outcome,
            begun,
            ended,
        });
        self.steps.extend(cut);
    }

    fn outcome(&self, ending: Ending) -> Outcome {
        match (ending, self.failure) {
            (Ending::Cut(outcome), _) | (Ending::Returned { .. }, Some(outcome)) => outcome,
            (Ending::Returned { ok: true }, None) => Outcome::Ok,
            (Ending::Returned { ok: false }, None) => Outcome::Journey,
        }
    }
}

/// Stamps the arrival in hand.
pub(super) struct ArrivalMarks;

impl Marks for ArrivalMarks {
    fn sent(&self) {
        with(|arrival| {
            let now = arrival.run.clock.now();
            arrival.sent.get_or_insert(now);
        });
    }

    fn first_byte(&self) {
        with(|arrival| {
            let now = arrival.run.clock.now();
            arrival.first_byte.get_or_insert(now);
        });
    }

    fn last_byte(&self) {
        with(|arrival| arrival.last_byte = Some(arrival.run.clock.now()));
    }
}

/// The run that the arrival in hand belongs to.
pub(super) fn run() -> Arc<RunContext> {
    with(|arrival| Arc::clone(&arrival.run))
}

/// Draws from the arrival's own random numbers.
pub(super) fn draw<T>(from: impl FnOnce(&mut ChaCha8Rng) -> T) -> T {
    with(|arrival| {
        let Arrival {
            run,
            assignment,
            draws,
            ..
        } = arrival;
        from(
            &mut draws
                .get_or_insert_with(|| run.draw_key.arrival(assignment.seq))
                .rng,
        )
    })
}

/// The number of the arrival in hand.
pub(super) fn seq() -> u64 {
    with(|arrival| arrival.assignment.seq)
}

/// The moment by which the arrival in hand must be over.
pub(super) fn deadline() -> Nanos {
    with(|arrival| {
        arrival
            .assignment
            .intended
            .saturating_add(arrival.run.deadline)
    })
}

/// Begins a step; since when it counts: the intended time for the arrival's first.
pub(super) fn begin_step(step: u16, now: Nanos) -> Nanos {
    with(|arrival| {
        let is_first = arrival.steps.is_empty() && arrival.open_steps.is_empty();
        let begun = if is_first {
            arrival.assignment.intended
        } else {
            now
        };
        arrival.open_steps.push((step, begun));
        begun
    })
}

pub(super) fn count_attempt() {
    with(|arrival| arrival.attempts += 1);
}

/// Counts a read of what the arrival had written before.
pub(super) fn note_read(is_stale: bool) {
    with(|arrival| {
        arrival.reads.checked += 1;
        arrival.reads.stale += u32::from(is_stale);
    });
}

pub(super) fn note_exhausted() {
    with(|arrival| arrival.exhausted = true);
}

/// When the last byte of the latest complete answer came; now, if there was none.
pub(super) fn answered() -> Nanos {
    with(|arrival| arrival.last_byte.unwrap_or_else(|| arrival.run.clock.now()))
}

/// Keeps a step's sample; its failure is the arrival's when it is final.
pub(super) fn record_step(step: u16, outcome: Outcome, begun: Nanos, ended: Nanos, is_final: bool) {
    with(|arrival| {
        let mut open = arrival.open_steps.iter();
        if let Some(at) = open.position(|of| *of == (step, begun)) {
            arrival.open_steps.swap_remove(at);
        }
        arrival.steps.push(StepSample {
            phase: arrival.assignment.phase,
            step,
            outcome,
            begun,
            ended,
        });
        if is_final && outcome.is_failure() {
            arrival.failure.get_or_insert(outcome);
        }
    });
}

/// The cookies of the arrival in hand; `None` outside of one.
pub(super) fn jar() -> Option<Arc<Jar>> {
    ARRIVAL
        .try_with(|cell| Arc::clone(cell.borrow_mut().jar.get_or_insert_default()))
        .ok()
}

pub(super) fn take_client() -> HttpClient {
    with(|arrival| {
        let Arrival {
            client, run, user, ..
        } = arrival;
        client
            .take()
            .unwrap_or_else(|| HttpClient::new(Arc::clone(&run.http), *user))
    })
}

pub(super) fn return_client(client: HttpClient) {
    with(|arrival| arrival.client = Some(client));
}

fn with<T>(work: impl FnOnce(&mut Arrival) -> T) -> T {
    ARRIVAL.with(|cell| work(&mut cell.borrow_mut()))
}
