//! Administration: the behaviour, read and changed while the gateway runs, and its metrics.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};

use super::problem::Problem;
use crate::gateway::provider::Provider;
use crate::scenario::GatewayBehaviour;

type Shared = State<Arc<Provider>>;

pub fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/admin/behaviour", get(behaviour).patch(change))
        .route("/metrics", get(metrics))
        .fallback(async || Problem::not_found())
        .with_state(provider)
}

async fn behaviour(State(provider): Shared) -> Json<GatewayBehaviour> {
    Json(provider.behaviour.now())
}

async fn change(State(provider): Shared, body: Bytes) -> Result<Json<GatewayBehaviour>, Problem> {
    let refused = |detail: String| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "behaviour_invalid",
            detail,
        )
    };
    let change = serde_json::from_slice(&body).map_err(|error| refused(error.to_string()))?;
    let changed = provider.behaviour.change(change);
    changed
        .map(Json)
        .map_err(|error| refused(error.to_string()))
}

async fn metrics(State(provider): Shared) -> impl IntoResponse {
    let text = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (text, provider.metrics())
}
