//! The calendar of a member's posts: how many on which day.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use thiserror::Error;
use utoipa::ToSchema;

use super::{PostError, store};
use crate::context::RequestContext;
use crate::database::Database;
use crate::day::parse_day;
use crate::ids::MemberId;

#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow, Serialize, Deserialize, ToSchema)]
pub struct DayCount {
    pub date: NaiveDate,
    pub count: i64,
}

/// Both days belong to the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRange {
    from: NaiveDate,
    to: NaiveDate,
}

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum DayRangeError {
    #[error("`from` is a calendar day written as YYYY-MM-DD")]
    From,
    #[error("`to` is a calendar day written as YYYY-MM-DD")]
    To,
    #[error("`to` is not before `from`")]
    Reversed,
    #[error("a calendar covers at most {max_days} days, this range has {days}")]
    TooLong { days: i64, max_days: u16 },
}

impl DayRangeError {
    /// The parameter to correct.
    pub fn field(self) -> &'static str {
        match self {
            Self::From => "from",
            Self::To | Self::Reversed | Self::TooLong { .. } => "to",
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::From | Self::To => "invalid_date",
            Self::Reversed => "before_from",
            Self::TooLong { .. } => "range_too_long",
        }
    }
}

impl DayRange {
    pub fn parse(from: &str, to: &str, max_days: u16) -> Result<Self, DayRangeError> {
        let from = parse_day(from).ok_or(DayRangeError::From)?;
        let to = parse_day(to).ok_or(DayRangeError::To)?;
        if to < from {
            return Err(DayRangeError::Reversed);
        }
        let days = (to - from).num_days() + 1;
        if days > i64::from(max_days) {
            return Err(DayRangeError::TooLong { days, max_days });
        }
        Ok(Self { from, to })
    }

    /// The whole of a year.
    pub(super) fn year(year: i32) -> Option<Self> {
        Some(Self {
            from: NaiveDate::from_ymd_opt(year, 1, 1)?,
            to: NaiveDate::from_ymd_opt(year, 12, 31)?,
        })
    }

    pub(super) fn contains(self, day: NaiveDate) -> bool {
        (self.from..=self.to).contains(&day)
    }

    pub fn from(self) -> NaiveDate {
        self.from
    }

    pub fn to(self) -> NaiveDate {
        self.to
    }
}

/// Only days with posts, ascending. The knobs say where the counts come from.
pub async fn calendar(
    database: &Database,
    ctx: &RequestContext,
    author: MemberId,
    range: DayRange,
) -> Result<Vec<DayCount>, PostError> {
    let knobs = ctx.knobs();
    let mut connection = database.acquire(ctx).await?;
    let days = store::calendar::day_counts(
        &mut connection,
        ctx,
        author,
        range,
        knobs.calendar_source,
        knobs.simulated_delay,
    )
    .await?;
    if days.is_empty() && !store::member_exists(&mut connection, ctx, author).await? {
        return Err(PostError::MemberNotFound);
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_count_towards_the_longest_range() {
        assert!(DayRange::parse("2024-01-01", "2024-12-31", 366).is_ok());
        assert_eq!(
            DayRange::parse("2024-01-01", "2025-01-01", 366),
            Err(DayRangeError::TooLong {
                days: 367,
                max_days: 366
            })
        );
        assert!(DayRange::parse("2024-02-29", "2024-02-29", 1).is_ok());
    }

    #[test]
    fn a_range_that_is_none_says_which_end_to_correct() {
        let field = |from, to| DayRange::parse(from, to, 366).map_err(DayRangeError::field);
        assert_eq!(field("2023-02-29", "2023-03-01"), Err("from"));
        assert_eq!(field("2023-02-28", "2023-02-29"), Err("to"));
        assert_eq!(field("2023-03-01", "2023-02-28"), Err("to"));
        assert_eq!(field("0001-01-01", "9999-12-31"), Err("to"));
    }
}
