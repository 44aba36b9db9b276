//! The SQL of events.

use std::time::Duration;

use sqlx::PgConnection;

use super::event::{Event, Kind};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};

/// A step of the transaction that makes it true.
pub async fn append(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    kind: Kind,
    subject: i64,
) -> Result<(), DatabaseError> {
    let query = sqlx::query("INSERT INTO outbox_events (kind, subject) VALUES ($1, $2)")
        .bind(kind.as_str())
        .bind(subject)
        .execute(transaction);
    observed(ctx, "outbox.append", query).await?;
    Ok(())
}

/// The oldest events that are to be handed on. Nobody else gets them until the end of the transaction, and
/// nobody waits for that.
pub(super) async fn take(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    limit: u16,
    republish_after: Duration,
) -> Result<Vec<Event>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT id, kind, subject FROM outbox_events \
         WHERE delivered_at IS NULL \
           AND (published_at IS NULL OR published_at < now() - make_interval(secs => $2)) \
         ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
    )
    .bind(i64::from(limit))
    .bind(republish_after.as_secs_f64())
    .fetch_all(transaction);
    observed(ctx, "outbox.take", query).await
}

pub(super) async fn mark_published(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    events: &[Event],
) -> Result<(), DatabaseError> {
    let ids: Vec<i64> = events.iter().map(|event| event.id).collect();
    let query =
        sqlx::query("UPDATE outbox_events SET published_at = clock_timestamp() WHERE id = ANY($1)")
            .bind(ids)
            .execute(transaction);
    observed(ctx, "outbox.mark_published", query).await?;
    Ok(())
}

pub(super) async fn is_open(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: i64,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM outbox_events WHERE id = $1 AND delivered_at IS NULL)",
    )
    .bind(id)
    .fetch_one(connection);
    observed(ctx, "outbox.is_open", query).await
}

/// How long after it happened; `None`: it was marked before.
pub(super) async fn mark_delivered(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: i64,
) -> Result<Option<Duration>, DatabaseError> {
    let query = sqlx::query_scalar::<_, f64>(
        "UPDATE outbox_events SET delivered_at = clock_timestamp() \
         WHERE id = $1 AND delivered_at IS NULL \
         RETURNING extract(epoch FROM delivered_at - created_at)::float8",
    )
    .bind(id)
    .fetch_optional(connection);
    let seconds = observed(ctx, "outbox.mark_delivered", query).await?;
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}

/// How long ago the oldest event happened that is not handled; `None` where all are.
pub(super) async fn oldest_open(
    connection: &mut PgConnection,
    ctx: &RequestContext,
) -> Result<Option<Duration>, DatabaseError> {
    let query = sqlx::query_scalar::<_, f64>(
        "SELECT extract(epoch FROM clock_timestamp() - created_at)::float8 FROM outbox_events \
         WHERE delivered_at IS NULL ORDER BY id LIMIT 1",
    )
    .fetch_optional(connection);
    let seconds = observed(ctx, "outbox.oldest_open", query).await?;
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
}
