//! Somebody who may change what a lock guards, as far as locks outside of the database say. The lock is held
//! around a transaction: taken before it begins, and given back after its end.

use super::{Fence, Guard};

#[derive(Debug)]
pub struct Holder(Option<Guard>);

impl Holder {
    /// Of somebody who needs no lock outside of the database.
    pub fn of_nothing() -> Self {
        Self(None)
    }

    /// A holder with a number announces it where it is going to write, before anything is read: from then on
    /// what earlier holders write is refused.
    pub async fn announced<E>(
        guard: Guard,
        announce: impl AsyncFnOnce(Fence) -> Result<(), E>,
    ) -> Result<Self, E> {
        if let Some(fence) = guard.fence()
            && let Err(error) = announce(fence).await
        {
            guard.release(false).await;
            return Err(error);
        }
        Ok(Self(Some(guard)))
    }

    pub fn fence(&self) -> Option<Fence> {
        self.0.as_ref().and_then(Guard::fence)
    }

    /// `end_is_uncertain`: nobody knows whether the transaction under the lock has come to its end.
    pub async fn release(self, end_is_uncertain: bool) {
        if let Some(guard) = self.0 {
            guard.release(end_is_uncertain).await;
        }
    }
}
