//! The HTTP of points.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Amount, Balance, Operation, PointEntry, PointError, Transfer, Wish};
use crate::context::{RequestContext, RouteClass};
use crate::database::Database;
use crate::http::answers::{Conflict, Invalid, NotFound, Other};
use crate::http::extract::{Json, Path};
use crate::http::{Code, FieldError, Problem, class};
use crate::idempotency::IdempotencyKey;
use crate::ids::MemberId;
use crate::lock::Locks;

/// What the handlers here need of the application.
#[derive(Debug, Clone)]
pub struct Points {
    pub database: Database,
    pub locks: Locks,
}

pub fn routes(points: Points) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(balance))
        .routes(routes!(charge))
        .routes(routes!(use_up))
        .routes(routes!(transfer))
        .layer(class::of(RouteClass::Realtime))
        .with_state(points)
}

/// What the member has.
#[utoipa::path(get, path = "/members/{id}/points", operation_id = "read_points", tag = "point", params(("id" = MemberId, Path)), responses(
    (status = 200, description = "The balance", body = Balance),
    NotFound, Other,
))]
async fn balance(
    State(points): State<Points>,
    ctx: RequestContext,
    Path(member): Path<MemberId>,
) -> Result<Json<Balance>, Problem> {
    Ok(Json(super::balance(&points.database, &ctx, member).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PointsBody {
    /// 1 to 1,000,000,000.
    amount: i64,
    /// 1 to 255 characters; the member's own, for charges and uses together. The same request with the same
    /// key is done once and answered alike.
    idempotency_key: String,
}

/// Adds points to what the member has.
#[utoipa::path(post, path = "/members/{id}/points/charge", operation_id = "charge_points", tag = "point", params(("id" = MemberId, Path)),
    request_body = PointsBody, responses(
    (status = 200, description = "What was done, now or when the key was first used", body = PointEntry),
    NotFound, Invalid, Other,
))]
async fn charge(
    State(points): State<Points>,
    ctx: RequestContext,
    Path(member): Path<MemberId>,
    Json(body): Json<PointsBody>,
) -> Result<Json<PointEntry>, Problem> {
    answer(&points, &ctx, member, Operation::Charge, body).await
}

/// Takes points from what the member has.
#[utoipa::path(post, path = "/members/{id}/points/use", operation_id = "use_points", tag = "point", params(("id" = MemberId, Path)),
    request_body = PointsBody, responses(
    (status = 200, description = "What was done, now or when the key was first used", body = PointEntry),
    NotFound, Conflict, Invalid, Other,
))]
async fn use_up(
    State(points): State<Points>,
    ctx: RequestContext,
    Path(member): Path<MemberId>,
    Json(body): Json<PointsBody>,
) -> Result<Json<PointEntry>, Problem> {
    answer(&points, &ctx, member, Operation::Use, body).await
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TransferBody {
    /// Who is to get the points: another member.
    to: MemberId,
    /// 1 to 1,000,000,000.
    amount: i64,
    /// 1 to 255 characters; the sender's own, as for charges and uses.
    idempotency_key: String,
}

/// Gives points of one member to another.
#[utoipa::path(post, path = "/members/{id}/points/transfer", operation_id = "transfer_points", tag = "point", params(("id" = MemberId, Path)),
    request_body = TransferBody, responses(
    (status = 200, description = "What the sender gave, now or when the key was first used", body = PointEntry),
    NotFound, Conflict, Invalid, Other,
))]
async fn transfer(
    State(points): State<Points>,
    ctx: RequestContext,
    Path(member): Path<MemberId>,
    Json(body): Json<TransferBody>,
) -> Result<Json<PointEntry>, Problem> {
    let wanted = wanted(member, body)?;
    let entry = super::transfer(&points.database, &points.locks, &ctx, &wanted).await?;
    Ok(Json(entry))
}

fn wanted(from: MemberId, body: TransferBody) -> Result<Transfer, Problem> {
    let to = body.to;
    let oneself = (to == from).then(|| FieldError {
        field: "to".to_owned(),
        code: "same_member".into(),
        detail: "points are given to another member".to_owned(),
    });
    match (checked(body.amount, body.idempotency_key), oneself) {
        (Ok((amount, key)), None) => Ok(Transfer {
            from,
            to,
            amount,
            key,
        }),
        (wrong, oneself) => {
            let others = wrong.err().unwrap_or_default();
            Err(Problem::invalid(
                oneself.into_iter().chain(others).collect(),
            ))
        }
    }
}

async fn answer(
    points: &Points,
    ctx: &RequestContext,
    member: MemberId,
    operation: Operation,
    body: PointsBody,
) -> Result<Json<PointEntry>, Problem> {
    let wish = wish(member, operation, body)?;
    let entry = super::fulfil(&points.database, &points.locks, ctx, &wish).await?;
    Ok(Json(entry))
}

fn wish(member: MemberId, operation: Operation, body: PointsBody) -> Result<Wish, Problem> {
    let (amount, key) = checked(body.amount, body.idempotency_key).map_err(Problem::invalid)?;
    Ok(Wish {
        member,
        operation,
        amount,
        key,
    })
}

/// What every change of points says, or everything that is wrong with it.
fn checked(amount: i64, key: String) -> Result<(Amount, IdempotencyKey), Vec<FieldError>> {
    match (Amount::new(amount), IdempotencyKey::parse(key)) {
        (Ok(amount), Ok(key)) => Ok((amount, key)),
        (amount, key) => {
            let amount = amount.err().map(|error| FieldError {
                field: "amount".to_owned(),
                code: "out_of_range".into(),
                detail: error.to_string(),
            });
            let key = key.err().map(|error| FieldError {
                field: "idempotency_key".to_owned(),
                code: error.code().into(),
                detail: error.to_string(),
            });
            Err([amount, key].into_iter().flatten().collect())
        }
    }
}

impl From<PointError> for Problem {
    fn from(error: PointError) -> Self {
        match error {
            PointError::MemberNotFound => Self::new(Code::MemberNotFound),
            PointError::Insufficient => Self::new(Code::InsufficientPoints),
            PointError::KeyReused => Self::new(Code::IdempotencyKeyReused),
            PointError::Contended => Self::new(Code::PointsContended),
            PointError::LockLost => Self::new(Code::LockLost),
            PointError::Lock(error) => error.into(),
            PointError::Database(error) => error.into(),
        }
    }
}
