//! Posts and calendars read through the caches.
//!
//! Calendars are kept by member and year, whatever range is asked for: a new post then has one key to
//! invalidate, and ranges that differ share what is kept.

use std::sync::Arc;
use std::time::Instant;

use chrono::Datelike as _;

use super::calendar::{DayCount, DayRange, calendar};
use super::{Post, PostError, find, store};
use crate::cache::{Cache, Caches};
use crate::context::RequestContext;
use crate::database::Database;
use crate::ids::{MemberId, PostId};

/// So many posts are read at once to warm the cache.
const AT_ONCE: i64 = 500;

#[derive(Debug, Clone)]
pub struct PostCaches {
    caches: Caches,
    details: Cache<Arc<Post>, PostError>,
    years: Cache<Arc<Vec<DayCount>>, PostError>,
}

impl PostCaches {
    pub fn open(caches: &Caches) -> Self {
        Self {
            caches: caches.clone(),
            details: caches.open("post"),
            years: caches.open("calendar"),
        }
    }

    pub async fn find(
        &self,
        database: &Database,
        ctx: &RequestContext,
        id: PostId,
    ) -> Result<Arc<Post>, PostError> {
        let load = load_post(database.clone(), id);
        self.details.get_or_load(ctx, &id.to_string(), load).await
    }

    /// See [`calendar`].
    pub async fn calendar(
        &self,
        database: &Database,
        ctx: &RequestContext,
        author: MemberId,
        range: DayRange,
    ) -> Result<Vec<DayCount>, PostError> {
        if self.caches.are_off() {
            return calendar(database, ctx, author, range).await;
        }
        let mut days = Vec::new();
        for year in range.from().year()..=range.to().year() {
            let load = load_year(database.clone(), author, year);
            let key = year_key(author, year);
            let of_year = self.years.get_or_load(ctx, &key, load).await?;
            days.extend(of_year.iter().filter(|day| range.contains(day.date)));
        }
        Ok(days)
    }

    /// Puts the newest posts into the cache before anybody asks for them; returns how many.
    pub async fn prewarm(
        &self,
        database: &Database,
        ctx: &RequestContext,
        number: u32,
    ) -> Result<u32, PostError> {
        let (mut before, mut warmed) = (i64::MAX, 0);
        while warmed < number && !self.caches.are_off() {
            let wanted = i64::from(number - warmed).min(AT_ONCE);
            let begun = Instant::now();
            let mut connection = database.acquire(ctx).await?;
            let likes = ctx.knobs().likes_strategy;
            let since = self.details.moment();
            let posts = store::newest_before(&mut connection, ctx, likes, before, wanted).await?;
            drop(connection);
            let Some(last) = posts.last() else { break };
            before = last.id.0;
            let load = begun.elapsed() / posts.len() as u32;
            for post in posts {
                let key = post.id.to_string();
                self.details
                    .warm(ctx, &key, Arc::new(post), load, &since)
                    .await;
                warmed += 1;
            }
        }
        Ok(warmed)
    }

    /// After a post of that year has been written, or may have been.
    pub async fn written(
        &self,
        database: &Database,
        ctx: &RequestContext,
        author: MemberId,
        year: i32,
    ) {
        let load = load_year(database.clone(), author, year);
        self.years
            .after_write(ctx, &year_key(author, year), load)
            .await;
    }

    /// After the likes of a post have changed, or may have.
    pub async fn liked(&self, database: &Database, ctx: &RequestContext, id: PostId) {
        let load = load_post(database.clone(), id);
        self.details.after_write(ctx, &id.to_string(), load).await;
    }
}

fn year_key(author: MemberId, year: i32) -> String {
    format!("{author}:{year}")
}

fn load_post(
    database: Database,
    id: PostId,
) -> impl FnOnce(RequestContext) -> LoadedPost + Send + 'static {
    move |ctx| Box::pin(async move { find(&database, &ctx, id).await.map(Arc::new) })
}

type LoadedPost = futures_util::future::BoxFuture<'static, Result<Arc<Post>, PostError>>;
type LoadedYear = futures_util::future::BoxFuture<'static, Result<Arc<Vec<DayCount>>, PostError>>;

fn load_year(
    database: Database,
    author: MemberId,
    year: i32,
) -> impl FnOnce(RequestContext) -> LoadedYear + Send + 'static {
    move |ctx| {
        Box::pin(async move {
            // Beyond the calendar's own ends there are no days.
            let Some(range) = DayRange::year(year) else {
                return Ok(Arc::default());
            };
            calendar(&database, &ctx, author, range).await.map(Arc::new)
        })
    }
}
