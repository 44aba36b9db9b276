//! The HTTP of likes.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Posts;
use crate::context::RequestContext;
use crate::http::Problem;
use crate::http::answers::{NotFound, Other};
use crate::http::extract::{Json, Path};
use crate::ids::{MemberId, PostId};
use crate::post::{PostError, Reaction, Wish, react};

/// Whether the member likes the post now, and how many do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Likes {
    post_id: PostId,
    member_id: MemberId,
    liked: bool,
    like_count: i64,
}

/// Likes a post. Once or often is the same.
#[utoipa::path(put, path = "/posts/{id}/likes/{member_id}", operation_id = "like_post", tag = "post",
    params(("id" = PostId, Path), ("member_id" = MemberId, Path)), responses(
    (status = 200, description = "As it is now", body = Likes),
    NotFound, Other,
))]
pub(super) async fn like(
    State(posts): State<Posts>,
    ctx: RequestContext,
    Path((post, member)): Path<(PostId, MemberId)>,
) -> Result<Json<Likes>, Problem> {
    answer(posts, ctx, post, member, Wish::Like).await
}

/// Takes a like back. Once or often is the same.
#[utoipa::path(delete, path = "/posts/{id}/likes/{member_id}", operation_id = "unlike_post", tag = "post",
    params(("id" = PostId, Path), ("member_id" = MemberId, Path)), responses(
    (status = 200, description = "As it is now", body = Likes),
    NotFound, Other,
))]
pub(super) async fn unlike(
    State(posts): State<Posts>,
    ctx: RequestContext,
    Path((post, member)): Path<(PostId, MemberId)>,
) -> Result<Json<Likes>, Problem> {
    answer(posts, ctx, post, member, Wish::Unlike).await
}

async fn answer(
    posts: Posts,
    ctx: RequestContext,
    post: PostId,
    member: MemberId,
    wish: Wish,
) -> Result<Json<Likes>, Problem> {
    let at = posts.clock.now();
    let like_count = react(
        &posts.database,
        &ctx,
        Reaction {
            wish,
            post,
            member,
            at,
        },
    )
    .await;
    if like_count
        .as_ref()
        .err()
        .is_none_or(PostError::is_uncertain)
    {
        posts.caches.liked(&posts.database, &ctx, post).await;
    }
    Ok(Json(Likes {
        post_id: post,
        member_id: member,
        liked: wish == Wish::Like,
        like_count: like_count?,
    }))
}
