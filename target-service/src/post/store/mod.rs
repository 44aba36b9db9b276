//! The SQL of posts and their lists.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::PgConnection;

use super::{Contents, Post};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::{MemberId, PostId};
use crate::page::PageSize;
use crate::strategy::LikesStrategy;

/// The number of likes to show of post `p`. `$1` says whether to derive it from the rows of likes alone;
/// otherwise the count that the post carries is completed by the rows that it lacks.
macro_rules! shown_likes {
    () => {
        "CASE WHEN $1 THEN (SELECT count(*) FROM post_likes l WHERE l.post_id = p.id) \
         ELSE p.like_count + (SELECT count(*) FROM post_likes l \
                              WHERE l.post_id = p.id AND NOT l.counted) END"
    };
}

macro_rules! select_posts {
    ($condition:literal) => {
        concat!(
            "SELECT p.id, p.member_id, p.contents, p.created_at, p.created_date, ",
            shown_likes!(),
            " AS like_count FROM posts p WHERE ",
            $condition
        )
    };
}

// Below the macros, which they use.
pub(super) mod calendar;
pub(super) mod likes;
pub(super) mod views;

/// `None` when there is no such member.
///
/// One statement writes the post and adds it to its day. It locks the author's row first and draws the
/// id under that lock, which is held until the commit: a member's posts become visible in the order of
/// their ids. A page of posts below some id can therefore never gain a post later, which is what keeps
/// cursor paging from skipping one.
pub(super) async fn insert(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    author: MemberId,
    contents: &Contents,
    at: DateTime<Utc>,
    day: NaiveDate,
) -> Result<Option<PostId>, DatabaseError> {
    let query = sqlx::query_scalar(
        "WITH author AS MATERIALIZED ( \
             SELECT id FROM members WHERE id = $1 FOR NO KEY UPDATE \
         ), written AS ( \
             INSERT INTO posts (member_id, contents, created_at, created_date) \
             SELECT id, $2, $3, $4 FROM author \
             RETURNING id, member_id, created_date \
         ), added_to_day AS ( \
             INSERT INTO post_daily_counts (member_id, day, posts) \
             SELECT member_id, created_date, 1 FROM written \
             ON CONFLICT (member_id, day) DO UPDATE SET posts = post_daily_counts.posts + 1 \
         ) \
         SELECT id FROM written",
    )
    .bind(author)
    .bind(contents.as_str())
    .bind(at)
    .bind(day)
    .fetch_optional(connection);
    observed(ctx, "post.insert", query).await
}

pub(super) async fn find(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: PostId,
    likes: LikesStrategy,
) -> Result<Option<Post>, DatabaseError> {
    let query = sqlx::query_as(select_posts!("p.id = $2"))
        .bind(likes.derives_count())
        .bind(id)
        .fetch_optional(connection);
    observed(ctx, "post.find", query).await
}

/// Newest first, below the position `before`; one row more than the page shows.
pub(super) async fn list_before(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    author: MemberId,
    likes: LikesStrategy,
    before: i64,
    size: PageSize,
) -> Result<Vec<Post>, DatabaseError> {
    let query = sqlx::query_as(select_posts!(
        "p.member_id = $2 AND p.id < $3 ORDER BY p.id DESC LIMIT $4"
    ))
    .bind(likes.derives_count())
    .bind(author)
    .bind(before)
    .bind(size.rows())
    .fetch_all(connection);
    observed(ctx, "post.list_before", query).await
}

/// The newest of all posts, newest first, below the position `before`.
pub(super) async fn newest_before(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    likes: LikesStrategy,
    before: i64,
    number: i64,
) -> Result<Vec<Post>, DatabaseError> {
    let query = sqlx::query_as(select_posts!("p.id < $2 ORDER BY p.id DESC LIMIT $3"))
        .bind(likes.derives_count())
        .bind(before)
        .bind(number)
        .fetch_all(connection);
    observed(ctx, "post.newest_before", query).await
}

/// Newest first, after `skipped` posts, which the database reads and throws away; one row more than
/// the page shows.
pub(super) async fn list_after_skipping(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    author: MemberId,
    likes: LikesStrategy,
    skipped: i64,
    size: PageSize,
) -> Result<Vec<Post>, DatabaseError> {
    let query = sqlx::query_as(select_posts!(
        "p.member_id = $2 ORDER BY p.id DESC LIMIT $4 OFFSET $3"
    ))
    .bind(likes.derives_count())
    .bind(author)
    .bind(skipped)
    .bind(size.rows())
    .fetch_all(connection);
    observed(ctx, "post.list_after_skipping", query).await
}

pub(super) async fn count_of_member(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    author: MemberId,
) -> Result<i64, DatabaseError> {
    let query = sqlx::query_scalar("SELECT count(*) FROM posts WHERE member_id = $1")
        .bind(author)
        .fetch_one(connection);
    observed(ctx, "post.count_of_member", query).await
}

pub(super) async fn member_exists(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: MemberId,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM members WHERE id = $1)")
        .bind(id)
        .fetch_one(connection);
    observed(ctx, "post.member_exists", query).await
}
