//! The HTTP of coupons.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Coupon, CouponError, CouponIssue, NewCoupon, NewCouponError};
use crate::context::{RequestContext, RouteClass};
use crate::database::Database;
use crate::http::answers::{Conflict, Invalid, NotFound, Other};
use crate::http::extract::{Json, Path};
use crate::http::{Code, FieldError, Problem, class};
use crate::ids::{CouponId, MemberId};
use crate::lock::Locks;

/// What the handlers here need of the application.
#[derive(Debug, Clone)]
pub struct Coupons {
    pub database: Database,
    pub locks: Locks,
}

pub fn routes(coupons: Coupons) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create))
        .routes(routes!(find))
        .routes(routes!(issue))
        .layer(class::of(RouteClass::Realtime))
        .with_state(coupons)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CouponBody {
    /// 1 to 100 characters.
    name: String,
    /// How many can be issued, from 1 to 1,000,000,000.
    quantity: i64,
}

/// Makes a coupon of which so many can be issued.
#[utoipa::path(post, path = "/coupons", operation_id = "create_coupon", tag = "coupon", request_body = CouponBody, responses(
    (status = 201, description = "The new coupon", body = Coupon, headers(("Location" = String, description = "Path of the coupon"))),
    Invalid, Other,
))]
async fn create(
    State(coupons): State<Coupons>,
    ctx: RequestContext,
    Json(body): Json<CouponBody>,
) -> Result<Response, Problem> {
    let new = NewCoupon::parse(&body.name, body.quantity)
        .map_err(|wrong| Problem::invalid(wrong.into_iter().map(field_error).collect()))?;
    let coupon = super::create(&coupons.database, &ctx, &new).await?;
    let location = format!("/coupons/{}", coupon.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(coupon)).into_response())
}

fn field_error(error: NewCouponError) -> FieldError {
    FieldError {
        field: error.field().to_owned(),
        code: error.code().into(),
        detail: error.to_string(),
    }
}

/// A coupon, with what is issued of it and what remains.
#[utoipa::path(get, path = "/coupons/{id}", operation_id = "find_coupon", tag = "coupon", params(("id" = CouponId, Path)), responses(
    (status = 200, description = "The coupon", body = Coupon),
    NotFound, Other,
))]
async fn find(
    State(coupons): State<Coupons>,
    ctx: RequestContext,
    Path(id): Path<CouponId>,
) -> Result<Json<Coupon>, Problem> {
    Ok(Json(super::find(&coupons.database, &ctx, id).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IssueBody {
    /// Who is to have it.
    member_id: MemberId,
}

/// Issues a coupon to a member, who has none of it yet.
#[utoipa::path(post, path = "/coupons/{id}/issues", operation_id = "issue_coupon", tag = "coupon", params(("id" = CouponId, Path)),
    request_body = IssueBody, responses(
    (status = 201, description = "The member's coupon", body = CouponIssue),
    NotFound, Conflict, Invalid, Other,
))]
async fn issue(
    State(coupons): State<Coupons>,
    ctx: RequestContext,
    Path(coupon): Path<CouponId>,
    Json(body): Json<IssueBody>,
) -> Result<Response, Problem> {
    let issue = super::issue(
        &coupons.database,
        &coupons.locks,
        &ctx,
        coupon,
        body.member_id,
    )
    .await?;
    Ok((StatusCode::CREATED, Json(issue)).into_response())
}

impl From<CouponError> for Problem {
    fn from(error: CouponError) -> Self {
        match error {
            CouponError::NotFound => Self::new(Code::CouponNotFound),
            CouponError::MemberNotFound => Self::new(Code::MemberNotFound),
            CouponError::SoldOut => Self::new(Code::SoldOut),
            CouponError::AlreadyIssued => Self::new(Code::AlreadyIssued),
            CouponError::Contended => Self::new(Code::CouponsContended),
            CouponError::LockLost => Self::new(Code::LockLost),
            CouponError::Lock(error) => error.into(),
            CouponError::Database(error) => error.into(),
        }
    }
}
