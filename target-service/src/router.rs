//! All routes and all layers of the service, on one page.

use std::sync::Arc;

use axum::{Extension, Router, middleware};
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::coupon::{self, api::Coupons};
use crate::database::Hold;
use crate::flow;
use crate::http::abandon::{Abandonment, abandon};
use crate::http::extract::{BodyLimits, Json};
use crate::http::scope::Scope;
use crate::http::shed::{InFlight, shed};
use crate::http::{Code, Problem, ProblemDocument, body, deadline, scope};
use crate::member::{self, api::Members};
use crate::order::{self, api::Orders};
use crate::payment;
use crate::point::{self, api::Points};
use crate::post::{self, api::Posts};
use crate::seat::{self, api::Seats};
use crate::survey::{self, api::Surveys};
use crate::system::{self, SystemState};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "target-service",
        description = "A small social backend in which every resilience technique is a switch."
    ),
    components(schemas(ProblemDocument))
)]
struct Api;

/// The service's router and the document that describes it.
pub fn build(app: &App) -> (Router, Document) {
    let (domains, domains_document) = domains(app).split_for_parts();
    let system_state = SystemState::new(
        app.database.clone(),
        app.redis.clone(),
        app.exposition.clone(),
        Arc::clone(&app.is_prewarmed),
    );
    let (system, mut document) = OpenApiRouter::with_openapi(Api::openapi())
        .merge(system::routes().with_state(system_state))
        .routes(routes!(show_document))
        .split_for_parts();
    document.merge(domains_document);

    let router = Router::new()
        .merge(work(domains, app))
        .merge(system.layer(Extension(Arc::new(document.clone()))))
        .fallback(async || Problem::new(Code::RouteNotFound))
        .method_not_allowed_fallback(async || Problem::new(Code::MethodNotAllowed));
    (every_request(router, app), document)
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "system", responses(
    (status = 200, description = "An OpenAPI document", content_type = "application/json", body = Object)
))]
async fn show_document(Extension(document): Extension<Arc<Document>>) -> Json<Arc<Document>> {
    Json(document)
}

/// Each domain brings its routes.
fn domains(app: &App) -> OpenApiRouter {
    let (database, clock) = (&app.database, app.clock);
    OpenApiRouter::new()
        .merge(member::api::routes(Members {
            database: database.clone(),
            clock,
            relay_soon: app.relay_soon.clone(),
        }))
        .merge(payment::api::routes(app.payments.clone()))
        .merge(post::api::routes(Posts {
            database: database.clone(),
            caches: app.post_caches.clone(),
            views: app.views.clone(),
            clock,
        }))
        .merge(point::api::routes(Points {
            database: database.clone(),
            locks: app.locks.clone(),
        }))
        .merge(coupon::api::routes(Coupons {
            database: database.clone(),
            locks: app.locks.clone(),
        }))
        .merge(seat::api::routes(Seats {
            database: database.clone(),
        }))
        .merge(survey::api::routes(Surveys {
            database: database.clone(),
            clock,
            fold_soon: app.fold_soon.clone(),
            cache: app.survey_cache.clone(),
        }))
        .merge(order::api::routes(Orders {
            database: database.clone(),
        }))
        .merge(flow::api::routes(app.checkout()))
}

/// The layers of the domains' routes. The last one is the outermost.
fn work(routes: Router, app: &App) -> Router {
    let http = &app.config.http;
    let limits = BodyLimits {
        max: http.max_body,
        timeout: http.body_read_timeout,
    };
    let routes = match app.config.db.hold {
        Hold::Query => routes,
        Hold::Request => routes.layer(middleware::from_fn(body::hold_until_sent)),
    };
    routes
        .layer(Extension(limits))
        .layer(middleware::from_fn(deadline::enforce))
        .layer(middleware::from_fn_with_state(InFlight::default(), shed))
}

/// The layers of everything that is served, also of what matches no route. The last one is the outermost.
fn every_request(router: Router, app: &App) -> Router {
    let request = &app.config.request;
    let scope = Scope {
        knobs: app.knobs.clone(),
        deadlines: request.deadlines,
    };
    let abandonment = Abandonment {
        policy: request.abandoned,
        work: app.work.clone(),
    };
    router
        .layer(middleware::from_fn_with_state(scope, scope::open))
        .layer(middleware::from_fn_with_state(abandonment, abandon))
}
