//! What can be wrong with payments: the words in which a checker finds it, and in which an arm that
//! is there to show a mistake says that it expects it.

use serde::{Deserialize, Serialize};

/// A broken promise about money or goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Violation {
    /// More than one charge stands for one order.
    DoubleCharge,
    /// Told or recorded as paid, and no charge stands at the gateway.
    LostCharge,
    /// A charge that stands for a payment that the service does not know, or for an order that
    /// nobody tried to pay.
    UnexpectedCharge,
    /// Told or recorded as failed, while a charge stands.
    Orphan,
    /// Paid, and the order does not have its goods.
    NotGranted,
    /// The order has its goods, and no charge stands.
    GrantedUnpaid,
    /// Not final by the end of the heal time.
    StillPending,
}

impl Violation {
    pub const ALL: [Self; 7] = [
        Self::DoubleCharge,
        Self::LostCharge,
        Self::UnexpectedCharge,
        Self::Orphan,
        Self::NotGranted,
        Self::GrantedUnpaid,
        Self::StillPending,
    ];

    /// The code of its findings, and the word for it in `expects`.
    pub fn code(self) -> &'static str {
        match self {
            Self::DoubleCharge => "double_charge",
            Self::LostCharge => "lost_charge",
            Self::UnexpectedCharge => "unexpected_charge",
            Self::Orphan => "orphan",
            Self::NotGranted => "not_granted",
            Self::GrantedUnpaid => "granted_unpaid",
            Self::StillPending => "still_pending",
        }
    }

    /// The figure that counts it.
    pub fn figure(self) -> &'static str {
        match self {
            Self::DoubleCharge => "double_charges",
            Self::LostCharge => "lost_charges",
            Self::UnexpectedCharge => "unexpected_charges",
            Self::Orphan => "orphans",
            Self::NotGranted => "not_granted",
            Self::GrantedUnpaid => "granted_unpaid",
            Self::StillPending => "still_pending",
        }
    }
}
