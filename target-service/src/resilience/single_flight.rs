//! Single flight: of those who want the same at the same time, one does the work, and the others wait for what
//! comes of it.
//!
//! The work runs in a task of its own, so that nobody who leaves ends it for the others.
//! Invariant: a flight is out of the table once it has ended, however it ended: with a failure or a panic too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

#[derive(Debug)]
pub struct SingleFlight<T> {
    flights: Mutex<HashMap<String, Flight<T>>>,
    numbers: AtomicU64,
}

#[derive(Debug)]
struct Flight<T> {
    number: u64,
    result: watch::Receiver<Option<T>>,
}

/// A seat in a flight.
#[derive(Debug)]
pub struct Seat<T> {
    result: watch::Receiver<Option<T>>,
    /// Whether the flight was begun for it.
    pub is_first: bool,
}

impl<T> Default for SingleFlight<T> {
    fn default() -> Self {
        Self {
            flights: Mutex::default(),
            numbers: AtomicU64::default(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> SingleFlight<T> {
    /// A seat in the flight that is under way for `key`, or in a new one that does `work`. Must be called
    /// within a tokio runtime.
    pub fn join<W>(self: &Arc<Self>, key: &str, work: impl FnOnce() -> W) -> Seat<T>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(key) {
            return Seat {
                result: flight.result.clone(),
                is_first: false,
            };
        }
        let (sender, result) = watch::channel(None);
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let flight = Flight {
            number,
            result: result.clone(),
        };
        flights.insert(key.to_owned(), flight);
        drop(flights);
        let landing = Landing {
            flights: Arc::clone(self),
            key: key.to_owned(),
            number,
        };
        let work = work();
        tokio::spawn(async move {
            let _landing = landing;
            sender.send_replace(Some(work.await));
        });
        Seat {
            result,
            is_first: true,
        }
    }

    /// Whether somebody is at it now.
    pub fn is_under_way(&self, key: &str) -> bool {
        self.flights().contains_key(key)
    }

    /// Whoever comes from now on does not get a seat in a flight begun before; who has one keeps it.
    pub fn forget(&self, key: &str) {
        self.flights().remove(key);
    }

    pub fn forget_all(&self) {
        self.flights().clear();
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<String, Flight<T>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Seat<T> {
    /// What the flight came to; `None` when it broke off.
    pub async fn arrive(mut self) -> Option<T> {
        let result = self.result.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }
}

/// Takes its flight out of the table, and no later one of the same key.
struct Landing<T> {
    flights: Arc<SingleFlight<T>>,
    key: String,
    number: u64,
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        let mut flights = self
            .flights
            .flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if flights
            .get(&self.key)
            .is_some_and(|flight| flight.number == self.number)
        {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio::time::sleep;

    use super::*;

    fn flights() -> Arc<SingleFlight<u32>> {
        Arc::default()
    }

    #[tokio::test]
    async fn all_who_come_while_it_is_under_way_get_what_one_flight_brings() {
        let flights = flights();
        let (land, landed) = oneshot::channel();
        let first = flights.join("a", || async { landed.await.unwrap() });
        let others: Vec<_> = (0..10)
            .map(|_| flights.join("a", || async { panic!("a second flight") }))
            .collect();
        assert!(first.is_first && others.iter().all(|seat| !seat.is_first));
        land.send(7).unwrap();
        assert_eq!(first.arrive().await, Some(7));
        for seat in others {
            assert_eq!(seat.arrive().await, Some(7));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_that_has_ended_is_gone_and_other_keys_have_their_own() {
        let flights = flights();
        assert_eq!(flights.join("a", || async { 1 }).arrive().await, Some(1));
        sleep(Duration::from_millis(1)).await;
        assert!(!flights.is_under_way("a"));
        let (a, b) = (
            flights.join("a", || async { 2 }),
            flights.join("b", || async { 3 }),
        );
        assert_eq!((a.arrive().await, b.arrive().await), (Some(2), Some(3)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_leaves_does_not_end_it_for_the_others() {
        let flights = flights();
        let slowly = || async {
            sleep(Duration::from_secs(1)).await;
            7
        };
        let first = flights.join("a", slowly);
        let second = flights.join("a", slowly);
        drop(first);
        assert_eq!(second.arrive().await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_breaks_off_is_told_to_all_and_is_gone() {
        let flights = flights();
        let first = flights.join("a", || async {
            sleep(Duration::from_secs(1)).await;
            panic!("on the way")
        });
        let second = flights.join("a", || async { 1 });
        assert_eq!((first.arrive().await, second.arrive().await), (None, None));
        sleep(Duration::from_millis(1)).await;
        assert_eq!(flights.join("a", || async { 2 }).arrive().await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_it_was_forgotten_gets_a_new_one_which_the_old_one_does_not_remove() {
        let flights = flights();
        let slowly = |number: u32, seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            number
        };
        let old = flights.join("a", || slowly(1, 1));
        flights.forget("a");
        let new = flights.join("a", || slowly(2, 2));
        assert!(new.is_first);
        assert_eq!(old.arrive().await, Some(1));
        sleep(Duration::from_millis(1)).await;
        assert!(flights.is_under_way("a"));
        assert_eq!(new.arrive().await, Some(2));
    }
}
