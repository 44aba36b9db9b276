//! Faults: brought about at their time, gone when they end, and told with the actual moments.
//!
//! Each span has a thread of its own, so that one that takes long (a restart waits for an orderly
//! end) does not delay another.

mod action;

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::environment::Environment;
use crate::record::{CRASHED, Event, Finding};
use crate::scenario::{FaultSpan, LabSpec};

pub use action::FaultError;

/// The faults of a timeline, under way. Dropping it ends those that hold.
#[derive(Debug)]
pub struct Schedule {
    spans: Vec<Span>,
}

#[derive(Debug)]
struct Span {
    /// Dropped to end it early.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<FaultLog>>,
}

/// What the faults of a timeline did.
#[derive(Debug, Default)]
pub struct FaultLog {
    /// `fault_start` and `fault_end` in the order of their moments.
    pub events: Vec<Event>,
    /// Faults that could not be brought about or ended.
    pub findings: Vec<Finding>,
}

/// Fails when a fault could not be brought about in such a lab.
pub fn check(spans: &[FaultSpan], lab: &LabSpec) -> Result<(), FaultError> {
    spans
        .iter()
        .try_for_each(|span| action::check(&span.fault, lab))
}

impl Schedule {
    /// Takes charge of the faults of a timeline that begins, or has begun, at `zero`.
    pub fn start(environment: &Arc<Environment>, spans: &[FaultSpan], zero: Instant) -> Self {
        let spans = spans
            .iter()
            .map(|span| {
                let (stop, stopped) = mpsc::channel();
                let environment = Arc::clone(environment);
                let span = span.clone();
                let thread = thread::spawn(move || run(&environment, &span, zero, &stopped));
                Span {
                    stop: Some(stop),
                    thread: Some(thread),
                }
            })
            .collect();
        Self { spans }
    }

    /// Ends the faults that still hold, and tells what happened.
    pub fn finish(mut self) -> FaultLog {
        let mut log = self.end();
        log.events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        log
    }

    fn end(&mut self) -> FaultLog {
        for span in &mut self.spans {
            span.stop = None;
        }
        let mut log = FaultLog::default();
        for thread in self.spans.iter_mut().filter_map(|span| span.thread.take()) {
            match thread.join() {
                Ok(of_span) => {
                    log.events.extend(of_span.events);
                    log.findings.extend(of_span.findings);
                }
                Err(_) => log.findings.push(finding("its thread panicked".to_owned())),
            }
        }
        log
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.end();
    }
}

fn run(
    environment: &Environment,
    span: &FaultSpan,
    zero: Instant,
    stopped: &Receiver<()>,
) -> FaultLog {
    let mut log = FaultLog::default();
    if !sleep_until(zero + span.start, stopped) {
        return log;
    }
    let detail = format!("{} (phase {})", span.fault, span.phase);
    let at_s = |moment: Instant| {
        let after = moment.saturating_duration_since(zero).as_secs_f64();
        after - zero.saturating_duration_since(moment).as_secs_f64()
    };
    match action::begin(&span.fault, environment) {
        Ok(active) => {
            let detail = match active.corrupted {
                Some(number) => format!("{detail}: {number} of them"),
                None => detail,
            };
            let event = |kind: &str, moment: Instant, in_flight: Option<u64>| Event {
                at_s: at_s(moment),
                kind: kind.to_owned(),
                detail: detail.clone(),
                in_flight,
            };
            let started = event("fault_start", active.begun, active.in_flight);
            log.events.push(started);
            sleep_until(zero + span.end, stopped);
            match active.end() {
                Ok(ended) => {
                    let crash = ended.crashed.map(|at| event(CRASHED, at, None));
                    log.events.extend(crash);
                    log.events.push(event("fault_end", ended.at, None));
                }
                Err(error) => log
                    .findings
                    .push(finding(format!("{detail} did not end: {error}"))),
            }
        }
        Err(error) => log
            .findings
            .push(finding(format!("{detail} did not happen: {error}"))),
    }
    log
}

fn finding(detail: String) -> Finding {
    Finding {
        code: "fault_failed".to_owned(),
        detail,
        fails: true,
    }
}

/// Whether the moment came before the stop.
fn sleep_until(moment: Instant, stopped: &Receiver<()>) -> bool {
    let left = moment.saturating_duration_since(Instant::now());
    matches!(stopped.recv_timeout(left), Err(RecvTimeoutError::Timeout))
}
