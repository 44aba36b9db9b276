//! The SQL of surveys and their answers.

pub(super) mod counts;
pub(super) mod likes;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Survey, Text};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::{MemberId, SurveyId};
use crate::page::PageSize;

/// The constraints that name who is missing when something refers to nobody.
pub(super) const AUTHOR: &str = "surveys_member";
pub(super) const ANSWERED_SURVEY: &str = "survey_answers_survey";
pub(super) const ANSWERING_MEMBER: &str = "survey_answers_member";

macro_rules! columns {
    () => {
        "id, member_id, title, created_at, answer_count, like_count"
    };
}

pub(super) async fn insert(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    author: MemberId,
    title: &Text,
    at: DateTime<Utc>,
) -> Result<Survey, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "INSERT INTO surveys (member_id, title, created_at) VALUES ($1, $2, $3) RETURNING ",
        columns!()
    ))
    .bind(author)
    .bind(title.as_str())
    .bind(at)
    .fetch_one(connection);
    observed(ctx, "survey.insert", query).await
}

/// With the counts that it carries.
pub(super) async fn find(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: SurveyId,
) -> Result<Option<Survey>, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM surveys WHERE id = $1"
    ))
    .bind(id)
    .fetch_optional(connection);
    observed(ctx, "survey.find", query).await
}

/// Newest first, below the position `before`, with the counts that they carry; one row more than the page
/// shows.
pub(super) async fn list_before(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    before: i64,
    size: PageSize,
) -> Result<Vec<Survey>, DatabaseError> {
    let query = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM surveys WHERE id < $1 ORDER BY id DESC LIMIT $2"
    ))
    .bind(before)
    .bind(size.rows())
    .fetch_all(connection);
    observed(ctx, "survey.list_before", query).await
}

pub(super) async fn append_answer(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    survey: SurveyId,
    member: MemberId,
    contents: &Text,
    at: DateTime<Utc>,
) -> Result<i64, DatabaseError> {
    let query = sqlx::query_scalar(
        "INSERT INTO survey_answers (survey_id, member_id, contents, answered_at) \
         VALUES ($1, $2, $3, $4) RETURNING id",
    )
    .bind(survey)
    .bind(member)
    .bind(contents.as_str())
    .bind(at)
    .fetch_one(connection);
    observed(ctx, "survey.append_answer", query).await
}
