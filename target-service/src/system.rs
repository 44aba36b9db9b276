//! What operators and machines ask of the service: is it alive, is it ready, its metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::database::Database;
use crate::http::extract::Json;
use crate::http::{Code, Problem, ProblemDocument};
use crate::migrate;
use crate::redis::Redis;
use crate::telemetry::Exposition;

/// How long a dependency may take to answer before it counts as missing.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct SystemState {
    database: Database,
    redis: Option<Redis>,
    exposition: Exposition,
    is_prewarmed: Arc<AtomicBool>,
    /// The schema has been seen to be this build's; nobody takes migrations back under a running service.
    is_migrated: Arc<AtomicBool>,
}

impl SystemState {
    pub fn new(
        database: Database,
        redis: Option<Redis>,
        exposition: Exposition,
        is_prewarmed: Arc<AtomicBool>,
    ) -> Self {
        Self {
            database,
            redis,
            exposition,
            is_prewarmed,
            is_migrated: Arc::default(),
        }
    }
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
    /// What does not answer and is done without: the service is slower for it, and ready.
    degraded: Vec<Missing>,
}

/// A problem document that also lists what is missing.
#[derive(Debug, Serialize, ToSchema)]
struct NotReady {
    #[serde(flatten)]
    problem: ProblemDocument,
    missing: Vec<Missing>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
struct Missing {
    dependency: &'static str,
    reason: String,
}

impl IntoResponse for Missing {
    fn into_response(self) -> Response {
        let detail = format!("{}: {}", self.dependency, self.reason);
        let problem = Problem::new(Code::NotReady).with_detail(detail);
        let document = NotReady {
            problem: problem.clone().document(),
            missing: vec![self],
        };
        let mut response = problem.into_response();
        *response.body_mut() = serde_json::to_vec(&document).unwrap_or_default().into();
        response
    }
}

/// What the service depends on answers, and is as this build expects it.
#[utoipa::path(
    get, path = "/readyz", tag = "system",
    responses(
        (status = 200, description = "Ready for work", body = Readiness),
        (status = 503, description = "Something is missing", body = NotReady, content_type = "application/problem+json"),
    )
)]
async fn readyz(State(system): State<SystemState>) -> Response {
    let (missing, degraded) = tokio::join!(first_missing(&system), degraded(&system));
    match missing {
        Some(missing) => missing.into_response(),
        None => Json(Readiness {
            status: "ready",
            missing: Vec::new(),
            degraded,
        })
        .into_response(),
    }
}

async fn degraded(system: &SystemState) -> Vec<Missing> {
    let Some(redis) = &system.redis else {
        return Vec::new();
    };
    let missing = |reason| Missing {
        dependency: "redis",
        reason,
    };
    let failed = redis.check().await.err();
    failed
        .map(|error| missing(error.to_string()))
        .into_iter()
        .collect()
}

/// Each depends on the one before.
async fn first_missing(system: &SystemState) -> Option<Missing> {
    let missing = |dependency, reason| Some(Missing { dependency, reason });
    let is_migrated = system.is_migrated.load(Ordering::Relaxed);
    let looked = system.database.check(ANSWERS_WITHIN, async |connection| {
        if is_migrated {
            return Ok(0);
        }
        migrate::lacking(connection).await
    });
    match looked.await {
        Err(error) => return missing("database", error.to_string()),
        Ok(Err(error)) => return missing("database schema", error.to_string()),
        Ok(Ok(0)) => system.is_migrated.store(true, Ordering::Relaxed),
        Ok(Ok(lacking)) => {
            let reason = format!(
                "{lacking} of the migrations of this build are not applied: run `target-service migrate`"
            );
            return missing("database schema", reason);
        }
    }
    if !system.database.is_warm() {
        let open = system.database.status();
        let reason = format!(
            "{} connections of the minimum are open",
            open.idle + open.used
        );
        return missing("database pool", reason);
    }
    if !system.is_prewarmed.load(Ordering::Relaxed) {
        return missing("cache", "it is being warmed".to_owned());
    }
    None
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
