//! How far an order is, and why it failed.

use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Holds its goods and waits for its payment.
    Created,
    /// Its goods are the member's.
    Paid,
    /// Has given back all of its goods.
    Failed,
}

/// Why an order failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The payment failed for good, most often because it was declined.
    PaymentFailed,
    /// The payment was given up when it took too long. A charge may stand.
    PaymentTimedOut,
    /// The payment could not be made, and nothing was charged.
    PaymentUnavailable,
    /// No payment had been made when it was time to stop waiting.
    NeverPaid,
    /// It was paid, and could not be granted any more: the payment goes back.
    GoodsGone,
}

impl Failure {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::PaymentFailed => "payment_failed",
            Self::PaymentTimedOut => "payment_timed_out",
            Self::PaymentUnavailable => "payment_unavailable",
            Self::NeverPaid => "never_paid",
            Self::GoodsGone => "goods_gone",
        }
    }
}

#[derive(Debug, Error)]
#[error("`{0}` is no status of an order, nor a reason of its failure")]
pub struct Unknown(String);

impl TryFrom<String> for OrderStatus {
    type Error = Unknown;

    fn try_from(stored: String) -> Result<Self, Unknown> {
        match stored.as_str() {
            "CREATED" => Ok(Self::Created),
            "PAID" => Ok(Self::Paid),
            "FAILED" => Ok(Self::Failed),
            _ => Err(Unknown(stored)),
        }
    }
}

impl TryFrom<String> for Failure {
    type Error = Unknown;

    fn try_from(stored: String) -> Result<Self, Unknown> {
        [
            Self::PaymentFailed,
            Self::PaymentTimedOut,
            Self::PaymentUnavailable,
            Self::NeverPaid,
            Self::GoodsGone,
        ]
        .into_iter()
        .find(|failure| failure.as_str() == stored)
        .ok_or(Unknown(stored))
    }
}
