//! What clients were told of their payments: one entry per arrival that pays.
//!
//! An entry is there before anything is sent, so that an attempt of which nothing was heard is known
//! as one. What was heard stays when the arrival's deadline drops its journey.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::record::{Paid, Told, Word};

#[derive(Debug, Default)]
pub struct ToldLog(Mutex<Vec<Told>>);

/// One arrival's entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry(usize);

impl ToldLog {
    pub(super) fn begin(&self, paid: Paid) -> Entry {
        let mut log = self.log();
        log.push(Told {
            paid,
            id: None,
            word: Word::Nothing,
        });
        Entry(log.len() - 1)
    }

    /// What is said now takes the place of what was said before.
    pub(super) fn hear(&self, entry: Entry, id: Option<i64>, word: Word) {
        if let Some(told) = self.log().get_mut(entry.0) {
            told.id = id.or(told.id);
            told.word = word;
        }
    }

    /// All of it, leaving nothing.
    pub fn take(&self) -> Vec<Told> {
        mem::take(&mut *self.log())
    }

    fn log(&self) -> MutexGuard<'_, Vec<Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_an_id_once_known_stays() {
        let log = ToldLog::default();
        let (first, second) = (
            log.begin(Paid::Order(1)),
            log.begin(Paid::Checkout("k".into())),
        );
        log.hear(first, Some(7), Word::Pending);
        log.hear(first, None, Word::Failed);
        log.hear(second, None, Word::Nothing);
        let told = log.take();
        assert_eq!((told[0].id, told[0].word), (Some(7), Word::Failed));
        assert_eq!((told[1].id, told[1].word), (None, Word::Nothing));
        assert!(log.take().is_empty());
    }
}
