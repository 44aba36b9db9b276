//! The SQL of views.

use sqlx::PgConnection;

use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::PostId;

/// Each post once, in ascending order: two who add to the same posts then wait for each other at most.
pub(in crate::post) async fn add(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    views: &[(PostId, u64)],
) -> Result<(), DatabaseError> {
    let posts: Vec<i64> = views.iter().map(|(post, _)| post.0).collect();
    let numbers: Vec<i64> = views
        .iter()
        .map(|&(_, number)| i64::try_from(number).unwrap_or(i64::MAX))
        .collect();
    let query = sqlx::query(
        "INSERT INTO post_views (post_id, views) \
         SELECT post_id, views FROM unnest($1::bigint[], $2::bigint[]) AS seen (post_id, views) \
         ON CONFLICT (post_id) DO UPDATE SET views = post_views.views + EXCLUDED.views",
    )
    .bind(posts)
    .bind(numbers)
    .execute(connection);
    observed(ctx, "views.add", query).await.map(drop)
}

/// `None` when there is no such post.
pub(in crate::post) async fn of(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    post: PostId,
) -> Result<Option<i64>, DatabaseError> {
    let query = sqlx::query_scalar(
        "SELECT coalesce(v.views, 0) FROM posts p LEFT JOIN post_views v ON v.post_id = p.id \
         WHERE p.id = $1",
    )
    .bind(post)
    .fetch_optional(connection);
    observed(ctx, "views.of", query).await
}
