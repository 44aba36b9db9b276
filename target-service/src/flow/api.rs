//! The HTTP of the checkout.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Checkout, FlowError, Placed};
use crate::context::RequestContext;
use crate::http::answers::{Conflict, Invalid, NotFound, Other};
use crate::http::extract::Json;
use crate::http::{Code, FieldError, Problem, ProblemDocument};
use crate::idempotency::{HEADER, IdempotencyKey};
use crate::ids::{CouponId, MemberId, SeatId};
use crate::order::{NewOrder, NewOrderError, Order};

pub fn routes(checkout: Checkout) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(place))
        .with_state(checkout)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    member_id: MemberId,
    /// A free seat, or one that the member holds; null for none.
    seat: Option<SeatId>,
    /// A coupon that the member has none of yet; null for none. Not together with a seat.
    coupon_id: Option<CouponId>,
    /// The part of the amount that is paid with points; 0 when missing.
    #[serde(default)]
    points: i64,
    /// The price, from 1 to 1,000,000,000. What points do not pay for is paid with money.
    amount: i64,
}

/// Places an order and pays for it.
#[utoipa::path(post, path = "/orders", operation_id = "place_order", tag = "order", request_body = OrderBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "The member's own. The same request with the same key is the same order.")),
    responses(
    (status = 201, description = "Paid, and the goods granted", body = Order, headers(("Location" = String, description = "Path of the order"))),
    (status = 202, description = "The payment is being confirmed: ask for the order again", body = Order, headers(("Location" = String, description = "Path of the order"))),
    (status = 402, description = "The payment failed, and everything was given back", body = ProblemDocument, content_type = "application/problem+json"),
    NotFound, Conflict, Invalid, Other,
))]
async fn place(
    State(checkout): State<Checkout>,
    ctx: RequestContext,
    headers: HeaderMap,
    Json(body): Json<OrderBody>,
) -> Result<Response, Problem> {
    let new = NewOrder {
        member: body.member_id,
        seat: body.seat,
        coupon: body.coupon_id,
        points: body.points,
        amount: body.amount,
        key: key(&headers)?,
    };
    let errors = new.check();
    if !errors.is_empty() {
        let errors = errors.into_iter().map(field_error).collect();
        return Err(Problem::invalid(errors));
    }
    let (status, order) = match checkout.place(&ctx, &new).await? {
        Placed::Paid(order) => (StatusCode::CREATED, order),
        Placed::Pending(order) => (StatusCode::ACCEPTED, order),
    };
    let location = format!("/orders/{}", order.id);
    Ok((status, [(LOCATION, location)], Json(order)).into_response())
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(value) = headers.get(HEADER) else {
        return Ok(None);
    };
    IdempotencyKey::from_header(value.as_bytes())
        .map(Some)
        .map_err(|error| Problem::invalid_field(HEADER, error.code(), error.to_string()))
}

fn field_error(error: NewOrderError) -> FieldError {
    FieldError {
        field: error.field().to_owned(),
        code: error.code().into(),
        detail: error.to_string(),
    }
}

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Self {
        let detail = error.to_string();
        match error {
            FlowError::Order(error) => error.into(),
            FlowError::Seat(error) => error.into(),
            FlowError::Coupon(error) => error.into(),
            FlowError::Point(error) => error.into(),
            FlowError::Database(error) => error.into(),
            FlowError::Payer(_) | FlowError::Unavailable(_) => {
                Self::new(Code::GatewayUnavailable).with_detail(detail)
            }
            FlowError::Declined(_) => Self::new(Code::PaymentDeclined).with_detail(detail),
            FlowError::TimedOut(_) => Self::new(Code::PaymentFailed).with_detail(detail),
            FlowError::NotGranted(_) => Self::new(Code::OrderNotGranted).with_detail(detail),
        }
    }
}
