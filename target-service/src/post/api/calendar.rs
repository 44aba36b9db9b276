//! The HTTP of the calendar.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Posts;
use crate::context::RequestContext;
use crate::http::Problem;
use crate::http::answers::{Invalid, NotFound, Other};
use crate::http::extract::{Json, Path, Query};
use crate::ids::MemberId;
use crate::post::{DayCount, DayRange};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CalendarQuery {
    /// First day, YYYY-MM-DD.
    #[param(value_type = String, format = Date)]
    from: String,
    /// Last day, YYYY-MM-DD.
    #[param(value_type = String, format = Date)]
    to: String,
}

/// How many posts a member wrote on which day; only days with posts, ascending.
#[utoipa::path(get, path = "/members/{id}/post-calendar", operation_id = "read_post_calendar", tag = "post",
    params(("id" = MemberId, Path), CalendarQuery), responses(
    (status = 200, description = "The days", body = Vec<DayCount>),
    NotFound, Invalid, Other,
))]
pub(super) async fn calendar(
    State(posts): State<Posts>,
    ctx: RequestContext,
    Path(author): Path<MemberId>,
    Query(query): Query<CalendarQuery>,
) -> Result<Json<Vec<DayCount>>, Problem> {
    let range = DayRange::parse(&query.from, &query.to, ctx.knobs().calendar_max_days)
        .map_err(|error| Problem::invalid_field(error.field(), error.code(), error.to_string()))?;
    let days = posts
        .caches
        .calendar(&posts.database, &ctx, author, range)
        .await?;
    Ok(Json(days))
}
