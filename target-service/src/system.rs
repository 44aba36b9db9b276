//! What operators and machines ask of the service: is it alive, is it ready, its metrics.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::database::Database;
use crate::http::extract::Json;
use crate::telemetry::Exposition;

/// How long a dependency may take to answer before it counts as missing.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct SystemState {
    pub database: Database,
    pub exposition: Exposition,
}

pub fn routes() -> OpenApiRouter<SystemState> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
}

#[derive(Debug, Serialize, ToSchema)]
struct Health {
    status: &'static str,
}

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "system", responses(
    (status = 200, description = "It is alive", body = Health)
))]
async fn healthz() -> Json<Health> {
    Json(Health { status: "alive" })
}

#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    status: &'static str,
    /// Empty when the service is ready.
    missing: Vec<Missing>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Missing {
    dependency: &'static str,
    reason: String,
}

/// What the service depends on answers.
#[utoipa::path(
    get, path = "/readyz", tag = "system",
    responses(
        (status = 200, description = "Ready for work", body = Readiness),
        (status = 503, description = "Something is missing", body = Readiness),
    )
)]
async fn readyz(State(system): State<SystemState>) -> Response {
    let mut missing = Vec::new();
    if let Err(error) = system.database.check(ANSWERS_WITHIN).await {
        missing.push(Missing {
            dependency: "database",
            reason: error.to_string(),
        });
    } else if !system.database.is_warm() {
        let open = system.database.status();
        let reason = format!(
            "{} connections of the minimum are open",
            open.idle + open.used
        );
        missing.push(Missing {
            dependency: "database pool",
            reason,
        });
    }
    if missing.is_empty() {
        return Json(Readiness {
            status: "ready",
            missing,
        })
        .into_response();
    }
    (
        StatusCode::SERVICE_UNAVAILABLE,
        Json(Readiness {
            status: "not ready",
            missing,
        }),
    )
        .into_response()
}

/// Metrics in Prometheus' text format.
#[utoipa::path(
    get, path = "/metrics", tag = "system",
    responses((status = 200, description = "All series", content_type = "text/plain", body = String))
)]
async fn metrics(State(system): State<SystemState>) -> Response {
    let content_type = [(
        http::header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (content_type, system.exposition.render()).into_response()
}
