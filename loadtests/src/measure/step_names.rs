//! The names of steps, numbered, so that a sample carries a number.
//!
//! Invariant: bounded, however many names a journey makes up: all beyond the bound share one.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// More different names than this are a journey that puts ids into them.
const MOST: usize = 500;
/// What is counted together beyond the bound.
const REST: &str = "(other)";

#[derive(Debug, Default)]
pub struct StepNames {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    numbers: HashMap<Arc<str>, u16>,
    names: Vec<Arc<str>>,
}

impl StepNames {
    /// The number of a name, the same for each call.
    pub fn number(&self, name: &str) -> u16 {
        if let Some(number) = self
            .known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .numbers
            .get(name)
        {
            return *number;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let name = if known.names.len() < MOST { name } else { REST };
        known.number(name)
    }

    /// All names, each at the place of its number.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .names
            .clone()
    }
}

impl Known {
    fn number(&mut self, name: &str) -> u16 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u16::try_from(self.names.len()).unwrap_or(u16::MAX);
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_numbers_and_the_excess_shares_one() {
        let names = StepNames::default();
        assert_eq!(names.number("GET /"), 0);
        assert_eq!(names.number("GET /a"), 1);
        assert_eq!(names.number("GET /"), 0);
        let last = (0..2000)
            .map(|id| names.number(&format!("GET /posts/{id}")))
            .last()
            .unwrap();
        assert_eq!(names.names().len(), MOST + 1);
        assert_eq!(&*names.names()[usize::from(last)], REST);
    }
}
