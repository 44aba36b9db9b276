//! How many points one request moves: 1 to 1,000,000,000.

use thiserror::Error;

/// Far more than anybody needs at once, and so far from the end of 64 bits that no balance comes near it.
pub const LARGEST: i64 = 1_000_000_000;

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("an amount of points is a whole number from 1 to {LARGEST}")]
pub struct AmountError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(i64);

impl Amount {
    pub fn new(points: i64) -> Result<Self, AmountError> {
        (1..=LARGEST)
            .contains(&points)
            .then_some(Self(points))
            .ok_or(AmountError)
    }

    pub fn points(self) -> i64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_positive_and_bounded() {
        for points in [1, LARGEST] {
            assert_eq!(Amount::new(points).unwrap().points(), points);
        }
        for points in [0, -1, LARGEST + 1, i64::MIN, i64::MAX] {
            assert_eq!(Amount::new(points), Err(AmountError));
        }
    }
}
