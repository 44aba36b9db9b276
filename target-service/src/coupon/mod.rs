//! Coupons: so many of each, issued to members until they are gone.
//!
//! Invariant, with every `coupon.lock` but `none` and with the right `coupon.lock_order`, as long as no holder
//! of a lock outlives its lease or is fenced off then: of a coupon never more are issued than its quantity,
//! and what remains is the quantity less what was issued. Stock and issue change in one transaction. With
//! every lock: a member has one of each coupon at most.

pub mod api;
mod config;
mod holder;
mod issue;
mod new;
mod orders;
mod stock;
mod store;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;
use thiserror::Error;
use utoipa::ToSchema;

pub use config::CouponConfig;
pub use holder::hold;
pub use issue::issue;
pub use new::{NewCoupon, NewCouponError};
pub use orders::{claim, give_back, grant};

use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::ids::{CouponId, MemberId};
use crate::lock::LockError;

#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, ToSchema)]
pub struct Coupon {
    pub id: CouponId,
    pub name: String,
    pub quantity: i64,
    /// How many members have one, counted.
    pub issued: i64,
    /// How many can still be issued, by the stock.
    pub remaining: i64,
    pub created_at: DateTime<Utc>,
}

/// One coupon in a member's hands.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, ToSchema)]
pub struct CouponIssue {
    pub id: i64,
    pub coupon_id: CouponId,
    pub member_id: MemberId,
    pub issued_at: DateTime<Utc>,
}

#[derive(Debug, Error)]
pub enum CouponError {
    #[error("there is no such coupon")]
    NotFound,
    #[error("there is no such member")]
    MemberNotFound,
    #[error("all coupons have been issued")]
    SoldOut,
    #[error("the member has this coupon already")]
    AlreadyIssued,
    #[error("too many others asked for this coupon at the same time")]
    Contended,
    #[error("a later holder of the lock has been here")]
    LockLost,
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl CouponError {
    /// Nobody knows whether what was asked for has happened.
    pub fn is_uncertain(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_uncertain())
    }
}

pub async fn create(
    database: &Database,
    ctx: &RequestContext,
    new: &NewCoupon,
) -> Result<Coupon, CouponError> {
    let mut connection = database.acquire(ctx).await?;
    Ok(store::insert(&mut connection, ctx, new).await?)
}

pub async fn find(
    database: &Database,
    ctx: &RequestContext,
    id: CouponId,
) -> Result<Coupon, CouponError> {
    let mut connection = database.acquire(ctx).await?;
    store::find(&mut connection, ctx, id)
        .await?
        .ok_or(CouponError::NotFound)
}
