//! Seats of events: held once, sold once.
//!
//! A member holds a seat for `seat.hold`; then it is free for whoever comes first, the same member included.
//! Holding it again before that changes nothing: a hold that could be prolonged would keep the seat for as
//! long as somebody asks. An order takes a free seat, or one that its own member holds, and from then on the
//! seat's fate is the order's: sold with it or released with it, whatever the clock says.
//!
//! Invariant: a seat is one row, and each change of hands is one statement that looks and writes under that
//! row's lock. What is sold stays sold; the database refuses anything else.

pub mod api;
mod config;
mod orders;
mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use thiserror::Error;
use utoipa::ToSchema;

pub use config::SeatConfig;
pub use orders::{claim, release, sell};

use crate::context::RequestContext;
use crate::database::{Database, DatabaseError, OnConstraint as _};
use crate::ids::{MemberId, SeatId};

/// A seat as it is at the moment: one whose hold has run out is free.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, ToSchema)]
pub struct Seat {
    pub event: i64,
    pub seat: i64,
    #[sqlx(try_from = "String")]
    pub status: SeatStatus,
    /// Who holds it or has bought it; null when it is free.
    #[schema(required = true)]
    pub member_id: Option<MemberId>,
    /// When the hold runs out; null when it does not, because an order has the seat.
    #[schema(required = true)]
    pub held_until: Option<DateTime<Utc>>,
}

impl Seat {
    fn free(id: SeatId) -> Self {
        Self {
            event: id.event,
            seat: id.seat,
            status: SeatStatus::Free,
            member_id: None,
            held_until: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SeatStatus {
    Free,
    Held,
    Sold,
}

#[derive(Debug, Error)]
#[error("`{0}` is no status of a seat")]
pub struct UnknownStatus(String);

impl TryFrom<String> for SeatStatus {
    type Error = UnknownStatus;

    fn try_from(stored: String) -> Result<Self, UnknownStatus> {
        match stored.as_str() {
            "FREE" => Ok(Self::Free),
            "HELD" => Ok(Self::Held),
            "SOLD" => Ok(Self::Sold),
            _ => Err(UnknownStatus(stored)),
        }
    }
}

#[derive(Debug, Error)]
pub enum SeatError {
    #[error("events and seats have numbers from 1 to {}", SeatId::LARGEST)]
    NotFound,
    #[error("there is no such member")]
    MemberNotFound,
    #[error("somebody else holds this seat")]
    Held,
    #[error("this seat is sold")]
    Sold,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A seat that changes hands between the attempt to take it and the look at who has it is tried again so
/// often.
const ATTEMPTS: u32 = 3;

/// The seat, held by this member: since now, or since before.
pub async fn hold(
    database: &Database,
    ctx: &RequestContext,
    id: SeatId,
    member: MemberId,
) -> Result<Seat, SeatError> {
    if !id.exists() {
        return Err(SeatError::NotFound);
    }
    let mut connection = database.acquire(ctx).await?;
    for _ in 0..ATTEMPTS {
        let held = store::hold(&mut connection, ctx, id, member, ctx.knobs().seat_hold)
            .await
            .on_constraint(store::MEMBER, || SeatError::MemberNotFound)?;
        if let Some(seat) = held {
            return Ok(seat);
        }
        let seat = store::find(&mut connection, ctx, id).await?;
        match seat.unwrap_or(Seat::free(id)) {
            seat if seat.status == SeatStatus::Sold => return Err(SeatError::Sold),
            seat if seat.member_id == Some(member) => return Ok(seat),
            seat if seat.status == SeatStatus::Held => return Err(SeatError::Held),
            _ => {}
        }
    }
    Err(SeatError::Held)
}

pub async fn find(
    database: &Database,
    ctx: &RequestContext,
    id: SeatId,
) -> Result<Seat, SeatError> {
    if !id.exists() {
        return Err(SeatError::NotFound);
    }
    let mut connection = database.acquire(ctx).await?;
    let seat = store::find(&mut connection, ctx, id).await?;
    Ok(seat.unwrap_or(Seat::free(id)))
}
