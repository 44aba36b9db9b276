//! Marks routes with their class: `routes!(calendar).layer(class::of(RouteClass::Slow))`.

use axum::extract::Request;
use tower::util::MapRequestLayer;

use crate::context::{RequestContext, RouteClass};

/// A layer for the routes of this class. Routes without one are [`RouteClass::Standard`].
pub fn of(class: RouteClass) -> MapRequestLayer<impl Fn(Request) -> Request + Clone> {
    MapRequestLayer::new(move |mut request: Request| {
        if let Some(ctx) = request.extensions_mut().remove::<RequestContext>() {
            request.extensions_mut().insert(ctx.in_class(class));
        }
        request
    })
}
