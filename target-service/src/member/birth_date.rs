//! A birth date: a real calendar day that has come, and not before 1900.

use chrono::NaiveDate;
use thiserror::Error;

use crate::day::parse_day;

#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum BirthDateError {
    #[error("a birth date is a calendar day written as YYYY-MM-DD")]
    NoCalendarDay,
    #[error("a birth date is not in the future")]
    InFuture,
    #[error("a birth date is not before 1900-01-01")]
    TooEarly,
}

impl BirthDateError {
    pub fn code(self) -> &'static str {
        match self {
            Self::NoCalendarDay => "invalid_date",
            Self::InFuture => "in_future",
            Self::TooEarly => "too_early",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BirthDate(NaiveDate);

impl BirthDate {
    /// `today` is the day in the service's time zone.
    pub fn parse(input: &str, today: NaiveDate) -> Result<Self, BirthDateError> {
        let date = parse_day(input).ok_or(BirthDateError::NoCalendarDay)?;
        if date < earliest() {
            return Err(BirthDateError::TooEarly);
        }
        if date > today {
            return Err(BirthDateError::InFuture);
        }
        Ok(Self(date))
    }

    pub fn date(self) -> NaiveDate {
        self.0
    }
}

fn earliest() -> NaiveDate {
    NaiveDate::from_ymd_opt(1900, 1, 1).expect("the first day of 1900 exists")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(input: &str) -> Result<BirthDate, BirthDateError> {
        BirthDate::parse(input, NaiveDate::from_ymd_opt(2026, 3, 1).unwrap())
    }

    #[test]
    fn real_days_from_1900_to_today_pass() {
        for input in ["1900-01-01", "2024-02-29", "2026-03-01"] {
            assert_eq!(parse(input).unwrap().date().to_string(), input);
        }
    }

    #[test]
    fn days_out_of_bounds_say_which_bound() {
        assert_eq!(parse("2026-03-02"), Err(BirthDateError::InFuture));
        assert_eq!(parse("1899-12-31"), Err(BirthDateError::TooEarly));
    }

    #[test]
    fn what_is_no_calendar_day_is_refused() {
        for input in ["", "2023-02-29", "yesterday"] {
            assert_eq!(
                parse(input),
                Err(BirthDateError::NoCalendarDay),
                "{input:?}"
            );
        }
    }
}
