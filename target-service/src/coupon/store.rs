//! The SQL of coupons, their stock and their issues.
//!
//! Whoever changes a stock also moves its version on, so that an optimistic writer notices. Every issue
//! touches the coupon first and the issue second, so that two of them cannot wait for each other in a circle.

use sqlx::{FromRow, PgConnection};

use super::issue::Standing;
use super::{Coupon, CouponIssue, NewCoupon};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::{CouponId, MemberId, OrderId};
use crate::lock::Fence;

/// The constraint that says that there is no such member.
pub(super) const MEMBER: &str = "coupon_issues_member";
/// The constraint that says that the member has one.
pub(super) const ONE_EACH: &str = "coupon_issues_one_each";

pub(super) async fn insert(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    new: &NewCoupon,
) -> Result<Coupon, DatabaseError> {
    let query = sqlx::query_as(
        "INSERT INTO coupons (name, quantity, remaining) VALUES ($1, $2, $2) \
         RETURNING id, name, quantity, 0::bigint AS issued, remaining, created_at",
    )
    .bind(&new.name)
    .bind(new.quantity)
    .fetch_one(connection);
    observed(ctx, "coupon.insert", query).await
}

/// One statement, so that issues and stock are of one moment.
pub(super) async fn find(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: CouponId,
) -> Result<Option<Coupon>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT id, name, quantity, remaining, created_at, \
                (SELECT count(*) FROM coupon_issues i WHERE i.coupon_id = c.id) AS issued \
         FROM coupons c WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(connection);
    observed(ctx, "coupon.find", query).await
}

#[derive(Debug, Clone, Copy, FromRow)]
pub(super) struct Stock {
    pub remaining: i64,
    pub version: i64,
}

pub(super) async fn stock(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: CouponId,
) -> Result<Option<Stock>, DatabaseError> {
    let query = sqlx::query_as("SELECT remaining, version FROM coupons WHERE id = $1")
        .bind(id)
        .fetch_optional(connection);
    observed(ctx, "coupon.stock", query).await
}

/// Keeps every other writer of this stock waiting until the transaction ends.
pub(super) async fn lock_stock(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: CouponId,
) -> Result<Option<Stock>, DatabaseError> {
    let query =
        sqlx::query_as("SELECT remaining, version FROM coupons WHERE id = $1 FOR NO KEY UPDATE")
            .bind(id)
            .fetch_optional(connection);
    observed(ctx, "coupon.lock_stock", query).await
}

/// Overwrites whatever the stock is by then. `false`: the holder of the lock who writes this is not the last
/// one that was announced, and nothing was written.
pub(super) async fn write_stock(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: CouponId,
    new: i64,
    fence: Option<Fence>,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "UPDATE coupons SET remaining = $2, version = version + 1 \
         WHERE id = $1 AND ($3::bigint IS NULL OR fence = $3)",
    )
    .bind(id)
    .bind(new)
    .bind(fence.map(|fence| fence.0))
    .execute(connection);
    let written = observed(ctx, "coupon.write_stock", query).await?;
    Ok(written.rows_affected() == 1)
}

/// From now on what earlier holders of the lock write is refused. Nothing happens where a later one was
/// announced before.
pub(super) async fn announce(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: CouponId,
    fence: Fence,
) -> Result<(), DatabaseError> {
    let query = sqlx::query("UPDATE coupons SET fence = $2 WHERE id = $1 AND fence < $2")
        .bind(id)
        .bind(fence.0)
        .execute(connection);
    observed(ctx, "coupon.announce", query).await?;
    Ok(())
}

/// `false`: somebody has changed the stock since the version was read, and nothing was written.
pub(super) async fn write_stock_of_version(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: CouponId,
    new: i64,
    read_version: i64,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "UPDATE coupons SET remaining = $2, version = version + 1 WHERE id = $1 AND version = $3",
    )
    .bind(id)
    .bind(new)
    .bind(read_version)
    .execute(connection);
    let written = observed(ctx, "coupon.write_stock_of_version", query).await?;
    Ok(written.rows_affected() == 1)
}

/// Lets the database take one out of whatever the stock is by then. `false`: there is none, or no coupon.
pub(super) async fn take_from_stock(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: CouponId,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "UPDATE coupons SET remaining = remaining - 1, version = version + 1 \
         WHERE id = $1 AND remaining > 0",
    )
    .bind(id)
    .execute(connection);
    let taken = observed(ctx, "coupon.take_from_stock", query).await?;
    Ok(taken.rows_affected() == 1)
}

/// `false`: the holder of the lock who gives this back is not the last one that was announced. Where a mistake
/// has left more in the stock than there should be, it is never more than the quantity.
pub(super) async fn put_into_stock(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: CouponId,
    fence: Option<Fence>,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "UPDATE coupons SET remaining = LEAST(remaining + 1, quantity), version = version + 1 \
         WHERE id = $1 AND ($2::bigint IS NULL OR fence = $2)",
    )
    .bind(id)
    .bind(fence.map(|fence| fence.0))
    .execute(connection);
    let put = observed(ctx, "coupon.put_into_stock", query).await?;
    Ok(put.rows_affected() == 1)
}

/// What an order holds is its member's for good. `false`: it holds nothing.
pub(super) async fn grant(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query("UPDATE coupon_issues SET held = false WHERE order_id = $1 AND held")
        .bind(order)
        .execute(connection);
    let granted = observed(ctx, "coupon.grant", query).await?;
    Ok(granted.rows_affected() == 1)
}

pub(super) async fn take_back(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<(), DatabaseError> {
    let query = sqlx::query("DELETE FROM coupon_issues WHERE order_id = $1 AND held")
        .bind(order)
        .execute(connection);
    observed(ctx, "coupon.take_back", query).await?;
    Ok(())
}

pub(super) async fn append(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    coupon: CouponId,
    member: MemberId,
    order: Option<OrderId>,
) -> Result<CouponIssue, DatabaseError> {
    let query = sqlx::query_as(
        "INSERT INTO coupon_issues (coupon_id, member_id, order_id, held) \
         VALUES ($1, $2, $3, $3 IS NOT NULL) \
         RETURNING id, coupon_id, member_id, issued_at",
    )
    .bind(coupon)
    .bind(member)
    .bind(order)
    .fetch_one(connection);
    observed(ctx, "coupon.append", query).await
}

pub(super) async fn standing(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    coupon: CouponId,
    member: MemberId,
) -> Result<Standing, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT EXISTS (SELECT FROM members WHERE id = $2) AS exists, \
                EXISTS (SELECT FROM coupon_issues WHERE coupon_id = $1 AND member_id = $2) AS has_one",
    )
    .bind(coupon)
    .bind(member)
    .fetch_one(connection);
    observed(ctx, "coupon.standing", query).await
}
