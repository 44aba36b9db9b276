//! The HTTP of payments.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Amount, Failure, NewPayment, Payment, PaymentError, Payments, Status};
use crate::context::{RequestContext, RouteClass};
use crate::http::answers::{Conflict, Invalid, NotFound, Other};
use crate::http::extract::{Json, Path};
use crate::http::{Code, FieldError, Problem, ProblemDocument, class};
use crate::idempotency::{HEADER, IdempotencyKey};
use crate::ids::{MemberId, OrderId, PaymentId};

pub fn routes(payments: Payments) -> OpenApiRouter {
    let realtime = OpenApiRouter::new()
        .routes(routes!(find))
        .layer(class::of(RouteClass::Realtime));
    OpenApiRouter::new()
        .routes(routes!(pay))
        .routes(routes!(refund))
        .merge(realtime)
        .with_state(payments)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PayBody {
    order_id: OrderId,
    member_id: MemberId,
    /// 1 to 1,000,000,000,000, in the smallest unit of the currency.
    amount: i64,
}

/// Pays. The same key and body again is the same payment, and gets its outcome.
#[utoipa::path(post, path = "/payments", operation_id = "pay", tag = "payment", request_body = PayBody,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters, unique among those of the member")),
    responses(
    (status = 201, description = "Paid", body = Payment, headers(("Location" = String, description = "Path of the payment"))),
    (status = 202, description = "Being confirmed, or in the queue: ask again at its path", body = Payment,
        headers(("Location" = String, description = "Path of the payment"))),
    (status = 402, description = "The gateway declined, or nothing was charged", body = ProblemDocument,
        content_type = "application/problem+json"),
    (status = 503, description = "Nothing was sent: this payment has failed, another one under another key may be tried",
        body = ProblemDocument, content_type = "application/problem+json"),
    NotFound, Conflict, Invalid, Other,
))]
async fn pay(
    State(payments): State<Payments>,
    ctx: RequestContext,
    headers: HeaderMap,
    Json(body): Json<PayBody>,
) -> Result<Response, Problem> {
    let new = new_payment(&headers, &body)?;
    let payment = payments.pay(&ctx, new).await?;
    let location = [(LOCATION, format!("/payments/{}", payment.id))];
    Ok(match outcome(&payment) {
        Ok(status) => (status, location, Json(payment)).into_response(),
        Err(problem) => (location, problem).into_response(),
    })
}

/// A payment as it is now.
#[utoipa::path(get, path = "/payments/{id}", operation_id = "find_payment", tag = "payment", params(("id" = PaymentId, Path)), responses(
    (status = 200, description = "The payment", body = Payment),
    NotFound, Other,
))]
async fn find(
    State(payments): State<Payments>,
    ctx: RequestContext,
    Path(id): Path<PaymentId>,
) -> Result<Json<Payment>, Problem> {
    Ok(Json(payments.find(&ctx, id).await?))
}

/// Gives a payment back. Once or often is the same.
#[utoipa::path(post, path = "/payments/{id}/refund", operation_id = "refund_payment", tag = "payment", params(("id" = PaymentId, Path)), responses(
    (status = 200, description = "Given back", body = Payment),
    (status = 202, description = "It is going to be given back", body = Payment),
    NotFound, Conflict, Other,
))]
async fn refund(
    State(payments): State<Payments>,
    ctx: RequestContext,
    Path(id): Path<PaymentId>,
) -> Result<Response, Problem> {
    let payment = payments.refund(&ctx, id).await?;
    let status = match payment.status {
        Status::Refunded => StatusCode::OK,
        _ => StatusCode::ACCEPTED,
    };
    Ok((status, Json(payment)).into_response())
}

fn new_payment(headers: &HeaderMap, body: &PayBody) -> Result<NewPayment, Problem> {
    let key = headers
        .get(HEADER)
        .ok_or_else(|| Problem::new(Code::IdempotencyKeyMissing))?;
    let field = |field: &str, code: &'static str, detail: String| FieldError {
        field: field.to_owned(),
        code: code.into(),
        detail,
    };
    let key = IdempotencyKey::from_header(key.as_bytes())
        .map_err(|error| field(HEADER, error.code(), error.to_string()));
    let amount = Amount::new(body.amount)
        .map_err(|error| field("amount", "out_of_range", error.to_string()));
    match (key, amount) {
        (Ok(key), Ok(amount)) => Ok(NewPayment {
            order_id: body.order_id,
            member_id: body.member_id,
            amount,
            key,
        }),
        (key, amount) => {
            let errors = [key.err(), amount.err()];
            Err(Problem::invalid(errors.into_iter().flatten().collect()))
        }
    }
}

/// What the customer is told.
fn outcome(payment: &Payment) -> Result<StatusCode, Problem> {
    match (payment.status, payment.failure) {
        (Status::Succeeded | Status::Refunded, _) => Ok(StatusCode::CREATED),
        (Status::Requested | Status::Pending, _) => Ok(StatusCode::ACCEPTED),
        (Status::Failed, failure) => {
            let code = match failure {
                Some(Failure::Declined) => Code::PaymentDeclined,
                Some(Failure::Unavailable) => Code::GatewayUnavailable,
                Some(Failure::TimedOut) => Code::PaymentFailed,
                Some(Failure::NotCharged) | None => Code::PaymentNotCharged,
            };
            let detail = format!("payment {} has failed for good", payment.id);
            Err(Problem::new(code).with_detail(detail))
        }
    }
}

impl From<PaymentError> for Problem {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::NotFound => Self::new(Code::PaymentNotFound),
            PaymentError::MemberNotFound => Self::new(Code::MemberNotFound),
            PaymentError::InProgress => Self::new(Code::PaymentInProgress),
            PaymentError::KeyReused => Self::new(Code::IdempotencyKeyReused),
            PaymentError::NotRefundable(_) => {
                Self::new(Code::PaymentNotRefundable).with_detail(error.to_string())
            }
            PaymentError::Database(error) => error.into(),
        }
    }
}
