//! Statements about how often posts are looked at.

use sqlx::PgConnection;

use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::PostId;

/// Posts are locked in the order of their ids, so that instances that write at the same time do not deadlock.
/// Who is not there any more has no views.
pub(in crate::post) async fn add(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    views: &[(PostId, i64)],
) -> Result<(), DatabaseError> {
    let (posts, counts): (Vec<i64>, Vec<i64>) =
        views.iter().map(|(post, count)| (post.0, *count)).unzip();
    let query = sqlx::query(
        "WITH seen AS (SELECT * FROM unnest($1::bigint[], $2::bigint[]) AS seen (post, views)), \
              there AS (SELECT id FROM posts WHERE id IN (SELECT post FROM seen) \
                        ORDER BY id FOR NO KEY UPDATE) \
         UPDATE posts SET view_count = view_count + seen.views \
         FROM seen JOIN there ON there.id = seen.post WHERE posts.id = seen.post",
    )
    .bind(posts)
    .bind(counts)
    .execute(connection);
    observed(ctx, "views.add", query).await?;
    Ok(())
}

/// Whether nobody has written that batch; whoever asks first writes it in the same transaction. Batches of
/// yesterday are forgotten: by then they are long dropped where they came from.
pub(in crate::post) async fn is_new_batch(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    batch: &str,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "WITH forgotten AS ( \
             DELETE FROM post_view_batches WHERE written_at < now() - interval '1 day') \
         INSERT INTO post_view_batches (id) VALUES ($1) ON CONFLICT DO NOTHING",
    )
    .bind(batch)
    .execute(connection);
    let written = observed(ctx, "views.is_new_batch", query).await?;
    Ok(written.rows_affected() == 1)
}
