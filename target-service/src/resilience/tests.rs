//! The parts put together for one outgoing call, in the order that the module describes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::adaptive_throttle::{AdaptiveThrottle, Throttled};
use super::bulkhead::{Bulkhead, BulkheadError};
use super::circuit_breaker::{BreakerError, CircuitBreaker, State};
use super::rate_limit::{RateLimit, RateLimitError};
use super::retry::{Budget, Call, Classify, Failure, GaveUp, Repeat, Retry, Stopped};
use super::timeout::{Bound, TimedOut, Timeouts};
use super::{adaptive_throttle, bulkhead, circuit_breaker, rate_limit, retry, timeout};

const MS: Duration = Duration::from_millis(1);

#[derive(Debug, Error)]
enum AttemptError {
    #[error(transparent)]
    NoPlace(#[from] BulkheadError),
    #[error(transparent)]
    NoToken(#[from] RateLimitError),
    #[error(transparent)]
    Broken(#[from] BreakerError),
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
}

impl Classify for AttemptError {
    fn failure(&self) -> Failure {
        match self {
            Self::TimedOut(timed_out) if timed_out.bound != Bound::Deadline => Failure::Timeout,
            _ => Failure::Final,
        }
    }
}

#[derive(Debug, Error)]
enum CallError {
    #[error(transparent)]
    Throttled(#[from] Throttled),
    #[error(transparent)]
    GaveUp(#[from] GaveUp<AttemptError>),
}

/// A client of a dependency that takes `latency` for everything.
struct Client {
    throttle: AdaptiveThrottle,
    retry: Retry,
    bulkhead: Bulkhead,
    rate_limit: RateLimit,
    breaker: Arc<CircuitBreaker>,
    timeouts: Timeouts,
    latency: Duration,
    sent: AtomicU32,
}

impl Client {
    fn new(latency: Duration) -> Self {
        let budget = Arc::new(Budget::new("dependency", retry::BudgetConfig::default()));
        let throttle = adaptive_throttle::Config {
            enabled: true,
            ..adaptive_throttle::Config::default()
        };
        let bulkhead = bulkhead::Config {
            enabled: true,
            ..bulkhead::Config::default()
        };
        let rate_limit = rate_limit::Config {
            enabled: true,
            ..rate_limit::Config::default()
        };
        let breaker = circuit_breaker::Config {
            enabled: true,
            min_calls: 5,
            ..circuit_breaker::Config::default()
        };
        Self {
            throttle: AdaptiveThrottle::new("dependency", throttle),
            retry: Retry::new("dependency", retry::Config::default(), budget),
            bulkhead: Bulkhead::new("dependency", bulkhead),
            rate_limit: RateLimit::new("dependency", rate_limit),
            breaker: CircuitBreaker::new("dependency", breaker),
            timeouts: Timeouts::new("dependency", timeout::Config::default()),
            latency,
            sent: AtomicU32::new(0),
        }
    }

    async fn call(&self, deadline: Option<Instant>) -> Result<(), CallError> {
        let attempted = self.throttle.admit()?;
        let call = Call {
            repeat: Repeat::Safe,
            deadline,
        };
        let result = self.retry.run(call, |_| self.attempt(deadline)).await;
        match &result {
            Ok(()) => attempted.accepted(),
            Err(gave_up) if gave_up.error.failure() == Failure::Timeout => attempted.refused(),
            // Nothing is known about the dependency.
            Err(_) => drop(attempted),
        }
        Ok(result?)
    }

    async fn attempt(&self, deadline: Option<Instant>) -> Result<(), AttemptError> {
        let _place = self.bulkhead.enter(deadline).await?;
        self.rate_limit.acquire(deadline).await?;
        let permit = self.breaker.admit()?;
        self.sent.fetch_add(1, Ordering::SeqCst);
        let work = sleep(self.latency);
        match self.timeouts.within(Bound::Read, deadline, work).await {
            Ok(()) => permit.succeeded(),
            Err(error) => {
                if error.bound != Bound::Deadline {
                    permit.failed();
                }
                return Err(error.into());
            }
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn calls_to_a_dependency_that_is_well_pass_all_parts() {
    let client = Client::new(100 * MS);
    for _ in 0..50 {
        client.call(None).await.unwrap();
    }
    assert_eq!(client.sent.load(Ordering::SeqCst), 50);
}

#[tokio::test(start_paused = true)]
async fn a_dependency_that_hangs_is_left_alone_after_a_few_timeouts() {
    let client = Client::new(Duration::from_hours(1));
    // By chance it would spare the dependency even these calls.
    client.throttle.apply(adaptive_throttle::Config {
        enabled: false,
        ..adaptive_throttle::Config::default()
    });
    let first = client.call(None).await.unwrap_err();
    let CallError::GaveUp(gave_up) = first else {
        panic!("{first}");
    };
    assert_eq!((gave_up.attempts, gave_up.stopped), (3, Stopped::Attempts));

    // The window has forgotten the first of these timeouts, so that it takes five more.
    let _ = tokio::join!(client.call(None), client.call(None), client.call(None));
    assert_eq!(client.breaker.state(), State::Open);
    let sent = client.sent.load(Ordering::SeqCst);
    let began = Instant::now();
    assert!(client.call(None).await.is_err());
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(client.sent.load(Ordering::SeqCst), sent);
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_deadlines_do_not_open_the_breaker() {
    let client = Client::new(1_000 * MS);
    for _ in 0..50 {
        let deadline = Instant::now() + 10 * MS;
        assert!(client.call(Some(deadline)).await.is_err());
        assert_eq!(Instant::now(), deadline);
    }
    assert_eq!(client.breaker.state(), State::Closed);
    client.call(None).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_crowd_of_callers_that_leave_leaves_nothing_behind() {
    let client = Arc::new(Client::new(1_000 * MS));
    let mut crowd = JoinSet::new();
    for number in 0..200 {
        let client = Arc::clone(&client);
        crowd.spawn(async move {
            let patience = (number % 10) * 100 * MS;
            tokio::time::timeout(patience, client.call(None)).await.ok()
        });
    }
    crowd.join_all().await;
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let client = Arc::clone(&client);
        calls.spawn(async move { client.call(None).await });
    }
    // All 20 places are there, and no call had to wait for one.
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    assert!(began.elapsed() < 1_500 * MS, "{:?}", began.elapsed());
}
