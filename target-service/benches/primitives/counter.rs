//! One number that everybody adds one to: nothing but contention.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use super::measure::Contender;

pub fn contenders() -> Vec<Contender> {
    let mutex = Mutex::new(0_u64);
    let lock = RwLock::new(0_u64);
    let atomic = AtomicU64::new(0);
    let (semaphore, guarded) = (Semaphore::new(1), AtomicU64::new(0));
    let copied = ArcSwap::from_pointee(0_u64);
    vec![
        Contender::new("mutex", move |_| {
            *mutex.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }),
        Contender::new("semaphore of 1", move |_| {
            let permit = wait_for(semaphore.acquire());
            // Nobody else is here: this needs to be no single step.
            let number = guarded.load(Ordering::Relaxed);
            guarded.store(number + 1, Ordering::Relaxed);
            drop(permit);
        }),
        Contender::new("read-write lock", move |_| {
            *lock.write().unwrap_or_else(PoisonError::into_inner) += 1;
        }),
        Contender::new("atomic", move |_| {
            atomic.fetch_add(1, Ordering::Relaxed);
        }),
        Contender::new("copy on write", move |_| {
            copied.rcu(|number| **number + 1);
        }),
    ]
}

/// Wakes a thread that has parked.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    static WAKER: Waker = Waker::from(Arc::new(Unpark(thread::current())));
}

/// The semaphore is one for tasks; here threads wait for it, without a runtime that would be measured, too.
fn wait_for<F: Future>(future: F) -> F::Output {
    let waker = WAKER.with(Waker::clone);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
