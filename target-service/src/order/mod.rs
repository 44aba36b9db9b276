//! Orders: what a member wants, and how far it is.
//!
//! Invariant: an order is CREATED, then PAID or FAILED, and that for good; of all who would end it one does.
//! The database refuses anything else. What the goods are and where they come from is not known here: the
//! checkout flow moves them in the transaction that changes the status.

pub mod api;
mod status;
mod store;

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
use thiserror::Error;
use utoipa::ToSchema;

pub use status::{Failure, OrderStatus};
pub use store::{claim_due, mark_failed, mark_paid, stop_looking};

use crate::context::RequestContext;
use crate::database::{Database, DatabaseError, OnConstraint as _};
use crate::idempotency::IdempotencyKey;
use crate::ids::{CouponId, MemberId, OrderId, SeatId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Order {
    pub id: OrderId,
    pub member_id: MemberId,
    pub status: OrderStatus,
    #[schema(required = true)]
    pub seat: Option<SeatId>,
    #[schema(required = true)]
    pub coupon_id: Option<CouponId>,
    /// The price.
    pub amount: i64,
    /// The part of the price that is paid with points.
    pub points: i64,
    /// Why it failed; null unless it has.
    #[schema(required = true)]
    pub failure: Option<Failure>,
    pub created_at: DateTime<Utc>,
    /// When it was paid or failed.
    #[schema(required = true)]
    pub settled_at: Option<DateTime<Utc>>,
}

impl Order {
    /// What is left to pay with money.
    pub fn due(&self) -> i64 {
        self.amount - self.points
    }
}

/// The highest price.
pub const LARGEST_AMOUNT: i64 = 1_000_000_000;

/// What is wrong with a wish: field, stable code, and what it says.
#[derive(Debug, Error, Clone, Copy, PartialEq, Eq)]
pub enum NewOrderError {
    #[error("an amount is a whole number from 1 to {LARGEST_AMOUNT}")]
    Amount,
    #[error("points are a whole number from 0 to the amount")]
    Points,
    #[error("events and seats have numbers from 1 to {}", SeatId::LARGEST)]
    Seat,
    #[error("an order is for a seat or for a coupon, and not for both")]
    SeatAndCoupon,
}

impl NewOrderError {
    pub fn field(self) -> &'static str {
        match self {
            Self::Amount => "amount",
            Self::Points => "points",
            Self::Seat => "seat",
            Self::SeatAndCoupon => "coupon_id",
        }
    }

    pub fn code(self) -> &'static str {
        match self {
            Self::Amount | Self::Points | Self::Seat => "out_of_range",
            Self::SeatAndCoupon => "seat_and_coupon",
        }
    }
}

/// What a member wants: a seat, a coupon, or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub member: MemberId,
    pub seat: Option<SeatId>,
    pub coupon: Option<CouponId>,
    pub points: i64,
    pub amount: i64,
    /// The same wish with the same key is the same order.
    pub key: Option<IdempotencyKey>,
}

impl NewOrder {
    /// Everything that is wrong with it.
    pub fn check(&self) -> Vec<NewOrderError> {
        let mut errors = Vec::new();
        if !(1..=LARGEST_AMOUNT).contains(&self.amount) {
            errors.push(NewOrderError::Amount);
        }
        if self.points < 0 || self.points > self.amount.clamp(0, LARGEST_AMOUNT) {
            errors.push(NewOrderError::Points);
        }
        if self.seat.is_some_and(|seat| !seat.exists()) {
            errors.push(NewOrderError::Seat);
        }
        if self.seat.is_some() && self.coupon.is_some() {
            errors.push(NewOrderError::SeatAndCoupon);
        }
        errors
    }

    fn is_for(&self, order: &Order) -> bool {
        (self.seat, self.coupon, self.points, self.amount)
            == (order.seat, order.coupon_id, order.points, order.amount)
    }
}

#[derive(Debug, Error)]
pub enum OrderError {
    #[error("there is no such order")]
    NotFound,
    #[error("there is no such member")]
    MemberNotFound,
    #[error("this idempotency key was used for another request")]
    KeyReused,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    New(Order),
    /// The key's order, which is there already.
    Before(Order),
}

/// A step of a flow's transaction. Waits for another transaction that is about to use the key.
/// `look_after`: when the settlement is to look at the order for the first time.
pub async fn create(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    new: &NewOrder,
    look_after: Duration,
) -> Result<Created, OrderError> {
    loop {
        let inserted = store::insert(transaction, ctx, new, look_after)
            .await
            .on_constraint(store::MEMBER, || OrderError::MemberNotFound)?;
        if let Some(order) = inserted {
            return Ok(Created::New(order));
        }
        // Only a key can be in the way.
        let Some(key) = &new.key else { continue };
        let before = store::find_by_key(transaction, ctx, new.member, key).await?;
        match before {
            Some(order) if new.is_for(&order) => return Ok(Created::Before(order)),
            Some(_) => return Err(OrderError::KeyReused),
            // The order of this key has failed meanwhile and given it up.
            None => {}
        }
    }
}

pub async fn find(
    database: &Database,
    ctx: &RequestContext,
    id: OrderId,
) -> Result<Order, OrderError> {
    let mut connection = database.acquire(ctx).await?;
    store::find(&mut connection, ctx, id)
        .await?
        .ok_or(OrderError::NotFound)
}

/// An order that it is time to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub order: Order,
    /// Since it was created.
    pub age: Duration,
    /// Since it was paid or failed.
    pub settled_for: Option<Duration>,
}
