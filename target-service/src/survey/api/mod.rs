//! The HTTP of surveys.

mod likes;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Answer, FoldSoon, Survey, SurveyCache, SurveyError, Text, TextError, USUAL_SIZE};
use crate::clock::Clock;
use crate::context::{RequestContext, RouteClass};
use crate::database::Database;
use crate::http::answers::{Invalid, NotFound, Other};
use crate::http::extract::{Json, Path, Query};
use crate::http::list::{List, page_size, position};
use crate::http::{Code, Problem, class};
use crate::ids::{MemberId, SurveyId};
use crate::page::NEWEST;

/// The list's own name, in its cursors.
const LIST: &str = "surveys";

/// What the handlers here need of the application.
#[derive(Debug, Clone)]
pub struct Surveys {
    pub database: Database,
    pub clock: Clock,
    pub fold_soon: FoldSoon,
    pub cache: SurveyCache,
}

pub fn routes(surveys: Surveys) -> OpenApiRouter {
    let realtime = OpenApiRouter::new()
        .routes(routes!(answer))
        .routes(routes!(likes::like, likes::unlike))
        .layer(class::of(RouteClass::Realtime));
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .merge(realtime)
        .with_state(surveys)
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `next_cursor` of the page before; missing or empty: the first page.
    cursor: Option<String>,
    /// Items per page, 1 to 100; 30 when missing.
    size: Option<i64>,
}

/// Surveys, newest first, each with how many answers and likes it has. How exact the numbers are is a matter
/// of `survey.counts`.
#[utoipa::path(get, path = "/surveys", operation_id = "list_surveys", tag = "survey", params(ListQuery), responses(
    (status = 200, description = "One page", body = List<Survey>),
    Invalid, Other,
))]
async fn list(
    State(surveys): State<Surveys>,
    ctx: RequestContext,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Survey>>, Problem> {
    let before = position(query.cursor.as_deref(), LIST)?;
    let size = page_size(query.size.or(Some(USUAL_SIZE)))?;
    let is_first_look = before == NEWEST && query.size.is_none();
    let page = if is_first_look {
        surveys.cache.newest(&surveys.database, &ctx).await?
    } else {
        super::list(&surveys.database, &ctx, before, size).await?
    };
    Ok(Json(List::by_cursor(page, LIST)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SurveyBody {
    /// Who asks.
    member_id: MemberId,
    /// 1 to 200 characters.
    title: String,
}

/// Begins a survey.
#[utoipa::path(post, path = "/surveys", operation_id = "create_survey", tag = "survey", request_body = SurveyBody, responses(
    (status = 201, description = "The new survey", body = Survey),
    NotFound, Invalid, Other,
))]
async fn create(
    State(surveys): State<Surveys>,
    ctx: RequestContext,
    Json(body): Json<SurveyBody>,
) -> Result<Response, Problem> {
    let title = Text::title(&body.title).map_err(|error| invalid("title", error))?;
    let now = surveys.clock.now();
    let created = super::create(&surveys.database, &ctx, body.member_id, &title, now).await;
    if created.as_ref().err().is_none_or(SurveyError::is_uncertain) {
        surveys.cache.changed(&surveys.database, &ctx).await;
    }
    let survey = created?;
    Ok((StatusCode::CREATED, Json(survey)).into_response())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct AnswerBody {
    /// Who answers.
    member_id: MemberId,
    /// 1 to 1,000 characters.
    contents: String,
}

/// Answers a survey.
#[utoipa::path(post, path = "/surveys/{id}/answers", operation_id = "answer_survey", tag = "survey", params(("id" = SurveyId, Path)),
    request_body = AnswerBody, responses(
    (status = 201, description = "The answer", body = Answer),
    NotFound, Invalid, Other,
))]
async fn answer(
    State(surveys): State<Surveys>,
    ctx: RequestContext,
    Path(survey): Path<SurveyId>,
    Json(body): Json<AnswerBody>,
) -> Result<Response, Problem> {
    let contents = Text::answer(&body.contents).map_err(|error| invalid("contents", error))?;
    let answer = super::answer(
        &surveys.database,
        &surveys.fold_soon,
        &ctx,
        survey,
        body.member_id,
        &contents,
        surveys.clock.now(),
    )
    .await;
    if answer.as_ref().err().is_none_or(SurveyError::is_uncertain) {
        surveys.cache.counted(&surveys.database, &ctx).await;
    }
    let answer = answer?;
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

fn invalid(field: &str, error: TextError) -> Problem {
    Problem::invalid_field(field, error.code(), error.to_string())
}

impl From<SurveyError> for Problem {
    fn from(error: SurveyError) -> Self {
        match error {
            SurveyError::NotFound => Self::new(Code::SurveyNotFound),
            SurveyError::MemberNotFound => Self::new(Code::MemberNotFound),
            SurveyError::Database(error) => error.into(),
        }
    }
}
