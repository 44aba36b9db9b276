//! What can be wrong with payments, and with the books of points and coupons: the words in which a
//! checker finds it, and in which an arm that is there to show a mistake says that it expects it.

use serde::{Deserialize, Serialize};

/// A broken promise about money, goods or points.
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
    /// A change of points that began from another balance than the change before it had left: one of
    /// the two is lost.
    LostUpdate,
    /// A balance of points that is not the sum of its ledger, or is negative.
    Unbalanced,
    /// A transfer of points that did not give one member what it took from another.
    HalfTransfer,
    /// A coupon that was issued beyond its quantity.
    Oversold,
    /// A coupon of which not so many remain as have not been issued.
    WrongStock,
}

impl Violation {
    pub const ALL: [Self; 12] = [
        Self::DoubleCharge,
        Self::LostCharge,
        Self::UnexpectedCharge,
        Self::Orphan,
        Self::NotGranted,
        Self::GrantedUnpaid,
        Self::StillPending,
        Self::LostUpdate,
        Self::Unbalanced,
        Self::HalfTransfer,
        Self::Oversold,
        Self::WrongStock,
    ];

    /// Whether it shows in the service's books alone; what is wrong with payments shows only beside
    /// the gateway's ledger.
    pub fn is_in_books(self) -> bool {
        matches!(
            self,
            Self::LostUpdate
                | Self::Unbalanced
                | Self::HalfTransfer
                | Self::Oversold
                | Self::WrongStock
        )
    }

    pub fn of_payments() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kind| !kind.is_in_books())
    }

    pub fn of_books() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|kind| kind.is_in_books())
    }

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
            Self::LostUpdate => "lost_update",
            Self::Unbalanced => "unbalanced",
            Self::HalfTransfer => "half_transfer",
            Self::Oversold => "oversold",
            Self::WrongStock => "wrong_stock",
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
            Self::LostUpdate => "lost_updates",
            Self::Unbalanced => "unbalanced_accounts",
            Self::HalfTransfer => "half_transfers",
            Self::Oversold => "oversold_coupons",
            Self::WrongStock => "wrong_stocks",
        }
    }
}
