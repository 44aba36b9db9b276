//! Payments: what the service calls.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::problem::Problem;
use crate::gateway::ledger::{Charge, ChargeStatus, Charged, LedgerPage, Order, Payment};
use crate::gateway::meters::Outcome;
use crate::gateway::provider::Provider;
use crate::gateway::work::{chance, perform};
use crate::scenario::GatewayBehaviour;

const KEY_HEADER: &str = "idempotency-key";

type Shared = State<Arc<Provider>>;

pub fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/payments", post(pay).get(ledger))
        .route("/payments/{order_id}", get(order))
        .route("/payments/{order_id}/cancel", post(cancel))
        .route("/healthz", get(async || "ok"))
        .fallback(async || Problem::not_found())
        .with_state(provider)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentBody {
    order_id: String,
    amount: u64,
}

async fn pay(
    State(provider): Shared,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let payment = payment(&headers, &body)?;
    let _awaited = provider.meters.await_payment();
    let charge = move |provider: &Provider, behaviour: &GatewayBehaviour| {
        let declines = chance(behaviour.decline_share);
        let charged = provider.ledger.charge(payment, declines);
        (outcome(&charged), charged)
    };
    match perform(&provider, charge).await? {
        Charged::Approved { charge, .. } => Ok(approved(&charge)),
        Charged::Declined => Err(Problem::new(
            StatusCode::PAYMENT_REQUIRED,
            "declined",
            "the payer's bank declines",
        )),
        Charged::Cancelled => Err(Problem::new(
            StatusCode::CONFLICT,
            "cancelled",
            "the order has been cancelled",
        )),
        Charged::KeyReused => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "the key was used for another payment before",
        )),
    }
}

fn payment(headers: &HeaderMap, body: &[u8]) -> Result<Payment, Problem> {
    let key = headers
        .get(KEY_HEADER)
        .and_then(|key| key.to_str().ok())
        .filter(|key| !key.is_empty())
        .ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "idempotency_key_missing",
                "a payment needs the header Idempotency-Key",
            )
        })?;
    let invalid = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "invalid", detail);
    let body: PaymentBody =
        serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?;
    if body.order_id.is_empty() {
        return Err(invalid("order_id is empty".to_owned()));
    }
    if body.amount == 0 {
        return Err(invalid("amount must be above 0".to_owned()));
    }
    Ok(Payment {
        key: key.to_owned(),
        order_id: body.order_id,
        amount: body.amount,
    })
}

fn outcome(charged: &Charged) -> Outcome {
    match charged {
        Charged::Approved { again: false, .. } => Outcome::Approved,
        Charged::Approved { again: true, .. } => Outcome::Repeated,
        Charged::Declined => Outcome::Declined,
        Charged::Cancelled => Outcome::Cancelled,
        Charged::KeyReused => Outcome::KeyReused,
    }
}

fn approved(charge: &Charge) -> Response {
    let body = Json(json!({
        "payment_id": charge.payment_id,
        "order_id": charge.order_id,
        "amount": charge.amount,
        "status": charge.status,
    }));
    (StatusCode::CREATED, body).into_response()
}

async fn order(State(provider): Shared, Path(order_id): Path<String>) -> Result<Response, Problem> {
    let asked = order_id.clone();
    let tell = move |provider: &Provider, _: &GatewayBehaviour| {
        (Outcome::Told, provider.ledger.order(&asked))
    };
    let order = perform(&provider, tell).await?;
    let Order { status, charges } = order.ok_or_else(Problem::not_found)?;
    let stands = charges
        .iter()
        .filter(|charge| charge.status == ChargeStatus::Approved);
    let amount = stands
        .map(|charge| charge.amount)
        .fold(0, u64::saturating_add);
    let charges: Vec<_> = charges.iter().map(summary).collect();
    let body = json!({
        "order_id": order_id,
        "status": status,
        "amount": amount,
        "charges": charges,
    });
    Ok(Json(body).into_response())
}

fn summary(charge: &Charge) -> serde_json::Value {
    json!({
        "payment_id": charge.payment_id,
        "idempotency_key": charge.idempotency_key,
        "amount": charge.amount,
        "status": charge.status,
    })
}

async fn cancel(
    State(provider): Shared,
    Path(order_id): Path<String>,
) -> Result<Response, Problem> {
    let cancelled = order_id.clone();
    let take_back = move |provider: &Provider, _: &GatewayBehaviour| {
        provider.ledger.cancel(&cancelled);
        (Outcome::TakenBack, ())
    };
    perform(&provider, take_back).await?;
    let body = json!({ "order_id": order_id, "status": ChargeStatus::Cancelled });
    Ok(Json(body).into_response())
}

/// For checkers: whatever the gateway is made to do, this is answered.
async fn ledger(State(provider): Shared) -> Json<LedgerPage> {
    Json(provider.ledger.page())
}
