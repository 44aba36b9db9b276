//! The SQL of likes.
//!
//! Every strategy touches the row of the like first and the row of the post second, so transactions of
//! different strategies, met at the moment of a switch, cannot wait for each other in a circle. Whoever
//! changes the count also moves its version on, so that an optimistic writer notices.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};

use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::{MemberId, PostId};
use crate::strategy::LikesStrategy;

/// The constraints that name who is missing when a like refers to nobody.
pub(in crate::post) const LIKED_POST: &str = "post_likes_post";
pub(in crate::post) const LIKING_MEMBER: &str = "post_likes_member";

/// `false`: the member likes the post already.
pub(in crate::post) async fn insert(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    post: PostId,
    member: MemberId,
    at: DateTime<Utc>,
    counted: bool,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "INSERT INTO post_likes (post_id, member_id, liked_at, counted) VALUES ($1, $2, $3, $4) \
         ON CONFLICT ON CONSTRAINT post_likes_once DO NOTHING",
    )
    .bind(post)
    .bind(member)
    .bind(at)
    .bind(counted)
    .execute(connection);
    let inserted = observed(ctx, "like.insert", query).await?;
    Ok(inserted.rows_affected() == 1)
}

/// Whether the like that is gone now was part of the post's own count; `None` when there was no like.
pub(in crate::post) async fn delete(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    post: PostId,
    member: MemberId,
) -> Result<Option<bool>, DatabaseError> {
    let query = sqlx::query_scalar(
        "DELETE FROM post_likes WHERE post_id = $1 AND member_id = $2 RETURNING counted",
    )
    .bind(post)
    .bind(member)
    .fetch_optional(connection);
    observed(ctx, "like.delete", query).await
}

#[derive(Debug, Clone, Copy, FromRow)]
pub(in crate::post) struct StoredCount {
    pub like_count: i32,
    pub like_version: i32,
}

pub(in crate::post) async fn read_count(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    post: PostId,
) -> Result<StoredCount, DatabaseError> {
    let query = sqlx::query_as("SELECT like_count, like_version FROM posts WHERE id = $1")
        .bind(post)
        .fetch_one(connection);
    observed(ctx, "like.read_count", query).await
}

/// Keeps every other writer of this post's count waiting until the transaction ends.
pub(in crate::post) async fn read_and_lock_count(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    post: PostId,
) -> Result<StoredCount, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT like_count, like_version FROM posts WHERE id = $1 FOR NO KEY UPDATE",
    )
    .bind(post)
    .fetch_one(connection);
    observed(ctx, "like.read_and_lock_count", query).await
}

/// `false`: somebody has changed the count since the version was read, and nothing was written.
pub(in crate::post) async fn write_count(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    post: PostId,
    new: i32,
    read_version: i32,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "UPDATE posts SET like_count = $2, like_version = like_version + 1 \
         WHERE id = $1 AND like_version = $3",
    )
    .bind(post)
    .bind(new)
    .bind(read_version)
    .execute(connection);
    let written = observed(ctx, "like.write_count", query).await?;
    Ok(written.rows_affected() == 1)
}

/// Lets the database add to whatever the count is by then.
pub(in crate::post) async fn add_to_count(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    post: PostId,
    change: i32,
) -> Result<(), DatabaseError> {
    let query = sqlx::query(
        "UPDATE posts SET like_count = like_count + $2, like_version = like_version + 1 \
         WHERE id = $1",
    )
    .bind(post)
    .bind(change)
    .execute(connection);
    observed(ctx, "like.add_to_count", query).await?;
    Ok(())
}

/// The likes to show, or `None` when there is no such post.
pub(in crate::post) async fn shown_count(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    post: PostId,
    strategy: LikesStrategy,
) -> Result<Option<i64>, DatabaseError> {
    let query = sqlx::query_scalar(concat!(
        "SELECT ",
        shown_likes!(),
        " FROM posts p WHERE p.id = $2"
    ))
    .bind(strategy.derives_count())
    .bind(post)
    .fetch_optional(connection);
    observed(ctx, "like.shown_count", query).await
}
