//! The HTTP of orders, but for placing them, which is the checkout flow's.

use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Order, OrderError};
use crate::context::{RequestContext, RouteClass};
use crate::database::Database;
use crate::http::answers::{NotFound, Other};
use crate::http::extract::{Json, Path};
use crate::http::{Code, Problem, class};
use crate::ids::OrderId;

/// What the handlers here need of the application.
#[derive(Debug, Clone)]
pub struct Orders {
    pub database: Database,
}

pub fn routes(orders: Orders) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(find))
        .layer(class::of(RouteClass::Realtime))
        .with_state(orders)
}

/// An order.
#[utoipa::path(get, path = "/orders/{id}", operation_id = "find_order", tag = "order", params(("id" = OrderId, Path)), responses(
    (status = 200, description = "The order", body = Order),
    NotFound, Other,
))]
async fn find(
    State(orders): State<Orders>,
    ctx: RequestContext,
    Path(id): Path<OrderId>,
) -> Result<Json<Order>, Problem> {
    Ok(Json(super::find(&orders.database, &ctx, id).await?))
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::NotFound => Self::new(Code::OrderNotFound),
            OrderError::MemberNotFound => Self::new(Code::MemberNotFound),
            OrderError::KeyReused => Self::new(Code::IdempotencyKeyReused),
            OrderError::Database(error) => error.into(),
        }
    }
}
