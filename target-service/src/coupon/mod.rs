//! Coupons: so many of each, issued to members until they are gone.
//!
//! Invariant, with every `coupon.lock` but `none` and with the right `coupon.lock_order`: of a coupon never
//! more are issued than its quantity, and what remains is the quantity less what was issued. Stock and issue
//! change in one transaction. With every lock: a member has one of each coupon at most.

pub mod api;
mod config;
mod new;
mod stock;
mod store;

use chrono::{DateTime, Utc};
use metrics::counter;
use serde::Serialize;
use sqlx::FromRow;
use thiserror::Error;
use utoipa::ToSchema;

pub use config::CouponConfig;
pub use new::{NewCoupon, NewCouponError};

use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::ids::{CouponId, MemberId};
use stock::Taken;

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
    #[error(transparent)]
    Database(#[from] DatabaseError),
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

/// Takes one out of the stock and gives it to the member, both or nothing.
pub async fn issue(
    database: &Database,
    ctx: &RequestContext,
    coupon: CouponId,
    member: MemberId,
) -> Result<CouponIssue, CouponError> {
    let issued = attempt(database, ctx, coupon, member).await;
    count(&issued);
    issued
}

async fn attempt(
    database: &Database,
    ctx: &RequestContext,
    coupon: CouponId,
    member: MemberId,
) -> Result<CouponIssue, CouponError> {
    let mut transaction = database.begin(ctx).await?;
    match stock::take_one(&mut transaction, ctx, coupon).await? {
        Taken::One => {}
        Taken::NoCoupon => return Err(CouponError::NotFound),
        Taken::Contended => return Err(CouponError::Contended),
        Taken::SoldOut => {
            let standing = store::standing(&mut transaction, ctx, coupon, member).await?;
            return Err(standing.refusal());
        }
    }
    let issue = store::append(&mut transaction, ctx, coupon, member)
        .await
        .map_err(meaning)?;
    transaction.commit().await?;
    Ok(issue)
}

/// An issue refers to its member, and stands for itself: the constraint that fails says what is wrong.
fn meaning(error: DatabaseError) -> CouponError {
    match error.constraint() {
        Some(store::MEMBER) => CouponError::MemberNotFound,
        Some(store::ONE_EACH) => CouponError::AlreadyIssued,
        _ => error.into(),
    }
}

/// Who asks for a coupon of which there are none left.
#[derive(Debug, Clone, Copy, FromRow)]
struct Standing {
    exists: bool,
    has_one: bool,
}

impl Standing {
    fn refusal(self) -> CouponError {
        if self.has_one {
            CouponError::AlreadyIssued
        } else if self.exists {
            CouponError::SoldOut
        } else {
            CouponError::MemberNotFound
        }
    }
}

fn count(issued: &Result<CouponIssue, CouponError>) {
    let outcome = match issued {
        Ok(_) => "issued",
        Err(CouponError::SoldOut) => "sold_out",
        Err(CouponError::AlreadyIssued) => "already_issued",
        Err(CouponError::NotFound | CouponError::MemberNotFound) => "not_found",
        Err(CouponError::Contended) => "contended",
        Err(CouponError::Database(_)) => "failed",
    };
    counter!("target_coupon_issues_total", "outcome" => outcome).increment(1);
}
