//! The HTTP of views.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Posts;
use crate::context::RequestContext;
use crate::http::Problem;
use crate::http::answers::{NotFound, Other};
use crate::http::extract::{Json, Path};
use crate::ids::PostId;
use crate::post::views::written;

/// How often a post has been read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PostViews {
    post_id: PostId,
    /// Those of the last moments may be missing: they are written behind.
    views: i64,
}

/// How often a post has been read by its id, as far as `views.counting` was on.
#[utoipa::path(get, path = "/posts/{id}/views", operation_id = "count_post_views", tag = "post",
    params(("id" = PostId, Path)), responses(
    (status = 200, description = "As far as it is written", body = PostViews),
    NotFound, Other,
))]
pub(super) async fn count(
    State(posts): State<Posts>,
    ctx: RequestContext,
    Path(post_id): Path<PostId>,
) -> Result<Json<PostViews>, Problem> {
    let views = written(&posts.database, &ctx, post_id).await?;
    Ok(Json(PostViews { post_id, views }))
}
