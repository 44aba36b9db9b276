//! What a person sees while a run goes on: a bar per trial, or plain lines where the output is no terminal.

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::engine::{Progress, ProgressSnapshot};
use crate::lab::SAMPLES_INCOMPLETE;
use crate::record::{RecordDocument, TrialRecord, Verdict};
use crate::scenario::{Plan, Trial};

const STARTING: &str = "starting the servers";
const BAR_INTERVAL: Duration = Duration::from_millis(200);
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows the trials of one scenario.
pub struct Display {
    trials: usize,
    terminal: bool,
}

/// A trial that is under way; `finish` it to leave its last line standing.
pub struct Running {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    title: String,
}

impl Display {
    pub fn new(plan: &Plan, trials: usize) -> Self {
        eprintln!("{}: {}", plan.name, plan.title);
        if plan.quick {
            eprintln!("quick: a smoke run; its figures are no evidence");
        }
        Self {
            trials,
            terminal: io::stderr().is_terminal(),
        }
    }

    /// There will be one more than was thought.
    pub fn expect_another(&mut self) {
        self.trials += 1;
    }

    /// Shows a trial until it is finished.
    pub fn trial(&self, trial: &Trial, progress: Arc<Progress>) -> Running {
        let title = format!(
            "[{}/{}] {} round {}",
            trial.order + 1,
            self.trials,
            trial.arm,
            trial.round
        );
        let (stop, stopped) = mpsc::channel();
        let total = trial.duration();
        let thread = thread::spawn({
            let title = title.clone();
            let terminal = self.terminal;
            let phases: Vec<String> = trial
                .phases
                .iter()
                .map(|phase| phase.name.clone())
                .collect();
            move || {
                let painter = if terminal {
                    Painter::bar(&title, total)
                } else {
                    Painter::Lines(title)
                };
                let interval = if terminal {
                    BAR_INTERVAL
                } else {
                    LINE_INTERVAL
                };
                while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                    painter.paint(&progress.snapshot(), &phases);
                }
                painter.clear();
            }
        });
        Running {
            stop: Some(stop),
            thread: Some(thread),
            title,
        }
    }
}

/// The last words of a run: what was decided, and where to read more.
pub fn say_verdict(document: &RecordDocument, out: &Path) {
    if let Some(search) = &document.search {
        eprintln!("  {}", search.sentence());
    }
    for claim in &document.claims {
        eprintln!("  {}  {}", mark(claim.holds), claim.says);
        eprintln!("        {}", claim.observed);
    }
    for threshold in &document.thresholds {
        let phase = threshold.phase.as_deref().unwrap_or("all phases");
        eprintln!(
            "  {}  {} ({}, {phase}): {}",
            mark(threshold.holds),
            threshold.rule,
            threshold.arm,
            threshold.observed
        );
    }
    for (arm, round, reason) in document.invalid_reasons() {
        eprintln!("  invalid: {arm}, round {round}: {reason}");
    }
    // A smoke run leaves the checkers no time, and is decided by none of them.
    let found = document.failing_findings().filter(|_| !document.quick);
    for (arm, round, found) in found {
        let (code, detail) = (&found.code, &found.detail);
        eprintln!(
            "  {}  {arm}, round {round}: {code}: {detail}",
            mark(Some(false))
        );
    }
    eprintln!("{}: {}", document.scenario, verdict_in_words(document));
    eprintln!("report: {}", out.join("report.html").display());
}

impl Running {
    /// Stops the display and leaves one line about what was measured.
    pub fn finish(mut self, record: &TrialRecord) {
        self.end();
        let sum = |count: fn(&crate::record::Counts) -> u64| -> u64 {
            record.phases.iter().map(|phase| count(&phase.counts)).sum()
        };
        let worst = record
            .phases
            .iter()
            .filter(|phase| !phase.warmup)
            .filter_map(|phase| Some((phase.response_ms.p99?, &phase.name)))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let p99 = worst.map_or(String::new(), |(p99, phase)| {
            format!(", p99 at most {p99:.1} ms (in {phase})")
        });
        let invalid = if record.validity.is_valid() {
            ""
        } else {
            " INVALID"
        };
        eprintln!(
            "{}: {} offered, {} ok, {} failed, {} unsent{p99}{invalid}",
            self.title,
            sum(|c| c.offered),
            sum(|c| c.ok),
            sum(|c| c.failed),
            sum(|c| c.unsent)
        );
        let mut findings = record.findings.iter();
        if let Some(found) = findings.find(|found| found.code == SAMPLES_INCOMPLETE) {
            eprintln!("{}: {}", self.title, found.detail);
        }
    }

    fn end(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // A display that panicked must not take the measurement with it.
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

enum Painter {
    Bar(ProgressBar),
    Lines(String),
}

impl Painter {
    fn bar(title: &str, total: Duration) -> Self {
        let bar = ProgressBar::new(total.as_millis() as u64);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:24} {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(title.to_owned());
        bar.set_message(STARTING);
        Self::Bar(bar)
    }

    fn paint(&self, snapshot: &ProgressSnapshot, phases: &[String]) {
        let words = words(snapshot, phases);
        match self {
            Self::Bar(bar) => {
                bar.set_position(snapshot.elapsed.as_millis() as u64);
                bar.set_message(words);
            }
            Self::Lines(title) => eprintln!("{title}: {words}"),
        }
    }

    fn clear(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn words(snapshot: &ProgressSnapshot, phases: &[String]) -> String {
    if snapshot.elapsed.is_zero() {
        return STARTING.to_owned();
    }
    let phase = phases.get(snapshot.phase).map_or("end", String::as_str);
    let p99 = snapshot
        .p99_ms
        .map_or(String::new(), |p99| format!(", p99 {p99:.1} ms so far"));
    // In a closed model nobody intends a rate.
    let rate = if snapshot.rate > 0.0 {
        format!(" at {:.0}/s", snapshot.rate)
    } else {
        String::new()
    };
    format!(
        "{phase}{rate}: {} ok, {} failed{p99}",
        snapshot.ok, snapshot.failed
    )
}

fn mark(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "✔",
        Some(false) => "✘",
        None => "?",
    }
}

fn verdict_in_words(document: &RecordDocument) -> &'static str {
    match document.verdict {
        Verdict::Pass if document.quick => "the smoke run worked; claims were not judged",
        Verdict::Pass if document.claims.is_empty() && document.thresholds.is_empty() => {
            "PASS: the load was carried; nothing was claimed about it"
        }
        Verdict::Pass => "PASS: everything that was claimed held",
        Verdict::Fail if document.failing_findings().next().is_some() => {
            "FAIL: the checks found what must not happen"
        }
        Verdict::Fail => "FAIL: a claim or threshold did not hold",
        Verdict::Inconclusive => "INCONCLUSIVE: the data do not decide",
        Verdict::Invalid => {
            "INVALID: the generator was at fault, so the figures say nothing about the service"
        }
        Verdict::Interrupted => "INTERRUPTED: this is what was measured so far",
    }
}
