//! The HTTP of seats.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Seat, SeatError};
use crate::context::{RequestContext, RouteClass};
use crate::database::Database;
use crate::http::answers::{Conflict, Invalid, NotFound, Other};
use crate::http::extract::{Json, Path};
use crate::http::{Code, Problem, class};
use crate::ids::{MemberId, SeatId};

/// What the handlers here need of the application.
#[derive(Debug, Clone)]
pub struct Seats {
    pub database: Database,
}

pub fn routes(seats: Seats) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(find))
        .routes(routes!(hold))
        .layer(class::of(RouteClass::Realtime))
        .with_state(seats)
}

/// A seat as it is at the moment.
#[utoipa::path(get, path = "/events/{event}/seats/{seat}", operation_id = "find_seat", tag = "seat",
    params(("event" = i64, Path, description = "From 1 to 1,000,000."), ("seat" = i64, Path, description = "From 1 to 1,000,000.")),
    responses(
    (status = 200, description = "The seat", body = Seat),
    NotFound, Other,
))]
async fn find(
    State(seats): State<Seats>,
    ctx: RequestContext,
    Path((event, seat)): Path<(i64, i64)>,
) -> Result<Json<Seat>, Problem> {
    let id = SeatId { event, seat };
    Ok(Json(super::find(&seats.database, &ctx, id).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    /// Who is to hold the seat.
    member_id: MemberId,
}

/// Holds a seat for a member for a while. Once or often is the same: the hold ends when it was to end.
#[utoipa::path(put, path = "/events/{event}/seats/{seat}/hold", operation_id = "hold_seat", tag = "seat",
    params(("event" = i64, Path, description = "From 1 to 1,000,000."), ("seat" = i64, Path, description = "From 1 to 1,000,000.")),
    request_body = HoldBody, responses(
    (status = 200, description = "The seat, held", body = Seat),
    NotFound, Conflict, Invalid, Other,
))]
async fn hold(
    State(seats): State<Seats>,
    ctx: RequestContext,
    Path((event, seat)): Path<(i64, i64)>,
    Json(body): Json<HoldBody>,
) -> Result<Json<Seat>, Problem> {
    let id = SeatId { event, seat };
    let seat = super::hold(&seats.database, &ctx, id, body.member_id).await?;
    Ok(Json(seat))
}

impl From<SeatError> for Problem {
    fn from(error: SeatError) -> Self {
        match error {
            SeatError::NotFound => Self::new(Code::SeatNotFound).with_detail(error.to_string()),
            SeatError::MemberNotFound => Self::new(Code::MemberNotFound),
            SeatError::Held => Self::new(Code::SeatHeld),
            SeatError::Sold => Self::new(Code::SeatSold),
            SeatError::Database(error) => error.into(),
        }
    }
}
