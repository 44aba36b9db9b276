//! The SQL of surveys' counts.

use std::time::Duration;

use sqlx::{FromRow, PgConnection};

use super::super::counts::Change;
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::SurveyId;

#[derive(Debug, Clone, Copy, FromRow)]
pub(in crate::survey) struct Counted {
    pub id: SurveyId,
    pub answers: i64,
    pub likes: i64,
}

/// Counts twice for each survey.
pub(in crate::survey) async fn by_subqueries(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    ids: &[SurveyId],
) -> Result<Vec<Counted>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT s.id, \
                (SELECT count(*) FROM survey_answers a WHERE a.survey_id = s.id) AS answers, \
                (SELECT count(*) FROM survey_likes l WHERE l.survey_id = s.id) AS likes \
         FROM surveys s WHERE s.id = ANY($1)",
    )
    .bind(ids)
    .fetch_all(connection);
    observed(ctx, "survey.counts_by_subqueries", query).await
}

/// Only surveys with answers.
pub(in crate::survey) async fn answers_grouped(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    ids: &[SurveyId],
) -> Result<Vec<(SurveyId, i64)>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT survey_id, count(*) FROM survey_answers WHERE survey_id = ANY($1) GROUP BY survey_id",
    )
    .bind(ids)
    .fetch_all(connection);
    observed(ctx, "survey.answers_grouped", query).await
}

/// Only surveys with likes.
pub(in crate::survey) async fn likes_grouped(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    ids: &[SurveyId],
) -> Result<Vec<(SurveyId, i64)>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT survey_id, count(*) FROM survey_likes WHERE survey_id = ANY($1) GROUP BY survey_id",
    )
    .bind(ids)
    .fetch_all(connection);
    observed(ctx, "survey.likes_grouped", query).await
}

/// Waits for every other transaction that has moved the counts of this survey.
pub(in crate::survey) async fn add(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    survey: SurveyId,
    change: Change,
) -> Result<(), DatabaseError> {
    let query = sqlx::query(
        "UPDATE surveys SET answer_count = answer_count + $2, like_count = like_count + $3 WHERE id = $1",
    )
    .bind(survey)
    .bind(change.answers)
    .bind(change.likes)
    .execute(connection);
    observed(ctx, "survey.add_to_counts", query).await?;
    Ok(())
}

pub(in crate::survey) async fn append_event(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    survey: SurveyId,
    change: Change,
) -> Result<(), DatabaseError> {
    let query =
        sqlx::query("INSERT INTO survey_events (survey_id, answers, likes) VALUES ($1, $2, $3)")
            .bind(survey)
            .bind(change.answers)
            .bind(change.likes)
            .execute(connection);
    observed(ctx, "survey.append_event", query).await?;
    Ok(())
}

/// Names the lock of those who fold, in the database's own space of such names.
const FOLDING: i64 = 0x7375_7276_6579;

/// Until the end of the transaction. `false`: somebody else is at it.
pub(in crate::survey) async fn try_to_be_the_one_who_folds(
    connection: &mut PgConnection,
    ctx: &RequestContext,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
        .bind(FOLDING)
        .fetch_one(connection);
    observed(ctx, "survey.lock_folding", query).await
}

pub(in crate::survey) struct Folded {
    pub events: u64,
    /// How long ago the oldest of them happened.
    pub oldest: Option<Duration>,
}

/// Takes the oldest events out and adds them up.
pub(in crate::survey) async fn fold(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    limit: u16,
) -> Result<Folded, DatabaseError> {
    let query = sqlx::query_as::<_, (i64, Option<f64>)>(
        "WITH taken AS ( \
             DELETE FROM survey_events \
             WHERE id IN (SELECT id FROM survey_events ORDER BY id LIMIT $1) \
             RETURNING survey_id, answers, likes, happened_at \
         ), sums AS ( \
             SELECT survey_id, sum(answers)::bigint AS answers, sum(likes)::bigint AS likes \
             FROM taken GROUP BY survey_id \
         ), added AS ( \
             UPDATE surveys SET answer_count = answer_count + sums.answers, \
                                like_count = like_count + sums.likes \
             FROM sums WHERE id = sums.survey_id \
         ) \
         SELECT count(*), extract(epoch FROM clock_timestamp() - min(happened_at))::float8 FROM taken",
    )
    .bind(i64::from(limit))
    .fetch_one(connection);
    let (events, oldest) = observed(ctx, "survey.fold", query).await?;
    Ok(Folded {
        events: u64::try_from(events).unwrap_or_default(),
        oldest: oldest.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
    })
}
