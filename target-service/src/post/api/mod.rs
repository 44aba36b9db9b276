//! The HTTP of posts: writing, reading, lists.

mod calendar;
mod likes;

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::Datelike as _;
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Contents, Post, PostCaches, PostError, Views};
use crate::clock::Clock;
use crate::context::{RequestContext, RouteClass};
use crate::database::Database;
use crate::http::answers::{Invalid, NotFound, Other};
use crate::http::extract::{Json, Path, Query};
use crate::http::list::{List, page_size, position};
use crate::http::{Code, Problem, class};
use crate::ids::{MemberId, PostId};

/// What the handlers here need of the application.
#[derive(Debug, Clone)]
pub struct Posts {
    pub database: Database,
    pub caches: PostCaches,
    pub views: Views,
    pub clock: Clock,
}

pub fn routes(posts: Posts) -> OpenApiRouter {
    let realtime = OpenApiRouter::new()
        .routes(routes!(write))
        .routes(routes!(find))
        .routes(routes!(likes::like, likes::unlike))
        .layer(class::of(RouteClass::Realtime));
    let slow = OpenApiRouter::new()
        .routes(routes!(calendar::calendar))
        .layer(class::of(RouteClass::Slow));
    OpenApiRouter::new()
        .routes(routes!(list))
        .merge(realtime)
        .merge(slow)
        .with_state(posts)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WriteBody {
    /// The author.
    member_id: MemberId,
    /// 1 to 10,000 characters.
    contents: String,
}

/// Writes a post.
#[utoipa::path(post, path = "/posts", operation_id = "write_post", tag = "post", request_body = WriteBody, responses(
    (status = 201, description = "The new post", body = Post, headers(("Location" = String, description = "Path of the post"))),
    NotFound, Invalid, Other,
))]
async fn write(
    State(posts): State<Posts>,
    ctx: RequestContext,
    Json(body): Json<WriteBody>,
) -> Result<Response, Problem> {
    let contents = Contents::parse(body.contents)
        .map_err(|error| Problem::invalid_field("contents", error.code(), error.to_string()))?;
    let now = posts.clock.now();
    let day = posts.clock.day_of(now);
    let author = body.member_id;
    let written = super::write(&posts.database, &ctx, author, contents, now, day).await;
    if written.as_ref().err().is_none_or(PostError::is_uncertain) {
        let year = day.year();
        posts
            .caches
            .written(&posts.database, &ctx, author, year)
            .await;
    }
    let post = written?;
    let location = format!("/posts/{}", post.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(post)).into_response())
}

/// A post.
#[utoipa::path(get, path = "/posts/{id}", operation_id = "find_post", tag = "post", params(("id" = PostId, Path)), responses(
    (status = 200, description = "The post", body = Post),
    NotFound, Other,
))]
async fn find(
    State(posts): State<Posts>,
    ctx: RequestContext,
    Path(id): Path<PostId>,
) -> Result<Json<Arc<Post>>, Problem> {
    let post = posts.caches.find(&posts.database, &ctx, id).await?;
    posts.views.seen(&posts.database, &ctx, id).await;
    Ok(Json(post))
}

/// Which page: by `cursor`, or with `page` by offset; not both.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `next_cursor` of the page before; missing or empty: the first page.
    cursor: Option<String>,
    /// Number of the page, counted from 1.
    page: Option<i64>,
    /// Items per page, 1 to 100; 20 when missing.
    size: Option<i64>,
}

/// The posts of a member, newest first. Cursors neither repeat nor skip a post when new ones arrive
/// between two pages; page numbers do.
#[utoipa::path(get, path = "/members/{id}/posts", operation_id = "list_posts", tag = "post",
    params(("id" = MemberId, Path), ListQuery), responses(
    (status = 200, description = "One page", body = List<Post>),
    NotFound, Invalid, Other,
))]
async fn list(
    State(posts): State<Posts>,
    ctx: RequestContext,
    Path(author): Path<MemberId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<Post>>, Problem> {
    let name = format!("members/{author}/posts");
    let size = page_size(query.size)?;
    let cursor = query.cursor.as_deref();
    let Some(number) = query.page else {
        let before = position(cursor, &name)?;
        let page = super::list_by_cursor(&posts.database, &ctx, author, before, size).await?;
        return Ok(Json(List::by_cursor(page, &name)));
    };
    let number = page_number(number, cursor)?;
    let (page, total) = super::list_by_offset(&posts.database, &ctx, author, number, size).await?;
    Ok(Json(List::by_offset(page, &name, number, size, total)))
}

fn page_number(number: i64, cursor: Option<&str>) -> Result<u32, Problem> {
    if cursor.is_some_and(|cursor| !cursor.is_empty()) {
        return Err(Problem::invalid_field(
            "page",
            "excluded_by_cursor",
            "give either a page or a cursor",
        ));
    }
    match u32::try_from(number) {
        Ok(number @ 1..) => Ok(number),
        _ => Err(Problem::invalid_field(
            "page",
            "out_of_range",
            format!("a page is a number from 1 to {}", u32::MAX),
        )),
    }
}

impl From<PostError> for Problem {
    fn from(error: PostError) -> Self {
        match error {
            PostError::NotFound => Self::new(Code::PostNotFound),
            PostError::MemberNotFound => Self::new(Code::MemberNotFound),
            PostError::LikesContended => Self::new(Code::LikesContended),
            PostError::Database(error) => error.into(),
        }
    }
}
