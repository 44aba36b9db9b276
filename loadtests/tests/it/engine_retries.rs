//! Attempts, their timeouts, retries and the retry budget, within the arrival's deadline.

use std::collections::HashSet;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use squall::scenario::{Backoff, Jitter, RetryPolicy, Trial};

use crate::engine_support::{Server, answer, assert_accounted, no_pause, run, trial};

fn with_retries(base_url: &str, max: u32, budget: Option<f64>) -> Trial {
    let mut trial = trial(base_url);
    trial.load.retry = RetryPolicy {
        max,
        backoff: no_pause(),
        budget,
    };
    trial.load.definitions[0].steps[0].path = "/{{seq}}".into();
    trial
}

/// Answers the first request for each path with 503, later ones with 200.
fn flaky() -> Server {
    let seen = Mutex::new(HashSet::new());
    Server::start(move |_, request| {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let first = seen.lock().unwrap().insert(path);
        answer(if first { 503 } else { 200 }, "", "")
    })
}

#[test]
fn without_retries_the_first_failure_stands() {
    let server = flaky();
    let measured = run(&with_retries(&server.base_url, 0, None));
    assert_accounted(&measured);
    assert_eq!(
        (measured.phases[0].counts.failed, server.count()),
        (100, 100)
    );
}

#[test]
fn a_retry_turns_a_passing_failure_into_a_success() {
    let server = flaky();
    let measured = run(&with_retries(&server.base_url, 2, None));
    assert_accounted(&measured);
    let counts = measured.phases[0].counts;
    assert_eq!((counts.ok, counts.attempts, counts.sent), (100, 200, 100));
    assert_eq!(
        measured.phases[0].steps["GET /"].count, 100,
        "a step is one, however many its attempts"
    );
    assert_eq!(server.count(), 200);
}

#[test]
fn a_lasting_failure_takes_all_attempts_and_a_refusal_only_one() {
    let server = Server::start(|_, _| answer(500, "", ""));
    let counts = run(&with_retries(&server.base_url, 3, None)).phases[0].counts;
    assert_eq!((counts.failed, counts.attempts), (100, 400));
    let server = Server::start(|_, _| answer(422, "", ""));
    let counts = run(&with_retries(&server.base_url, 3, None)).phases[0].counts;
    assert_eq!((counts.failed, counts.attempts), (100, 100));
}

#[test]
fn a_budget_bounds_retries_to_its_share() {
    let server = Server::start(|_, _| answer(500, "", ""));
    let measured = run(&with_retries(&server.base_url, 4, Some(0.1)));
    assert_accounted(&measured);
    let counts = measured.phases[0].counts;
    assert_eq!(
        counts.attempts, 110,
        "100 first attempts pay for 10 retries"
    );
    assert!(measured.generator.retries_denied >= 90);
}

#[test]
fn an_attempt_that_times_out_is_tried_again_within_the_deadline() {
    let server = Server::start(|number, _| {
        if number % 2 == 0 {
            thread::sleep(Duration::from_secs(30));
        }
        answer(200, "", "")
    });
    let mut trial = with_retries(&server.base_url, 20, None);
    trial.load.attempt_timeout = Duration::from_millis(100);
    trial.load.deadline = Duration::from_secs(10);
    let measured = run(&trial);
    assert_accounted(&measured);
    let counts = measured.phases[0].counts;
    assert_eq!(counts.ok, 100, "{:?}", measured.phases[0].failures);
    assert!(counts.attempts > 100);
}

#[test]
fn no_retry_begins_that_its_deadline_would_cut() {
    let server = Server::start(|_, _| answer(503, "", ""));
    let mut trial = with_retries(&server.base_url, 5, None);
    let pause = Duration::from_mins(1);
    trial.load.retry.backoff = Backoff {
        base: pause,
        cap: pause,
        jitter: Jitter::None,
    };
    let measured = run(&trial);
    assert_accounted(&measured);
    assert_eq!(measured.phases[0].counts.attempts, 100);
    // The failure is the service's answer, not a timeout of our own waiting.
    assert_eq!(measured.phases[0].failures["status_503"], 100);
}
