//! Posts: writing and reading them, in lists, in the calendar, and liking them.
//!
//! Invariant: the posts of one member become visible in the order of their ids, so that a list read page
//! by page, newest first, shows every post that existed at its first page exactly once.

pub mod api;
mod cached;
mod calendar;
mod config;
mod contents;
mod likes;
mod store;
mod views;

use chrono::{DateTime, NaiveDate, SubsecRound as _, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use thiserror::Error;
use utoipa::ToSchema;

pub use cached::PostCaches;
pub use calendar::{DayCount, DayRange, DayRangeError, calendar};
pub use config::{CalendarConfig, LikesConfig, PrewarmConfig, ViewsConfig};
pub use contents::{Contents, ContentsError};
pub use likes::{Reaction, Wish, react};
pub use views::{Views, WriteBehind};

use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::ids::{MemberId, PostId};
use crate::page::{Page, PageSize};

#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, Deserialize, ToSchema)]
pub struct Post {
    pub id: PostId,
    pub member_id: MemberId,
    pub contents: String,
    pub created_at: DateTime<Utc>,
    /// The day of `created_at` in the service's time zone when it was written.
    pub created_date: NaiveDate,
    pub like_count: i64,
    /// As far as views are written: they are added in batches.
    pub view_count: i64,
}

#[derive(Debug, Clone, Error)]
pub enum PostError {
    #[error("there is no such post")]
    NotFound,
    #[error("there is no such member")]
    MemberNotFound,
    #[error("too many others changed the likes of this post at the same time")]
    LikesContended,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl PostError {
    /// Whether it may be written all the same: then whoever keeps what was read before has to forget it.
    pub fn is_uncertain(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_uncertain())
    }
}

/// `day` is the calendar day of `at` in the service's time zone.
pub async fn write(
    database: &Database,
    ctx: &RequestContext,
    author: MemberId,
    contents: Contents,
    at: DateTime<Utc>,
    day: NaiveDate,
) -> Result<Post, PostError> {
    // The database keeps microseconds: what is answered now and what is read later are the same.
    let at = at.trunc_subsecs(6);
    let mut connection = database.acquire(ctx).await?;
    let id = store::insert(&mut connection, ctx, author, &contents, at, day)
        .await?
        .ok_or(PostError::MemberNotFound)?;
    Ok(Post {
        id,
        member_id: author,
        contents: contents.into_string(),
        created_at: at,
        created_date: day,
        like_count: 0,
        view_count: 0,
    })
}

pub async fn find(
    database: &Database,
    ctx: &RequestContext,
    id: PostId,
) -> Result<Post, PostError> {
    let mut connection = database.acquire(ctx).await?;
    store::find(&mut connection, ctx, id, ctx.knobs().likes_strategy)
        .await?
        .ok_or(PostError::NotFound)
}

/// Newest first, below the position `before`.
pub async fn list_by_cursor(
    database: &Database,
    ctx: &RequestContext,
    author: MemberId,
    before: i64,
    size: PageSize,
) -> Result<Page<Post>, PostError> {
    let likes = ctx.knobs().likes_strategy;
    let mut connection = database.acquire(ctx).await?;
    let rows = store::list_before(&mut connection, ctx, author, likes, before, size).await?;
    if rows.is_empty() && !store::member_exists(&mut connection, ctx, author).await? {
        return Err(PostError::MemberNotFound);
    }
    Ok(Page::from_rows(rows, size, |post| post.id.0))
}

/// Newest first, with the number of all posts. Pages are counted from 1. Posts that arrive between two
/// requests shift the pages: that is what cursors are for.
pub async fn list_by_offset(
    database: &Database,
    ctx: &RequestContext,
    author: MemberId,
    page: u32,
    size: PageSize,
) -> Result<(Page<Post>, i64), PostError> {
    let likes = ctx.knobs().likes_strategy;
    let skipped = i64::from(page.saturating_sub(1)) * i64::from(size.items());
    let mut connection = database.acquire(ctx).await?;
    let total = store::count_of_member(&mut connection, ctx, author).await?;
    if total == 0 && !store::member_exists(&mut connection, ctx, author).await? {
        return Err(PostError::MemberNotFound);
    }
    let rows =
        store::list_after_skipping(&mut connection, ctx, author, likes, skipped, size).await?;
    Ok((Page::from_rows(rows, size, |post| post.id.0), total))
}
