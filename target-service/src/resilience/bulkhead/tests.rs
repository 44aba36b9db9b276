//! Bounds, order, leaving and resizing of a bulkhead.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use proptest::prelude::*;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep, timeout};

use super::*;
use crate::resilience::recorded::recorded;

const MS: Duration = Duration::from_millis(1);

fn config(max_concurrent: u32, max_waiting: u32) -> Config {
    Config {
        max_concurrent,
        max_waiting,
        enabled: true,
        ..Config::default()
    }
}

#[tokio::test(start_paused = true)]
async fn one_more_than_the_places_waits_and_one_more_than_the_room_is_refused() {
    let (bulkhead, shown) = recorded(|| Bulkhead::new("gateway", config(1, 1)));
    let place = bulkhead.enter(None).await.unwrap();
    let waits = bulkhead.enter(None);
    let (waited, refused) = tokio::join!(waits, async {
        let refused = bulkhead.enter(None).await;
        assert_eq!(shown.value("target_bulkhead_in_use{name=\"gateway\"}"), 1);
        assert_eq!(shown.value("target_bulkhead_waiting{name=\"gateway\"}"), 1);
        drop(place);
        refused
    });
    assert!(waited.is_ok());
    assert_eq!(refused.unwrap_err(), BulkheadError::Full);
    assert_eq!(shown.value("target_bulkhead_waiting{name=\"gateway\"}"), 0);
    let refusals = "target_bulkhead_rejections_total{name=\"gateway\",reason=\"full\"}";
    assert_eq!(shown.value(refusals), 1);
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_bounded_by_the_limit_and_by_the_deadline() {
    let bulkhead = Bulkhead::new("gateway", config(1, 5));
    let _place = bulkhead.enter(None).await.unwrap();
    let began = Instant::now();
    let too_long = BulkheadError::WaitedTooLong { after: 500 * MS };
    assert_eq!(bulkhead.enter(None).await.unwrap_err(), too_long);
    assert_eq!(began.elapsed(), 500 * MS);

    let deadline = Some(Instant::now() + 200 * MS);
    let refused = bulkhead.enter(deadline).await.unwrap_err();
    assert_eq!(
        (refused, began.elapsed()),
        (BulkheadError::Deadline, 700 * MS)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_deadline_has_passed_gets_no_place_although_one_is_free() {
    let bulkhead = Bulkhead::new("gateway", config(1, 5));
    let refused = bulkhead.enter(Some(Instant::now())).await.unwrap_err();
    assert_eq!(refused, BulkheadError::Deadline);
}

#[tokio::test(start_paused = true)]
async fn places_are_given_in_the_order_of_asking() {
    let bulkhead = Arc::new(Bulkhead::new("gateway", config(1, 10)));
    let order = Arc::new(Mutex::new(Vec::new()));
    let first = bulkhead.enter(None).await.unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..10 {
        let (bulkhead, order) = (Arc::clone(&bulkhead), Arc::clone(&order));
        tasks.spawn(async move {
            sleep(number * MS).await;
            let _place = bulkhead.enter(None).await.unwrap();
            order.lock().unwrap().push(number);
            sleep(MS).await;
        });
    }
    sleep(50 * MS).await;
    drop(first);
    tasks.join_all().await;
    assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_frees_its_place_in_the_room() {
    let bulkhead = Bulkhead::new("gateway", config(1, 1));
    let place = bulkhead.enter(None).await.unwrap();
    assert!(timeout(10 * MS, bulkhead.enter(None)).await.is_err());
    let (waited, ()) = tokio::join!(bulkhead.enter(None), async { drop(place) });
    assert!(waited.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_leaves_with_a_place_on_its_way_passes_it_on() {
    let bulkhead = Bulkhead::new("gateway", config(1, 2));
    let place = bulkhead.enter(None).await.unwrap();
    let (mut first, mut second) = (
        Box::pin(bulkhead.enter(None)),
        Box::pin(bulkhead.enter(None)),
    );
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    drop(place);
    drop(first);
    assert!(second.as_mut().now_or_never().unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn growing_lets_waiters_in_and_so_does_switching_it_off() {
    let bulkhead = Bulkhead::new("gateway", config(1, 2));
    let _place = bulkhead.enter(None).await.unwrap();
    let (waited, ()) = tokio::join!(bulkhead.enter(None), async {
        bulkhead.apply(config(2, 2));
    });
    let _second = waited.unwrap();
    let off = Config {
        enabled: false,
        ..config(2, 2)
    };
    let (waited, ()) = tokio::join!(bulkhead.enter(None), async { bulkhead.apply(off) });
    let _third = waited.unwrap();

    bulkhead.apply(config(2, 0));
    assert_eq!(bulkhead.enter(None).await.unwrap_err(), BulkheadError::Full);
}

#[tokio::test(start_paused = true)]
async fn after_a_shrink_calls_under_way_go_on_and_their_places_are_not_given_again() {
    let bulkhead = Bulkhead::new("gateway", config(3, 0));
    let mut places = Vec::new();
    for _ in 0..3 {
        places.push(bulkhead.enter(None).await.unwrap());
    }
    bulkhead.apply(config(1, 0));
    places.pop();
    places.pop();
    assert!(bulkhead.enter(None).await.is_err());
    places.pop();
    assert!(bulkhead.enter(None).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_at_once_are_never_more_than_the_places() {
    let bulkhead = Arc::new(Bulkhead::new(
        "gateway",
        Config {
            max_wait: Duration::from_mins(1),
            ..config(3, 1_000)
        },
    ));
    let (inside, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for _ in 0..500 {
        let (bulkhead, inside, most) = (bulkhead.clone(), inside.clone(), most.clone());
        tasks.spawn(async move {
            let _place = bulkhead.enter(None).await.unwrap();
            most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::SeqCst);
        });
    }
    tasks.join_all().await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[derive(Debug, Clone)]
enum Step {
    Ask,
    /// The waiter at this place in the row leaves.
    Abandon(usize),
    /// The call at this place in the row ends.
    Leave(usize),
    Resize(u32),
    Poll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Ask),
        2 => (0..8_usize).prop_map(Step::Abandon),
        4 => (0..8_usize).prop_map(Step::Leave),
        1 => (0..6_u32).prop_map(Step::Resize),
        3 => Just(Step::Poll),
    ]
}

type Asking<'a> = Pin<Box<dyn Future<Output = Result<Place, BulkheadError>> + 'a>>;

/// Polls everybody who waits; gives how many were let in.
fn poll_all(waiting: &mut Vec<Asking<'_>>, inside: &mut Vec<Place>) -> usize {
    let before = inside.len();
    waiting.retain_mut(|asking| match asking.as_mut().now_or_never() {
        Some(entered) => {
            inside.extend(entered);
            false
        }
        None => true,
    });
    inside.len() - before
}

proptest! {
    #[test]
    fn whatever_happens_nobody_is_let_in_beyond_the_places_and_none_is_lost(
        steps in prop::collection::vec(step(), 1..120), last in 1..6_u32,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let bulkhead = Bulkhead::new("gateway", config(3, 5));
        let (mut waiting, mut inside): (Vec<Asking<'_>>, Vec<Place>) = Default::default();
        let mut size = 3;
        for step in steps {
            match step {
                Step::Ask => waiting.push(Box::pin(bulkhead.enter(None))),
                Step::Abandon(at) if at < waiting.len() => drop(waiting.remove(at)),
                Step::Leave(at) if at < inside.len() => drop(inside.remove(at)),
                Step::Resize(to) => {
                    // Whoever has been given a place already keeps it.
                    poll_all(&mut waiting, &mut inside);
                    size = to as usize;
                    bulkhead.apply(config(to, 5));
                }
                _ => {}
            }
            let let_in = poll_all(&mut waiting, &mut inside);
            prop_assert!(let_in == 0 || inside.len() <= size, "{} of {size}", inside.len());
            prop_assert!(waiting.len() <= 5);
        }
        drop(waiting);
        inside.clear();
        bulkhead.apply(config(last, 5));
        for _ in 0..last {
            inside.push(bulkhead.enter(None).now_or_never().unwrap().unwrap());
        }
        prop_assert!(bulkhead.enter(None).now_or_never().is_none());
        let room = bulkhead.room();
        prop_assert_eq!(room.waiting, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shrink_does_not_give_again_a_place_on_its_way_to_somebody_who_leaves() {
    let bulkhead = Bulkhead::new("gateway", config(2, 2));
    let _first = bulkhead.enter(None).await.unwrap();
    let second = bulkhead.enter(None).await.unwrap();
    let mut waiter = Box::pin(bulkhead.enter(None));
    assert!(waiter.as_mut().now_or_never().is_none());
    drop(second);
    bulkhead.apply(config(1, 2));
    drop(waiter);
    advance(MS).await;
    assert!(bulkhead.enter(None).now_or_never().is_none());
}
