//! What a new coupon must be: a name of 1 to 100 characters, and 1 to 1,000,000,000 pieces.

use thiserror::Error;

pub const LONGEST_NAME: usize = 100;
pub const LARGEST_QUANTITY: i64 = 1_000_000_000;

/// One thing that is wrong with it.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum NewCouponError {
    #[error("a coupon's name has at least one character besides spaces")]
    NameEmpty,
    #[error("a coupon's name has at most {LONGEST_NAME} characters, this has {characters}")]
    NameTooLong { characters: usize },
    #[error("a coupon's name has no control characters")]
    NameControlCharacter,
    #[error("a quantity is a whole number from 1 to {LARGEST_QUANTITY}")]
    Quantity,
}

impl NewCouponError {
    pub fn field(self) -> &'static str {
        match self {
            Self::Quantity => "quantity",
            Self::NameEmpty | Self::NameTooLong { .. } | Self::NameControlCharacter => "name",
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::NameEmpty => "empty",
            Self::NameTooLong { .. } => "too_long",
            Self::NameControlCharacter => "control_character",
            Self::Quantity => "out_of_range",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCoupon {
    pub(super) name: String,
    pub(super) quantity: i64,
}

impl NewCoupon {
    /// With everything that is wrong, where it is not valid.
    pub fn parse(name: &str, quantity: i64) -> Result<Self, Vec<NewCouponError>> {
        let name = name.trim();
        let characters = name.chars().count();
        let wrong_name = if name.is_empty() {
            Some(NewCouponError::NameEmpty)
        } else if characters > LONGEST_NAME {
            Some(NewCouponError::NameTooLong { characters })
        } else if name.chars().any(char::is_control) {
            Some(NewCouponError::NameControlCharacter)
        } else {
            None
        };
        let is_possible = (1..=LARGEST_QUANTITY).contains(&quantity);
        let wrong_quantity = (!is_possible).then_some(NewCouponError::Quantity);
        let wrong: Vec<_> = wrong_name.into_iter().chain(wrong_quantity).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self {
            name: name.to_owned(),
            quantity,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_counted_in_characters() {
        for (name, kept) in [(" tea ", "tea"), (&*"쿠".repeat(100), &*"쿠".repeat(100))] {
            assert_eq!(NewCoupon::parse(name, 1).unwrap().name, kept);
        }
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        for quantity in [0, -1, i64::MIN, LARGEST_QUANTITY + 1, i64::MAX] {
            assert_eq!(
                NewCoupon::parse("  ", quantity),
                Err(vec![NewCouponError::NameEmpty, NewCouponError::Quantity])
            );
        }
        let too_long = NewCouponError::NameTooLong { characters: 101 };
        assert_eq!(
            NewCoupon::parse(&"x".repeat(101), LARGEST_QUANTITY),
            Err(vec![too_long])
        );
        assert_eq!(
            NewCoupon::parse("a\0b", 1),
            Err(vec![NewCouponError::NameControlCharacter])
        );
    }
}
