//! One row of the ledger.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use thiserror::Error;
use utoipa::ToSchema;

use crate::ids::MemberId;

/// A change of a member's points.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, ToSchema)]
pub struct PointEntry {
    pub id: i64,
    pub member_id: MemberId,
    #[sqlx(try_from = "String")]
    pub kind: EntryKind,
    /// How many points were moved.
    pub amount: i64,
    /// What the balance was then.
    pub balance: i64,
    pub created_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    Charge,
    Use,
    /// An order has taken them.
    OrderSpend,
    /// An order has given them back.
    OrderReturn,
    /// Given to another member.
    TransferOut,
    /// Got from another member.
    TransferIn,
}

impl EntryKind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Use => "use",
            Self::OrderSpend => "order_spend",
            Self::OrderReturn => "order_return",
            Self::TransferOut => "transfer_out",
            Self::TransferIn => "transfer_in",
        }
    }

    /// 1 where points come, -1 where they go.
    pub(super) fn sign(self) -> i64 {
        match self {
            Self::Charge | Self::OrderReturn | Self::TransferIn => 1,
            Self::Use | Self::OrderSpend | Self::TransferOut => -1,
        }
    }
}

#[derive(Debug, Error)]
#[error("`{0}` is no kind of ledger entry")]
pub struct UnknownKind(String);

impl TryFrom<String> for EntryKind {
    type Error = UnknownKind;

    fn try_from(stored: String) -> Result<Self, UnknownKind> {
        [
            Self::Charge,
            Self::Use,
            Self::OrderSpend,
            Self::OrderReturn,
            Self::TransferOut,
            Self::TransferIn,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == stored)
        .ok_or(UnknownKind(stored))
    }
}
