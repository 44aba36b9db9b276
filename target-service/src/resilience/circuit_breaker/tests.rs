//! When a breaker opens, tries and closes, and who passes at the half-open moment.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep, timeout};

use super::*;
use crate::resilience::recorded::recorded;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Judges the last 10 calls, on at least 4; tries with 3.
fn config() -> Config {
    Config {
        window: WindowKind::Count,
        window_calls: 10,
        min_calls: 4,
        slow_after: SECOND,
        half_open_calls: 3,
        enabled: true,
        ..Config::default()
    }
}

fn breaker(config: Config) -> Arc<CircuitBreaker> {
    CircuitBreaker::new("gateway", config)
}

fn succeed(breaker: &Arc<CircuitBreaker>, calls: u32) {
    for _ in 0..calls {
        breaker.admit().unwrap().succeeded();
    }
}

fn fail(breaker: &Arc<CircuitBreaker>, calls: u32) {
    for _ in 0..calls {
        breaker.admit().unwrap().failed();
    }
}

/// Opens it, and waits until it is about to be half-open.
async fn half_open(breaker: &Arc<CircuitBreaker>) {
    fail(breaker, 4);
    assert_eq!(breaker.state(), State::Open);
    advance(5 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn it_opens_when_half_of_the_calls_fail() {
    let breaker = breaker(config());
    succeed(&breaker, 4);
    fail(&breaker, 3);
    // 3 of 7
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_judge_by_too_few_calls() {
    let breaker = breaker(config());
    fail(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
    // Now there are enough, and 3 of 4 are failures, although this one is none.
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_count_window_forgets_all_but_the_last_calls() {
    let breaker = breaker(config());
    succeed(&breaker, 1_000);
    fail(&breaker, 4);
    assert_eq!(breaker.state(), State::Closed);
    advance(3_600 * SECOND).await;
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_time_window_forgets_what_is_old() {
    let breaker = breaker(Config {
        window: WindowKind::Time,
        ..config()
    });
    fail(&breaker, 3);
    advance(11 * SECOND).await;
    fail(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
    advance(2 * SECOND).await;
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn it_opens_when_calls_are_slow_although_they_succeed() {
    let (breaker, shown) = recorded(|| {
        breaker(Config {
            slow_share: 0.5,
            ..config()
        })
    });
    succeed(&breaker, 2);
    let slow: Vec<_> = (0..2).map(|_| breaker.admit().unwrap()).collect();
    advance(SECOND).await;
    for permit in slow {
        assert_eq!(breaker.state(), State::Closed);
        permit.succeeded();
    }
    assert_eq!(breaker.state(), State::Open);
    let slow = shown.value("target_circuit_breaker_slow_calls_total{name=\"gateway\"}");
    assert_eq!(slow, 2);
}

#[tokio::test(start_paused = true)]
async fn open_it_refuses_until_its_time_is_over() {
    let breaker = breaker(config());
    fail(&breaker, 4);
    advance(2 * SECOND).await;
    let retry_after = 3 * SECOND;
    assert_eq!(
        breaker.admit().unwrap_err(),
        BreakerError::Open { retry_after }
    );
    advance(2_999 * MS).await;
    assert!(breaker.admit().is_err());
    advance(MS).await;
    assert!(breaker.admit().is_ok());
    assert_eq!(breaker.state(), State::HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn good_probes_close_it_and_begin_a_new_count() {
    let breaker = breaker(config());
    half_open(&breaker).await;
    succeed(&breaker, 2);
    assert_eq!(breaker.state(), State::HalfOpen);
    succeed(&breaker, 1);
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn probes_open_it_again_as_soon_as_the_rest_could_not_turn_it() {
    let breaker = breaker(config());
    half_open(&breaker).await;
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::HalfOpen);
    fail(&breaker, 1);
    // 2 of 3 at best, and open for its whole time again
    let retry_after = 5 * SECOND;
    assert_eq!(
        breaker.admit().unwrap_err(),
        BreakerError::Open { retry_after }
    );
}

#[tokio::test(start_paused = true)]
async fn slow_probes_open_it_again() {
    let breaker = breaker(config());
    half_open(&breaker).await;
    let probes: Vec<_> = (0..3).map(|_| breaker.admit().unwrap()).collect();
    advance(SECOND).await;
    for probe in probes {
        probe.succeeded();
    }
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_caller_leaves_frees_its_place() {
    let (breaker, shown) = recorded(|| breaker(config()));
    half_open(&breaker).await;
    let call = async {
        let permit = breaker.admit().unwrap();
        sleep(60 * SECOND).await;
        permit.succeeded();
    };
    let (_first, _second) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    let (left, ()) = tokio::join!(timeout(MS, call), async {
        assert_eq!(breaker.admit().unwrap_err(), BreakerError::Probing);
    });
    assert!(left.is_err());
    let third = breaker.admit().unwrap();
    assert!(breaker.admit().is_err());
    drop(third);
    assert_eq!(breaker.state(), State::HalfOpen);
    let cancelled = "target_circuit_breaker_calls_total{name=\"gateway\",outcome=\"cancelled\"}";
    assert_eq!(shown.value(cancelled), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_cancelled_count_as_nothing() {
    let breaker = breaker(config());
    for _ in 0..100 {
        drop(breaker.admit().unwrap());
    }
    fail(&breaker, 3);
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_began_before_it_opened_decides_nothing_afterwards() {
    let breaker = breaker(config());
    let early: Vec<_> = (0..3).map(|_| breaker.admit().unwrap()).collect();
    half_open(&breaker).await;
    let probe = breaker.admit().unwrap();
    for permit in early {
        permit.succeeded();
    }
    assert_eq!(breaker.state(), State::HalfOpen);
    let _others = (breaker.admit().unwrap(), breaker.admit().unwrap());
    assert_eq!(breaker.admit().unwrap_err(), BreakerError::Probing);
    drop(probe);
    assert!(breaker.admit().is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_callers_at_the_half_open_moment_exactly_the_permitted_pass() {
    const CALLERS: usize = 64;
    for _ in 0..50 {
        let breaker = breaker(Config {
            open_for: Duration::ZERO,
            half_open_calls: 5,
            ..config()
        });
        fail(&breaker, 4);
        let (start, passed) = (
            Arc::new(Barrier::new(CALLERS)),
            Arc::new(AtomicUsize::new(0)),
        );
        let mut tasks = JoinSet::new();
        for _ in 0..CALLERS {
            let (breaker, start, passed) = (breaker.clone(), start.clone(), passed.clone());
            tasks.spawn(async move {
                start.wait().await;
                let permit = breaker.admit().ok();
                passed.fetch_add(usize::from(permit.is_some()), Ordering::SeqCst);
                // Nobody is done before everybody has asked.
                start.wait().await;
            });
        }
        tasks.join_all().await;
        assert_eq!(passed.load(Ordering::SeqCst), 5);
        assert_eq!(breaker.state(), State::HalfOpen);
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_keeps_the_count_and_the_probes() {
    let breaker = breaker(config());
    fail(&breaker, 3);
    breaker.apply(Config {
        window_calls: 20,
        ..config()
    });
    fail(&breaker, 1);
    assert_eq!(breaker.state(), State::Open);

    breaker.apply(Config {
        open_for: SECOND,
        ..config()
    });
    advance(SECOND).await;
    let probes: Vec<_> = (0..2).map(|_| breaker.admit().unwrap()).collect();
    for probe in probes {
        probe.succeeded();
    }
    assert_eq!(breaker.state(), State::HalfOpen);
    // Two were enough.
    breaker.apply(Config {
        half_open_calls: 2,
        ..config()
    });
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn switched_off_it_lets_everything_through_and_counts_nothing() {
    let breaker = breaker(config());
    fail(&breaker, 4);
    breaker.apply(Config {
        enabled: false,
        ..config()
    });
    let begun_while_off: Vec<_> = (0..100).map(|_| breaker.admit().unwrap()).collect();
    fail(&breaker, 100);
    breaker.apply(config());
    for permit in begun_while_off {
        permit.failed();
    }
    assert_eq!(breaker.state(), State::Closed);
    fail(&breaker, 4);
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn state_transitions_and_calls_are_shown() {
    let (breaker, shown) = recorded(|| breaker(config()));
    let state = |state: &str| {
        shown.value(&format!(
            "target_circuit_breaker_state{{name=\"gateway\",state=\"{state}\"}}"
        ))
    };
    let states = || [state("closed"), state("open"), state("half_open")];
    let transitions = |to: &str| {
        shown.value(&format!(
            "target_circuit_breaker_transitions_total{{name=\"gateway\",to=\"{to}\"}}"
        ))
    };
    assert_eq!(states(), [1, 0, 0]);
    fail(&breaker, 4);
    assert_eq!(states(), [0, 1, 0]);
    assert!(breaker.admit().is_err());
    advance(5 * SECOND).await;
    succeed(&breaker, 3);
    assert_eq!(states(), [1, 0, 0]);
    for to in ["open", "half_open", "closed"] {
        assert_eq!(transitions(to), 1, "{to}");
    }
    for (outcome, calls) in [("success", 3), ("failure", 4), ("rejected", 1)] {
        let series =
            format!("target_circuit_breaker_calls_total{{name=\"gateway\",outcome=\"{outcome}\"}}");
        assert_eq!(shown.value(&series), calls, "{outcome}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Admit,
    /// The call at this place in the row ends in this way; `None`: its caller leaves.
    End(usize, Option<bool>),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Admit),
        4 => (0..12_usize, any::<Option<bool>>()).prop_map(|(at, failed)| Step::End(at, failed)),
        1 => (1..6_000_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn half_open_never_has_more_probes_than_permitted_whatever_the_interleaving(
        steps in prop::collection::vec(step(), 1..400), permitted in 1..5_u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let breaker = breaker(Config { half_open_calls: permitted, ..config() });
        let mut calls: Vec<Permit> = Vec::new();
        // Of the current half-open state: the probes let through that did not leave without an outcome.
        let mut probes = 0;
        for step in steps {
            let (before, generation) = (breaker.state(), breaker.machine().generation());
            match step {
                Step::Admit => match breaker.admit() {
                    Ok(permit) => {
                        prop_assert_ne!(breaker.state(), State::Open);
                        if breaker.state() == State::HalfOpen {
                            probes = if before == State::HalfOpen { probes + 1 } else { 1 };
                            prop_assert!(probes <= permitted);
                        }
                        calls.push(permit);
                    }
                    Err(BreakerError::Probing) => prop_assert_eq!(probes, permitted),
                    Err(BreakerError::Open { .. }) => prop_assert_eq!(before, State::Open),
                },
                Step::End(at, outcome) if at < calls.len() => {
                    let call = calls.remove(at);
                    let is_probe = before == State::HalfOpen && call.generation == generation;
                    match outcome {
                        Some(true) => call.failed(),
                        Some(false) => call.succeeded(),
                        None => {
                            probes -= u32::from(is_probe);
                            drop(call);
                        }
                    }
                }
                Step::Wait(ms) => runtime.block_on(advance(Duration::from_millis(ms))),
                Step::End(..) => {}
            }
        }
    }
}
