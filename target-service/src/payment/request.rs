//! What is asked for: an amount, and a key under which it is asked for once.

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::idempotency::IdempotencyKey;
use crate::ids::{MemberId, OrderId};

/// Keeps every sum far from overflow.
const MAX_AMOUNT: i64 = 1_000_000_000_000;

/// From 1 up, in the smallest unit of the currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(i64);

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
#[error("an amount is a whole number from 1 to {MAX_AMOUNT}")]
pub struct AmountError;

impl Amount {
    pub fn new(amount: i64) -> Result<Self, AmountError> {
        match amount {
            1..=MAX_AMOUNT => Ok(Self(amount)),
            _ => Err(AmountError),
        }
    }

    pub fn get(self) -> i64 {
        self.0
    }
}

/// A payment that is asked for.
#[derive(Debug, Clone)]
pub struct NewPayment {
    pub order_id: OrderId,
    pub member_id: MemberId,
    pub amount: Amount,
    /// Unique among those of one member.
    pub key: IdempotencyKey,
}

impl NewPayment {
    /// The same for the same payment, however its request was written.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        Sha256::new()
            .chain_update(self.order_id.0.to_be_bytes())
            .chain_update(self.member_id.0.to_be_bytes())
            .chain_update(self.amount.0.to_be_bytes())
            .finalize()
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_positive_and_bounded() {
        for amount in [1, 500, MAX_AMOUNT] {
            assert_eq!(Amount::new(amount).unwrap().get(), amount);
        }
        for amount in [i64::MIN, -1, 0, MAX_AMOUNT + 1, i64::MAX] {
            assert_eq!(Amount::new(amount), Err(AmountError), "{amount}");
        }
    }

    #[test]
    fn every_part_of_a_payment_is_in_its_fingerprint() {
        let payment = |order, member, amount| {
            NewPayment {
                order_id: OrderId(order),
                member_id: MemberId(member),
                amount: Amount::new(amount).unwrap(),
                key: IdempotencyKey::parse("k").unwrap(),
            }
            .fingerprint()
        };
        assert_eq!(payment(1, 2, 3), payment(1, 2, 3));
        for other in [payment(9, 2, 3), payment(1, 9, 3), payment(1, 2, 9)] {
            assert_ne!(payment(1, 2, 3), other);
        }
    }
}
