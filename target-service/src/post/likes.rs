//! Likes: one per member and post, idempotent both ways, counted by a switchable strategy.
//!
//! Invariant, in every strategy and across a switch while requests are under way: the likes of a post are
//! `posts.like_count` plus the rows of `post_likes` that are not counted in it. A strategy that keeps the
//! count moves it in the transaction that adds or removes a counted row; `derived` adds rows that are not
//! counted and leaves the post alone. Removing a like that another strategy had counted takes it out of
//! the count, also under `derived`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{PostError, store};
use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::ids::{MemberId, PostId};
use crate::strategy::LikesStrategy;

/// Spreads writers that lost to each other; about the time that the winner's commit takes.
const BACKOFF_STEP: Duration = Duration::from_millis(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Like,
    Unlike,
}

/// What somebody wants of a post.
#[derive(Debug, Clone, Copy)]
pub struct Reaction {
    pub wish: Wish,
    pub post: PostId,
    pub member: MemberId,
    pub at: DateTime<Utc>,
}

/// Brings about what the member wishes, and returns the likes of the post to show.
pub async fn react(
    database: &Database,
    ctx: &RequestContext,
    reaction: Reaction,
) -> Result<i64, PostError> {
    for attempt in 0..ctx.knobs().likes_optimistic_attempts {
        if attempt > 0 {
            let longest = BACKOFF_STEP * attempt;
            tokio::time::sleep(longest.mul_f64(rand::random())).await;
        }
        if let Some(shown) = attempt_once(database, ctx, reaction).await? {
            return Ok(shown);
        }
        metrics::counter!("target_like_count_conflicts_total").increment(1);
    }
    Err(PostError::LikesContended)
}

/// `None`: another writer changed the count first, and nothing was written.
async fn attempt_once(
    database: &Database,
    ctx: &RequestContext,
    reaction: Reaction,
) -> Result<Option<i64>, PostError> {
    let strategy = ctx.knobs().likes_strategy;
    let mut transaction = database.begin(ctx).await?;
    let change = match reaction.wish {
        Wish::Like => add(&mut transaction, ctx, strategy, reaction).await?,
        Wish::Unlike => remove(&mut transaction, ctx, reaction).await?,
    };
    if change != 0 && !move_count(&mut transaction, ctx, strategy, reaction.post, change).await? {
        return Ok(None);
    }
    let shown = store::likes::shown_count(&mut transaction, ctx, reaction.post, strategy)
        .await?
        .ok_or(PostError::NotFound)?;
    transaction.commit().await?;
    Ok(Some(shown))
}

/// Returns by how much the post's own count has to move.
async fn add(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    strategy: LikesStrategy,
    Reaction {
        post, member, at, ..
    }: Reaction,
) -> Result<i32, PostError> {
    let counted = !strategy.derives_count();
    let added = store::likes::insert(transaction, ctx, post, member, at, counted)
        .await
        .map_err(missing_party)?;
    Ok(i32::from(added && counted))
}

/// A like refers to both its post and its member: the reference that fails says which is unknown.
fn missing_party(error: DatabaseError) -> PostError {
    match error.constraint() {
        Some(store::likes::LIKED_POST) => PostError::NotFound,
        Some(store::likes::LIKING_MEMBER) => PostError::MemberNotFound,
        _ => error.into(),
    }
}

/// Returns by how much the post's own count has to move.
async fn remove(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    Reaction { post, member, .. }: Reaction,
) -> Result<i32, PostError> {
    match store::likes::delete(transaction, ctx, post, member).await? {
        Some(counted) => Ok(-i32::from(counted)),
        // Nothing refers to the member here, so nothing but a look can tell that there is none.
        None if !store::member_exists(transaction, ctx, member).await? => {
            Err(PostError::MemberNotFound)
        }
        None => Ok(0),
    }
}

/// `false`: an optimistic writer came second.
async fn move_count(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    strategy: LikesStrategy,
    post: PostId,
    change: i32,
) -> Result<bool, PostError> {
    let read = match strategy {
        LikesStrategy::RowLock => store::likes::read_and_lock_count(transaction, ctx, post).await?,
        LikesStrategy::Optimistic => store::likes::read_count(transaction, ctx, post).await?,
        LikesStrategy::Increment | LikesStrategy::Derived => {
            store::likes::add_to_count(transaction, ctx, post, change).await?;
            return Ok(true);
        }
    };
    let new = read.like_count + change;
    Ok(store::likes::write_count(transaction, ctx, post, new, read.like_version).await?)
}
