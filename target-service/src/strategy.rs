//! The named alternatives that a switch chooses between.
//!
//! They live below the domains because the knobs carry them; what each one does is in the domain that
//! matches on it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the calendar takes its counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalendarSource {
    /// Counts the posts of each day when asked.
    #[default]
    Raw,
    /// Reads the counts that every insert keeps.
    Preaggregated,
}

/// How the number of likes of a post is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LikesStrategy {
    /// Locks the post, reads the count, writes it back.
    RowLock,
    /// Reads count and version, writes only if the version is still the same, else starts over, a
    /// bounded number of times.
    Optimistic,
    /// `count = count + 1` in the database.
    #[default]
    Increment,
    /// Keeps no count: the rows are counted at each read.
    Derived,
}

/// What keeps two changes of one member's points from overwriting each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PointLock {
    /// The mistake: reads the balance and writes the new one back, whatever happened in between.
    None,
    /// Locks the account, reads the balance, writes it back.
    #[default]
    Row,
    /// Reads balance and version, writes only if the version is still the same, else reads again, a
    /// bounded number of times.
    Optimistic,
    /// `balance = balance + change` in the database.
    Increment,
}

impl LikesStrategy {
    pub fn derives_count(self) -> bool {
        self == Self::Derived
    }
}
