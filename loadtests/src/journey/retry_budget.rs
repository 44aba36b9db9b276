//! A retry budget: retries may be at most a share of first attempts.
//!
//! Each first attempt earns a fraction of a token, a retry costs one; what was earned more than
//! [`WINDOW_SECONDS`] ago is forgotten, so that calm hours do not pay for a storm (as in Finagle).

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::measure::Nanos;

const WINDOW_SECONDS: u64 = 10;

#[derive(Debug)]
pub(super) struct RetryBudget {
    per_attempt: f64,
    window: Mutex<VecDeque<Second>>,
}

/// What one second of the timeline earned and spent.
#[derive(Debug)]
struct Second {
    number: u64,
    earned: f64,
    spent: f64,
}

impl RetryBudget {
    pub(super) fn new(per_attempt: f64) -> Self {
        Self {
            per_attempt,
            window: Mutex::default(),
        }
    }

    /// A first attempt is made.
    pub(super) fn earn(&self, now: Nanos) {
        self.at(now, |_, second| second.earned += self.per_attempt);
    }

    /// Takes the token of one retry; whether there was one.
    pub(super) fn spend(&self, now: Nanos) -> bool {
        self.at(now, |balance, second| {
            // The sum of many tenths is not exact.
            let enough = balance >= 1.0 - 1e-9;
            second.spent += f64::from(u8::from(enough));
            enough
        })
    }

    fn at<T>(&self, now: Nanos, change: impl FnOnce(f64, &mut Second) -> T) -> T {
        let number = now / 1_000_000_000;
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        while window
            .front()
            .is_some_and(|second| second.number + WINDOW_SECONDS <= number)
        {
            window.pop_front();
        }
        // Threads may come with moments slightly out of order: the latest second takes them.
        if window.back().is_none_or(|last| last.number < number) {
            window.push_back(Second {
                number,
                earned: 0.0,
                spent: 0.0,
            });
        }
        let balance = window
            .iter()
            .map(|second| second.earned - second.spent)
            .sum();
        let last = window
            .back_mut()
            .expect("a second was pushed if there was none");
        change(balance, last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    #[test]
    fn retries_are_a_share_of_first_attempts() {
        let budget = RetryBudget::new(0.1);
        assert!(!budget.spend(0), "nothing is earned yet");
        for _ in 0..20 {
            budget.earn(SECOND);
        }
        assert!(budget.spend(SECOND) && budget.spend(2 * SECOND));
        assert!(
            !budget.spend(2 * SECOND),
            "twenty attempts pay for two retries"
        );
    }

    #[test]
    fn old_savings_are_forgotten() {
        let budget = RetryBudget::new(0.5);
        for _ in 0..1000 {
            budget.earn(0);
        }
        assert!(budget.spend(9 * SECOND));
        assert!(!budget.spend(10 * SECOND));
    }
}
