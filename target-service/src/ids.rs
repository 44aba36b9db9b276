//! Identities. Most are numbers that the database draws; a type for each keeps one from being taken for
//! another.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            Serialize, Deserialize, sqlx::Type, utoipa::ToSchema,
        )]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

numeric_id!(
    /// Identity of a member.
    MemberId
);
numeric_id!(
    /// Identity of a post.
    PostId
);
numeric_id!(
    /// Identity of a coupon: of an offer of so many, not of one that a member has.
    CouponId
);
numeric_id!(
    /// Identity of an order.
    OrderId
);
numeric_id!(
    /// Identity of a payment, here and, as text, at the gateway.
    PaymentId
);
numeric_id!(
    /// Identity of a survey.
    SurveyId
);

/// Identity of a seat: its event, and its number there. Nobody draws it: seats are there to be taken.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct SeatId {
    /// From 1 to 1,000,000.
    pub event: i64,
    /// From 1 to 1,000,000.
    pub seat: i64,
}

impl SeatId {
    pub const LARGEST: i64 = 1_000_000;

    /// Whether there can be a seat of this identity.
    pub fn exists(self) -> bool {
        let possible = 1..=Self::LARGEST;
        possible.contains(&self.event) && possible.contains(&self.seat)
    }
}

impl fmt::Display for SeatId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "seat {} of event {}", self.seat, self.event)
    }
}

/// The longest request id that is taken over from a client.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// Identity of a request, in its answer and in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Box<str>);

impl RequestId {
    /// Ids made here sort by the time of their making.
    pub fn generate() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }

    /// Takes over a client's id when it is short and made of visible ASCII only, so that it can go
    /// into logs and headers as it is.
    pub fn from_client(id: &str) -> Option<Self> {
        let fits = (1..=MAX_REQUEST_ID_BYTES).contains(&id.len());
        (fits && id.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(id.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_request_id_is_taken_over_only_when_it_is_harmless() {
        assert_eq!(
            RequestId::from_client("order-7/a").unwrap().as_str(),
            "order-7/a"
        );
        for id in ["", "two words", "line\nbreak", "ungefähr", &"x".repeat(129)] {
            assert_eq!(RequestId::from_client(id), None, "{id:?}");
        }
    }

    #[test]
    fn generated_request_ids_differ_and_sort_by_time() {
        let (first, second) = (RequestId::generate(), RequestId::generate());
        assert!(first.as_str() < second.as_str());
    }
}
