//! A number of places that can change while some are taken, given in the order of asking. What a bulkhead
//! and a connection pool have in common.
//!
//! Invariant: places taken plus places free is the size, plus what is still owed after a shrink. What is
//! owed is taken out of circulation before anybody else can have it, and nobody who has a place loses it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many as never run out.
pub const UNLIMITED: usize = Semaphore::MAX_PERMITS;

#[derive(Debug)]
pub struct Places {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    max: usize,
    /// Places taken that are too many since a shrink.
    owed: usize,
}

/// One place, until it is dropped.
#[derive(Debug)]
#[must_use = "the place is free again as soon as this is dropped"]
pub struct Taken {
    permit: Option<OwnedSemaphorePermit>,
    places: Arc<Places>,
}

impl Places {
    pub fn new(max: usize) -> Arc<Self> {
        let max = max.min(UNLIMITED);
        Arc::new(Self {
            free: Arc::new(Semaphore::new(max)),
            size: Mutex::new(Size { max, owed: 0 }),
        })
    }

    /// A place if one is free and nobody waits for it.
    pub fn try_take(self: &Arc<Self>) -> Option<Taken> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(self.taken(permit))
    }

    /// Waits for a place. `None`: no more are given.
    pub async fn take(self: &Arc<Self>) -> Option<Taken> {
        // Dropped after the wait itself, also by who leaves in the middle of it.
        let _reclaim = Reclaim(self);
        let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
        Some(self.taken(permit))
    }

    pub fn resize(&self, max: usize) {
        let max = max.min(UNLIMITED);
        let mut size = self.size();
        if max >= size.max {
            let more = max - size.max;
            let forgiven = more.min(size.owed);
            size.owed -= forgiven;
            self.free.add_permits(more - forgiven);
        } else {
            size.owed += size.max - max;
            self.forget_owed(&mut size);
        }
        size.max = max;
    }

    pub fn max(&self) -> usize {
        self.size().max
    }

    /// Places that somebody has, also those that are owed.
    pub fn taken_now(&self) -> usize {
        let size = self.size();
        (size.max + size.owed).saturating_sub(self.free.available_permits())
    }

    /// Everybody who waits, and who comes later, gets no place.
    pub fn close(&self) {
        self.free.close();
    }

    pub fn is_closed(&self) -> bool {
        self.free.is_closed()
    }

    fn forget_owed(&self, size: &mut Size) {
        if size.owed > 0 {
            size.owed -= self.free.forget_permits(size.owed);
        }
    }

    fn taken(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Taken {
        Taken {
            permit: Some(permit),
            places: Arc::clone(self),
        }
    }

    fn size(&self) -> MutexGuard<'_, Size> {
        self.size.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Gives the place up for good if one is owed, and says whether that was so.
    pub fn repay(&mut self) -> bool {
        let mut size = self.places.size();
        if size.owed == 0 {
            return false;
        }
        let Some(permit) = self.permit.take() else {
            return false;
        };
        permit.forget();
        size.owed -= 1;
        true
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // Held until the place is free or forgotten: a shrink in between would miss it.
        let mut size = self.places.size();
        if let Some(permit) = self.permit.take() {
            if size.owed > 0 {
                size.owed -= 1;
                permit.forget();
            } else {
                drop(permit);
            }
        }
    }
}

/// Somebody waits no longer: a place that was on its way to one who left is free again, and may be owed.
struct Reclaim<'a>(&'a Places);

impl Drop for Reclaim<'_> {
    fn drop(&mut self) {
        self.0.forget_owed(&mut self.0.size());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use proptest::prelude::*;

    use super::*;

    fn take_all(places: &Arc<Places>) -> Vec<Taken> {
        std::iter::from_fn(|| places.try_take()).collect()
    }

    #[test]
    fn there_are_as_many_places_as_the_size_says() {
        let places = Places::new(3);
        assert_eq!(take_all(&places).len(), 3);
        places.resize(5);
        assert_eq!(take_all(&places).len(), 5);
    }

    #[test]
    fn shrunk_below_the_places_taken_they_are_owed_as_they_come_back() {
        let places = Places::new(4);
        let mut out = take_all(&places);
        places.resize(1);
        assert!(out.pop().unwrap().repay());
        drop(out);
        assert_eq!(take_all(&places).len(), 1);
    }

    #[test]
    fn growing_again_forgives_what_is_owed() {
        let places = Places::new(4);
        let mut out = take_all(&places);
        places.resize(1);
        places.resize(4);
        assert!(!out.pop().unwrap().repay());
        assert_eq!(take_all(&places).len(), 1);
    }

    #[tokio::test]
    async fn who_waits_gets_a_place_when_there_are_more_and_none_when_it_closes() {
        let places = Places::new(1);
        let _out = places.try_take();
        let (entering, growing) = (places.take(), async { places.resize(2) });
        let (entered, ()) = tokio::join!(entering, growing);
        assert!(entered.is_some());

        let (entering, closing) = (places.take(), async { places.close() });
        let (turned_away, ()) = tokio::join!(entering, closing);
        assert!(turned_away.is_none());
    }

    #[tokio::test]
    async fn a_place_on_its_way_to_somebody_who_leaves_is_not_given_again_when_it_is_owed() {
        let places = Places::new(1);
        let out = places.try_take();
        let mut leaving = Box::pin(places.take());
        assert!(leaving.as_mut().now_or_never().is_none());
        drop(out);
        places.resize(0);
        drop(leaving);
        assert!(places.try_take().is_none());
    }

    proptest! {
        #[test]
        fn however_it_is_resized_the_last_size_holds_in_the_end(
            steps in prop::collection::vec((any::<bool>(), 1..9_usize), 1..60), last in 1..9_usize,
        ) {
            let places = Places::new(4);
            let mut out = Vec::new();
            for (resize, number) in steps {
                if resize {
                    places.resize(number);
                } else if number % 2 == 0 {
                    out.extend(places.try_take());
                } else {
                    out.pop();
                }
                prop_assert_eq!(places.taken_now(), out.len());
            }
            places.resize(last);
            drop(out);
            prop_assert_eq!(take_all(&places).len(), last);
        }
    }
}
