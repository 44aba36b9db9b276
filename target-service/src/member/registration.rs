//! What somebody must give to become a member, checked as a whole: every field that is wrong is named.

use chrono::NaiveDate;
use thiserror::Error;

use super::birth_date::{BirthDate, BirthDateError};
use super::email::{Email, EmailError};
use super::nickname::{Nickname, NicknameError};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    pub email: Email,
    pub nickname: Nickname,
    pub birth_date: BirthDate,
}

/// At least one of the fields is `Some`.
#[derive(Debug, Error, Default, Clone, Copy, PartialEq, Eq)]
#[error("the registration is not valid")]
pub struct RegistrationError {
    pub email: Option<EmailError>,
    pub nickname: Option<NicknameError>,
    pub birth_date: Option<BirthDateError>,
}

impl Registration {
    /// `today` is the day in the service's time zone.
    pub fn parse(
        email: &str,
        nickname: &str,
        birth_date: &str,
        today: NaiveDate,
    ) -> Result<Self, RegistrationError> {
        let email = Email::parse(email);
        let nickname = Nickname::parse(nickname);
        let birth_date = BirthDate::parse(birth_date, today);
        match (email, nickname, birth_date) {
            (Ok(email), Ok(nickname), Ok(birth_date)) => Ok(Self {
                email,
                nickname,
                birth_date,
            }),
            (email, nickname, birth_date) => Err(RegistrationError {
                email: email.err(),
                nickname: nickname.err(),
                birth_date: birth_date.err(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_wrong_fields_are_named_at_once() {
        let today = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        assert_eq!(
            Registration::parse("kim", "", "2026-03-02", today),
            Err(RegistrationError {
                email: Some(EmailError::Syntax),
                nickname: Some(NicknameError::Empty),
                birth_date: Some(BirthDateError::InFuture),
            })
        );
        assert!(Registration::parse("kim@example.com", "kim", "2026-03-01", today).is_ok());
    }
}
