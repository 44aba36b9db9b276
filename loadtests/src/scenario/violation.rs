//! What can be wrong with payments, with the books of points and coupons, and with what members are told
//! of events: the words in which a checker finds it, and in which an arm that is there to show a mistake
//! says that it expects it.

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
    /// The order has its goods or keeps them from others, and it failed, or no charge stands.
    GrantedUnpaid,
    /// Another sum than was to be paid: charged, written down, or taken in points or kept of them.
    WrongAmount,
    /// Not final by the end of the heal time.
    StillPending,
    /// A change of points that began from another balance than the change before it had left: one of
    /// the two is lost.
    LostUpdate,
    /// A balance of points that is not the sum of its ledger, or is or was negative.
    Unbalanced,
    /// A transfer of points that did not give one member what it took from another.
    HalfTransfer,
    /// A coupon that was issued beyond its quantity.
    Oversold,
    /// A coupon that one member has more than once.
    IssuedTwice,
    /// A coupon of which not so many remain as have not been issued.
    WrongStock,
    /// Something has happened of which the member concerned never got the mail, and nobody is going to
    /// send it.
    LostEvent,
    /// As above, by the end of the heal time; it stands in the outbox still.
    UndeliveredEvent,
    /// Two mails of one event.
    DuplicateMail,
}

/// Who finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checker {
    Payments,
    Books,
    Deliveries,
}

impl Violation {
    pub const ALL: [Self; 17] = [
        Self::DoubleCharge,
        Self::LostCharge,
        Self::UnexpectedCharge,
        Self::Orphan,
        Self::NotGranted,
        Self::GrantedUnpaid,
        Self::WrongAmount,
        Self::StillPending,
        Self::LostUpdate,
        Self::Unbalanced,
        Self::HalfTransfer,
        Self::Oversold,
        Self::IssuedTwice,
        Self::WrongStock,
        Self::LostEvent,
        Self::UndeliveredEvent,
        Self::DuplicateMail,
    ];

    /// Whether it shows only beside the ledger of a payment gateway.
    pub fn needs_gateway(self) -> bool {
        self.checker() == Checker::Payments
    }

    pub fn of_payments() -> impl Iterator<Item = Self> {
        Self::of(Checker::Payments)
    }

    pub fn of_books() -> impl Iterator<Item = Self> {
        Self::of(Checker::Books)
    }

    pub fn of_deliveries() -> impl Iterator<Item = Self> {
        Self::of(Checker::Deliveries)
    }

    fn of(checker: Checker) -> impl Iterator<Item = Self> {
        let is_its = move |kind: &Self| kind.checker() == checker;
        Self::ALL.into_iter().filter(is_its)
    }

    fn checker(self) -> Checker {
        match self {
            Self::LostUpdate
            | Self::Unbalanced
            | Self::HalfTransfer
            | Self::Oversold
            | Self::IssuedTwice
            | Self::WrongStock => Checker::Books,
            Self::LostEvent | Self::UndeliveredEvent | Self::DuplicateMail => Checker::Deliveries,
            _ => Checker::Payments,
        }
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
            Self::WrongAmount => "wrong_amount",
            Self::StillPending => "still_pending",
            Self::LostUpdate => "lost_update",
            Self::Unbalanced => "unbalanced",
            Self::HalfTransfer => "half_transfer",
            Self::Oversold => "oversold",
            Self::IssuedTwice => "issued_twice",
            Self::WrongStock => "wrong_stock",
            Self::LostEvent => "lost_event",
            Self::UndeliveredEvent => "undelivered_event",
            Self::DuplicateMail => "duplicate_mail",
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
            Self::WrongAmount => "wrong_amounts",
            Self::StillPending => "still_pending",
            Self::LostUpdate => "lost_updates",
            Self::Unbalanced => "unbalanced_accounts",
            Self::HalfTransfer => "half_transfers",
            Self::Oversold => "oversold_coupons",
            Self::IssuedTwice => "twice_issued_coupons",
            Self::WrongStock => "wrong_stocks",
            Self::LostEvent => "lost_events",
            Self::UndeliveredEvent => "undelivered_events",
            Self::DuplicateMail => "duplicate_mails",
        }
    }
}
