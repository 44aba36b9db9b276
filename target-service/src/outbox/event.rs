//! What has happened to what.

use std::fmt;

use thiserror::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    MemberRegistered,
    OrderPaid,
    OrderFailed,
}

impl Kind {
    const ALL: [Self; 3] = [Self::MemberRegistered, Self::OrderPaid, Self::OrderFailed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemberRegistered => "member_registered",
            Self::OrderPaid => "order_paid",
            Self::OrderFailed => "order_failed",
        }
    }
}

#[derive(Debug, Error)]
#[error("`{0}` is no kind of event")]
pub struct UnknownKind(String);

impl TryFrom<String> for Kind {
    type Error = UnknownKind;

    fn try_from(stored: String) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == stored)
            .ok_or(UnknownKind(stored))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Event {
    pub id: i64,
    #[sqlx(try_from = "String")]
    pub kind: Kind,
    /// The id of what it happened to.
    pub subject: i64,
}

/// Names what happened: no two events have the same.
impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.kind.as_str(), self.subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in Kind::ALL {
            assert_eq!(Kind::try_from(kind.as_str().to_owned()).unwrap(), kind);
        }
        assert!(Kind::try_from("birthday".to_owned()).is_err());
    }
}
