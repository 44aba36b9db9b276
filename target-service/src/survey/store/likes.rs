//! The SQL of surveys' likes.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::{MemberId, SurveyId};

/// The constraints that name who is missing when a like refers to nobody.
pub(in crate::survey) const LIKED_SURVEY: &str = "survey_likes_survey";
pub(in crate::survey) const LIKING_MEMBER: &str = "survey_likes_member";

/// `false`: the member likes the survey already.
pub(in crate::survey) async fn insert(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    survey: SurveyId,
    member: MemberId,
    at: DateTime<Utc>,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "INSERT INTO survey_likes (survey_id, member_id, liked_at) VALUES ($1, $2, $3) \
         ON CONFLICT ON CONSTRAINT survey_likes_once DO NOTHING",
    )
    .bind(survey)
    .bind(member)
    .bind(at)
    .execute(connection);
    let inserted = observed(ctx, "survey.like", query).await?;
    Ok(inserted.rows_affected() == 1)
}

/// `false`: there was no like.
pub(in crate::survey) async fn delete(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    survey: SurveyId,
    member: MemberId,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query("DELETE FROM survey_likes WHERE survey_id = $1 AND member_id = $2")
        .bind(survey)
        .bind(member)
        .execute(connection);
    let deleted = observed(ctx, "survey.unlike", query).await?;
    Ok(deleted.rows_affected() == 1)
}

pub(in crate::survey) async fn member_exists(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: MemberId,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query_scalar("SELECT EXISTS (SELECT FROM members WHERE id = $1)")
        .bind(id)
        .fetch_one(connection);
    observed(ctx, "survey.member_exists", query).await
}
