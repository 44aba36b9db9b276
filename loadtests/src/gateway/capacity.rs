//! The places in which work is done at the same time. What finds none waits, without bound, in the
//! order in which it came; whoever stops waiting leaves the row.
//!
//! The number of places may change at any time. More places are taken at once by those who wait;
//! when there are fewer, what is being worked on is finished, and nothing new begins before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

#[derive(Debug, Clone)]
pub struct Places(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// 0: without a limit.
    capacity: usize,
    in_work: usize,
    last_number: u64,
    /// By the number that each drew on arrival.
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A place that is being used. Dropping it gives it to whoever has waited for longest.
#[derive(Debug)]
pub struct Place {
    places: Places,
}

/// Somebody in the row, or called out of it and not yet at the place.
struct Waiter<'a> {
    places: &'a Places,
    number: u64,
    seated: bool,
}

impl Places {
    pub fn new(capacity: u32) -> Self {
        let state = State {
            capacity: capacity as usize,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for its turn.
    pub async fn take(&self) -> Place {
        let (called, number) = {
            let mut state = self.lock();
            if state.has_room() {
                state.in_work += 1;
                return self.place();
            }
            let (call, called) = oneshot::channel();
            state.last_number += 1;
            let number = state.last_number;
            state.waiting.insert(number, call);
            (called, number)
        };
        let mut waiter = Waiter {
            places: self,
            number,
            seated: false,
        };
        // It is not dropped uncalled: only a call takes it out of the row while somebody waits.
        let _ = called.await;
        waiter.seated = true;
        self.place()
    }

    pub fn set_capacity(&self, capacity: u32) {
        let mut state = self.lock();
        state.capacity = capacity as usize;
        state.call();
    }

    pub fn in_work(&self) -> usize {
        self.lock().in_work
    }

    pub fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    fn place(&self) -> Place {
        Place {
            places: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.capacity == 0 || self.in_work < self.capacity
    }

    /// Calls as many out of the row as there are places free.
    fn call(&mut self) {
        while self.has_room()
            && let Some((_, call)) = self.waiting.pop_first()
        {
            self.in_work += 1;
            // Whoever has gone in this moment gives the place back.
            let _ = call.send(());
        }
    }

    fn leave(&mut self) {
        self.in_work -= 1;
        self.call();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().leave();
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if self.seated {
            return;
        }
        let mut state = self.places.lock();
        let waited = state.waiting.remove(&self.number).is_some();
        if !waited {
            state.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinHandle;
    use tokio::time::{Instant, sleep};

    use super::*;

    const WORK: Duration = Duration::from_secs(1);

    /// Work that begins in the order of its calls; it tells the second in which it ended.
    async fn working(places: &Places, count: usize) -> Vec<JoinHandle<u64>> {
        let mut work = Vec::new();
        for _ in 0..count {
            let places = places.clone();
            let zero = Instant::now();
            work.push(tokio::spawn(async move {
                let _place = places.take().await;
                sleep(WORK).await;
                zero.elapsed().as_secs()
            }));
            tokio::task::yield_now().await;
        }
        work
    }

    async fn ends(work: Vec<JoinHandle<u64>>) -> Vec<u64> {
        let mut ends = Vec::new();
        for one in work {
            ends.push(one.await.unwrap());
        }
        ends
    }

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_place_waits_in_the_order_of_its_arrival() {
        let places = Places::new(2);
        let work = working(&places, 6).await;
        assert_eq!((places.in_work(), places.waiting()), (2, 4));
        assert_eq!(ends(work).await, [1, 1, 2, 2, 3, 3]);
        assert_eq!((places.in_work(), places.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits() {
        let places = Places::new(0);
        assert_eq!(ends(working(&places, 5).await).await, [1; 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn more_places_are_taken_at_once_by_those_who_wait() {
        let places = Places::new(1);
        let work = working(&places, 6).await;
        sleep(WORK / 2).await;
        places.set_capacity(3);
        assert_eq!((places.in_work(), places.waiting()), (3, 3));
        places.set_capacity(0);
        assert_eq!((places.in_work(), places.waiting()), (6, 0));
        assert_eq!(ends(work).await, [1; 6]);
    }

    #[tokio::test(start_paused = true)]
    async fn with_fewer_places_what_has_begun_is_finished_and_the_rest_waits_longer() {
        let places = Places::new(4);
        let work = working(&places, 7).await;
        places.set_capacity(1);
        assert_eq!((places.in_work(), places.waiting()), (4, 3));
        assert_eq!(ends(work).await, [1, 1, 1, 1, 2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_stops_waiting_leaves_the_row_and_whoever_stops_working_frees_the_place() {
        let places = Places::new(1);
        let work = working(&places, 4).await;
        work[1].abort();
        tokio::task::yield_now().await;
        assert_eq!((places.in_work(), places.waiting()), (1, 2));
        work[0].abort();
        tokio::task::yield_now().await;
        assert_eq!((places.in_work(), places.waiting()), (1, 1));
        let left = ends(work.into_iter().skip(2).collect()).await;
        assert_eq!(left, [1, 2]);
        assert_eq!((places.in_work(), places.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_whose_taker_goes_as_it_is_called_is_given_to_the_next() {
        let places = Places::new(1);
        let held = places.take().await;
        let work = working(&places, 2).await;
        // Called, but gone before it could run.
        drop(held);
        work[0].abort();
        let mut work = work.into_iter();
        assert!(work.next().unwrap().await.is_err());
        assert_eq!(ends(work.collect()).await, [1]);
        assert_eq!((places.in_work(), places.waiting()), (0, 0));
    }
}
