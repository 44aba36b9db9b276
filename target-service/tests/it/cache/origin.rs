//! Where values come from in these tests: it counts, fails and holds its answers back as it is told.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::support::until;

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Down;

#[derive(Debug)]
pub struct Origin {
    value: Mutex<String>,
    fetches: AtomicUsize,
    is_down: AtomicBool,
    is_open: watch::Sender<bool>,
}

impl Origin {
    pub fn of(value: &str) -> Arc<Self> {
        Arc::new(Self {
            value: Mutex::new(value.to_owned()),
            fetches: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
            is_open: watch::channel(true).0,
        })
    }

    /// Reads the value, and then waits until it may answer.
    pub async fn load(&self) -> Result<Arc<String>, Down> {
        let value = self.value.lock().unwrap().clone();
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let mut gate = self.is_open.subscribe();
        gate.wait_for(|is_open| *is_open).await.unwrap();
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Down);
        }
        Ok(Arc::new(value))
    }

    pub fn set(&self, value: &str) {
        value.clone_into(&mut self.value.lock().unwrap());
    }

    pub fn break_down(&self) {
        self.is_down.store(true, Ordering::SeqCst);
    }

    pub fn recover(&self) {
        self.is_down.store(false, Ordering::SeqCst);
    }

    /// Loads that begin from now on wait for [`Self::open`].
    pub fn hold_back(&self) {
        self.is_open.send_replace(false);
    }

    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    pub async fn until_fetches(&self, number: usize) {
        until(&format!("{number} load"), async || self.fetches() == number).await;
    }
}
