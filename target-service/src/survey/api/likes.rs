//! The HTTP of surveys' likes.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Surveys;
use crate::context::RequestContext;
use crate::http::Problem;
use crate::http::answers::{NotFound, Other};
use crate::http::extract::{Json, Path};
use crate::ids::{MemberId, SurveyId};
use crate::survey::{Reaction, SurveyError, Wish, react};

/// Whether the member likes the survey now, and how many do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SurveyLikes {
    survey_id: SurveyId,
    member_id: MemberId,
    liked: bool,
    like_count: i64,
}

/// Likes a survey. Once or often is the same.
#[utoipa::path(put, path = "/surveys/{id}/likes/{member_id}", operation_id = "like_survey", tag = "survey",
    params(("id" = SurveyId, Path), ("member_id" = MemberId, Path)), responses(
    (status = 200, description = "As it is now", body = SurveyLikes),
    NotFound, Other,
))]
pub(super) async fn like(
    State(surveys): State<Surveys>,
    ctx: RequestContext,
    Path((survey, member)): Path<(SurveyId, MemberId)>,
) -> Result<Json<SurveyLikes>, Problem> {
    answer(surveys, ctx, survey, member, Wish::Like).await
}

/// Takes a like back. Once or often is the same.
#[utoipa::path(delete, path = "/surveys/{id}/likes/{member_id}", operation_id = "unlike_survey", tag = "survey",
    params(("id" = SurveyId, Path), ("member_id" = MemberId, Path)), responses(
    (status = 200, description = "As it is now", body = SurveyLikes),
    NotFound, Other,
))]
pub(super) async fn unlike(
    State(surveys): State<Surveys>,
    ctx: RequestContext,
    Path((survey, member)): Path<(SurveyId, MemberId)>,
) -> Result<Json<SurveyLikes>, Problem> {
    answer(surveys, ctx, survey, member, Wish::Unlike).await
}

async fn answer(
    surveys: Surveys,
    ctx: RequestContext,
    survey: SurveyId,
    member: MemberId,
    wish: Wish,
) -> Result<Json<SurveyLikes>, Problem> {
    let reaction = Reaction {
        wish,
        survey,
        member,
        at: surveys.clock.now(),
    };
    let like_count = react(&surveys.database, &surveys.fold_soon, &ctx, reaction).await;
    if like_count
        .as_ref()
        .err()
        .is_none_or(SurveyError::is_uncertain)
    {
        surveys.cache.counted(&surveys.database, &ctx).await;
    }
    Ok(Json(SurveyLikes {
        survey_id: survey,
        member_id: member,
        liked: wish == Wish::Like,
        like_count: like_count?,
    }))
}
