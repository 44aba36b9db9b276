//! When another attempt is made, when not, and what it costs.

use std::cell::Cell;

use super::*;
use crate::resilience::backoff::Strategy;
use crate::resilience::recorded::{Shown, recorded};

const MS: Duration = Duration::from_millis(1);

#[derive(Debug, Error, PartialEq, Eq)]
#[error("{0:?}")]
struct Failed(Failure);

impl Classify for Failed {
    fn failure(&self) -> Failure {
        self.0
    }
}

fn answer(status: u16, retry_after: Option<Duration>) -> Failure {
    Failure::Status {
        status,
        retry_after,
    }
}

/// Waits 100 ms, 200 ms, 400 ms, ... without jitter.
fn config(max_retries: u32) -> Config {
    Config {
        max_retries,
        backoff: backoff::Config {
            strategy: Strategy::Exponential,
            base: 100 * MS,
            cap: 10_000 * MS,
        },
        ..Config::default()
    }
}

fn budget_of(tokens: u32) -> Arc<Budget> {
    let budget = Budget::new(
        "gateway",
        BudgetConfig {
            ratio: 1.0,
            min_per_second: 0.0,
            ..BudgetConfig::default()
        },
    );
    for _ in 0..tokens {
        budget.deposit();
    }
    Arc::new(budget)
}

fn retry(max_retries: u32, tokens: u32) -> (Retry, Shown) {
    recorded(|| Retry::new("gateway", config(max_retries), budget_of(tokens)))
}

fn call(left: Option<Duration>) -> Call {
    Call {
        repeat: Repeat::Safe,
        deadline: left.map(|left| Instant::now() + left),
    }
}

/// Fails in the same way at every attempt; gives attempts made, reason, and the time that it took.
async fn always(retry: &Retry, call: Call, failure: Failure) -> (u32, Stopped, Duration) {
    let began = Instant::now();
    let made = Cell::new(0);
    let result = retry.run(call, |attempt| {
        made.set(attempt);
        async move { Err::<(), _>(Failed(failure)) }
    });
    let gave_up = result.await.unwrap_err();
    assert_eq!(gave_up.attempts, made.get());
    assert_eq!(gave_up.error, Failed(failure));
    (made.get(), gave_up.stopped, began.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_twice_succeeds_at_the_third_attempt() {
    let (retry, shown) = retry(4, 10);
    let began = Instant::now();
    let result = retry.run(call(None), |attempt| async move {
        if attempt < 3 {
            Err(Failed(Failure::Connect))
        } else {
            Ok(attempt)
        }
    });
    assert_eq!(result.await.unwrap(), 3);
    assert_eq!(began.elapsed(), 300 * MS);
    // Two were spent, and the success brought one.
    assert_eq!(retry.budget.tokens() as u32, 9);
    let attempts = |attempt: &str| {
        shown.value(&format!(
            "target_retry_attempts_total{{name=\"gateway\",attempt=\"{attempt}\"}}"
        ))
    };
    assert_eq!((attempts("first"), attempts("retry")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn it_stops_after_the_last_attempt() {
    let (retry, shown) = retry(2, 10);
    let outcome = always(&retry, call(None), answer(503, None)).await;
    assert_eq!(outcome, (3, Stopped::Attempts, 300 * MS));
    let stopped = "target_retry_stopped_total{name=\"gateway\",reason=\"attempts\"}";
    assert_eq!(shown.value(stopped), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_worth_it_is_tried_once_and_costs_nothing() {
    let (retry, _shown) = retry(2, 10);
    for failure in [answer(422, None), Failure::Final] {
        let outcome = always(&retry, call(None), failure).await;
        assert_eq!(outcome, (1, Stopped::NotWorthIt, Duration::ZERO));
    }
    let once = Call {
        repeat: Repeat::Unsafe,
        deadline: None,
    };
    let outcome = always(&retry, once, Failure::Timeout).await;
    assert_eq!(outcome, (1, Stopped::NotWorthIt, Duration::ZERO));
    assert_eq!(retry.budget.tokens() as u32, 10);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_sleep_up_to_or_past_the_deadline() {
    let (retry, _shown) = retry(4, 10);
    let outcome = always(&retry, call(Some(250 * MS)), Failure::Connect).await;
    assert_eq!(outcome, (2, Stopped::Deadline, 100 * MS));
    let outcome = always(&retry, call(Some(300 * MS)), Failure::Connect).await;
    assert_eq!(outcome, (2, Stopped::Deadline, 100 * MS));
    let outcome = always(&retry, call(Some(301 * MS)), Failure::Connect).await;
    assert_eq!(outcome, (3, Stopped::Deadline, 300 * MS));
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_if_the_deadline_allows() {
    let (retry, _shown) = retry(1, 10);
    let busy = answer(429, Some(2_000 * MS));
    let outcome = always(&retry, call(None), busy).await;
    assert_eq!(outcome, (2, Stopped::Attempts, 2_000 * MS));
    let outcome = always(&retry, call(Some(1_500 * MS)), busy).await;
    assert_eq!(outcome, (1, Stopped::Deadline, Duration::ZERO));
    // Its own backoff is longer than that.
    let outcome = always(&retry, call(None), answer(429, Some(MS))).await;
    assert_eq!(outcome, (2, Stopped::Attempts, 100 * MS));
}

#[tokio::test(start_paused = true)]
async fn a_longer_pause_than_is_waited_for_ends_the_call() {
    let (retry, shown) = retry(1, 10);
    let for_an_hour = answer(503, Some(3_600_000 * MS));
    let outcome = always(&retry, call(None), for_an_hour).await;
    assert_eq!(outcome, (1, Stopped::RetryAfter, Duration::ZERO));
    let stopped = "target_retry_stopped_total{name=\"gateway\",reason=\"retry_after\"}";
    assert_eq!(shown.value(stopped), 1);
    assert_eq!(retry.budget.tokens() as u32, 10);
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_ends_the_retries_of_everybody() {
    let (retry, shown) = retry(4, 3);
    let outcome = always(&retry, call(None), Failure::Timeout).await;
    assert_eq!(outcome.0, 4);
    let outcome = always(&retry, call(None), Failure::Timeout).await;
    assert_eq!(outcome, (1, Stopped::Budget, Duration::ZERO));
    let stopped = "target_retry_stopped_total{name=\"gateway\",reason=\"budget\"}";
    assert_eq!(shown.value(stopped), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_while_it_waits_spends_nothing() {
    let (retry, _shown) = retry(4, 1);
    let never_done = always(&retry, call(None), Failure::Connect);
    let left = tokio::time::timeout(50 * MS, never_done).await;
    assert!(left.is_err());
    assert_eq!(retry.budget.tokens() as u32, 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_reaches_calls_that_are_under_way() {
    let (retry, _shown) = retry(10, 10);
    let (outcome, ()) = tokio::join!(always(&retry, call(None), Failure::Connect), async {
        sleep(150 * MS).await;
        retry.apply(config(0));
    });
    // The third was decided on before.
    assert_eq!(outcome, (3, Stopped::Attempts, 300 * MS));
}
