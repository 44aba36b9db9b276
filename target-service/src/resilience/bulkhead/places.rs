//! A number of places that can change while some are taken, given in the order of asking.
//!
//! Invariant: places taken plus places free is the size, plus what is still owed after a shrink. What is
//! owed is taken out of circulation before anybody else can have it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// As many as never run out.
pub(super) const UNLIMITED: usize = Semaphore::MAX_PERMITS;

#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    size: Mutex<Size>,
}

#[derive(Debug)]
struct Size {
    max: usize,
    /// Places taken that are too many since a shrink.
    owed: usize,
}

#[derive(Debug)]
pub(super) struct Taken {
    permit: Option<OwnedSemaphorePermit>,
    places: Arc<Places>,
}

impl Places {
    pub(super) fn new(max: usize) -> Arc<Self> {
        let max = max.min(UNLIMITED);
        Arc::new(Self {
            free: Arc::new(Semaphore::new(max)),
            size: Mutex::new(Size { max, owed: 0 }),
        })
    }

    /// A place if one is free and nobody waits for it.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Taken> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(self.taken(permit))
    }

    /// Waits for a place. Who is dropped while waiting must call [`Self::reclaim`] after it.
    pub(super) async fn take(self: &Arc<Self>) -> Taken {
        let permit = Arc::clone(&self.free)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        self.taken(permit)
    }

    pub(super) fn resize(&self, max: usize) {
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

    /// A place that was on its way to somebody who left is free again, and may be owed.
    pub(super) fn reclaim(&self) {
        self.forget_owed(&mut self.size());
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
