//! The pace, the row and its bounds.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio::time::{advance, timeout};

use super::*;
use crate::resilience::recorded::recorded;

const MS: Duration = Duration::from_millis(1);

fn config(per_second: f64, burst: u32, max_wait: Duration) -> Config {
    Config {
        per_second,
        burst,
        max_wait,
        enabled: true,
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
    let limit = RateLimit::new("gateway", config(10.0, 2, 1_000 * MS));
    let began = Instant::now();
    let mut passed = Vec::new();
    for _ in 0..5 {
        limit.acquire(None).await.unwrap();
        passed.push(began.elapsed());
    }
    assert_eq!(passed, [0, 0, 100, 200, 300].map(|ms| ms * MS));
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_is_told_at_once_and_when_to_come_back() {
    let (limit, shown) = recorded(|| RateLimit::new("gateway", config(10.0, 1, 250 * MS)));
    let limit = Arc::new(limit);
    let began = Instant::now();
    let mut asking: Vec<_> = (0..4).map(|_| Box::pin(limit.acquire(None))).collect();
    let answers: Vec<_> = asking
        .iter_mut()
        .map(|asking| asking.as_mut().now_or_never())
        .collect();
    let too_many = RateLimitError::TooMany {
        retry_after: Some(50 * MS),
    };
    assert_eq!(answers, [Some(Ok(())), None, None, Some(Err(too_many))]);
    assert_eq!(
        shown.value("target_rate_limit_waiting{name=\"gateway\"}"),
        2
    );
    join_all(asking.drain(1..3)).await;
    assert_eq!(began.elapsed(), 200 * MS);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_pass_in_the_order_of_asking() {
    let limit = Arc::new(RateLimit::new("gateway", config(100.0, 1, 10_000 * MS)));
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    for number in 0..20 {
        let (limit, order) = (Arc::clone(&limit), Arc::clone(&order));
        tasks.spawn(async move {
            sleep(number * MS / 10).await;
            limit.acquire(None).await.unwrap();
            order.lock().unwrap().push(number);
        });
    }
    tasks.join_all().await;
    let order = order.lock().unwrap();
    assert_eq!(order.len(), 20);
    assert!(order.is_sorted(), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_row_takes_no_token() {
    let limit = RateLimit::new("gateway", config(10.0, 1, 1_000 * MS));
    limit.acquire(None).await.unwrap();
    let began = Instant::now();
    let (left, waited) = tokio::join!(timeout(50 * MS, limit.acquire(None)), limit.acquire(None));
    assert!(left.is_err());
    waited.unwrap();
    assert_eq!(began.elapsed(), 100 * MS);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_turn_after_the_deadline() {
    let limit = RateLimit::new("gateway", config(10.0, 1, 1_000 * MS));
    let soon = Some(Instant::now() + 99 * MS);
    limit.acquire(soon).await.unwrap();
    let refused = limit.acquire(soon).now_or_never().unwrap();
    assert_eq!(refused, Err(RateLimitError::Deadline));
    advance(99 * MS).await;
    assert_eq!(limit.acquire(soon).await, Err(RateLimitError::Deadline));
}

#[tokio::test(start_paused = true)]
async fn another_rate_reaches_those_who_wait() {
    let limit = RateLimit::new("gateway", config(0.1, 1, 60_000 * MS));
    limit.acquire(None).await.unwrap();
    let began = Instant::now();
    let (waited, ()) = tokio::join!(limit.acquire(None), async {
        sleep(1_000 * MS).await;
        limit.apply(config(10.0, 1, 1_000 * MS));
    });
    waited.unwrap();
    assert!(began.elapsed() <= 1_101 * MS, "{:?}", began.elapsed());

    let (waited, ()) = tokio::join!(limit.acquire(None), async {
        limit.apply(config(0.0, 1, 1_000 * MS));
    });
    assert_eq!(waited, Err(RateLimitError::TooMany { retry_after: None }));
}

#[tokio::test(start_paused = true)]
async fn switched_off_everybody_passes_also_those_who_wait() {
    let limit = RateLimit::new("gateway", config(0.1, 1, 60_000 * MS));
    limit.acquire(None).await.unwrap();
    let began = Instant::now();
    let off = Config {
        enabled: false,
        ..Config::default()
    };
    let (waited, ()) = tokio::join!(limit.acquire(None), async { limit.apply(off) });
    waited.unwrap();
    for _ in 0..1_000 {
        limit.acquire(None).await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_passes_at_the_rate_and_not_faster() {
    let limit = Arc::new(RateLimit::new("gateway", config(100.0, 5, 2_000 * MS)));
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for number in 0..1_000_u32 {
        let limit = Arc::clone(&limit);
        tasks.spawn(async move {
            // Every third one has no patience.
            let patience = if number % 3 == 0 { 300 } else { 60_000 };
            let asked = timeout(patience * MS, limit.acquire(None)).await;
            matches!(asked, Ok(Ok(()))).then(|| began.elapsed())
        });
    }
    let mut passed: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    passed.sort_unstable();
    for (before, at) in passed.iter().enumerate() {
        let most = 5.0 + 100.0 * at.as_secs_f64();
        assert!(
            (before + 1) as f64 <= most + 0.001,
            "{} after {at:?}",
            before + 1
        );
    }
    // The row was as long as two seconds allow, less those who left it.
    assert!((100..=205).contains(&passed.len()), "{}", passed.len());
}
