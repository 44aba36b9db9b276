//! The admin listener: knobs, and the configuration as it is in effect. On loopback only.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde_json::{Map, Value};

use crate::app::App;
use crate::http::extract::{BodyLimits, Json};
use crate::http::{Code, Problem};
use crate::knobs::KnobError;

pub fn router(app: App) -> Router {
    let limits = BodyLimits {
        max: app.config.http.max_body,
        timeout: app.config.http.body_read_timeout,
    };
    Router::new()
        .route("/admin/knobs", get(knobs).patch(patch_knobs))
        .route("/admin/config", get(config))
        .fallback(async || Problem::new(Code::RouteNotFound))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed))
        .layer(axum::Extension(limits))
        .with_state(app)
}

/// All knobs, by name.
async fn knobs(State(app): State<App>) -> Json<Map<String, Value>> {
    Json(app.knobs.to_map())
}

/// Changes those that are named, all or none of them, and answers with all.
async fn patch_knobs(
    State(app): State<App>,
    Json(patch): Json<Map<String, Value>>,
) -> Result<Json<Map<String, Value>>, Problem> {
    app.patch_knobs(&patch)?;
    Ok(Json(app.knobs.to_map()))
}

async fn config(State(app): State<App>) -> Json<Value> {
    Json(app.config.effective(app.knobs.to_map()))
}

impl From<KnobError> for Problem {
    fn from(error: KnobError) -> Self {
        let code = match &error {
            KnobError::Unknown { .. } => "unknown_knob",
            KnobError::WrongType { .. } => "wrong_type",
            KnobError::OutOfRange { .. } => "out_of_range",
        };
        Problem::invalid_field(error.name(), code, error.to_string())
    }
}
