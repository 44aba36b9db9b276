//! The newest surveys, as the list shows them first, read through the cache.
//!
//! Every change of what that page shows invalidates it: a new survey, and a count that moves. Counts that come
//! by events move when the events are added.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::{Survey, SurveyError, list, usual_size};
use crate::cache::{Cache, Caches};
use crate::context::RequestContext;
use crate::database::Database;
use crate::page::{NEWEST, Page};
use crate::strategy::SurveyCounts;

/// There is one such page.
const KEY: &str = "newest";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Newest {
    surveys: Vec<Survey>,
    next: Option<i64>,
}

#[derive(Debug, Clone)]
pub struct SurveyCache {
    newest: Cache<Arc<Newest>, SurveyError>,
}

impl SurveyCache {
    pub fn open(caches: &Caches) -> Self {
        Self {
            newest: caches.open("survey"),
        }
    }

    /// The first page, of the usual size.
    pub(super) async fn newest(
        &self,
        database: &Database,
        ctx: &RequestContext,
    ) -> Result<Page<Survey>, SurveyError> {
        let newest = self.newest.get_or_load(ctx, KEY, load(database)).await?;
        Ok(Page {
            items: newest.surveys.clone(),
            next: newest.next,
        })
    }

    /// After a survey has been made, or events have been added to counts, or may have been.
    pub(super) async fn changed(&self, database: &Database, ctx: &RequestContext) {
        let load = load(database);
        self.newest.after_write(ctx, KEY, load).await;
    }

    /// After an answer or a like, and where nobody knows whether there was one.
    pub(super) async fn counted(&self, database: &Database, ctx: &RequestContext) {
        if ctx.knobs().survey_counts != SurveyCounts::Event {
            self.changed(database, ctx).await;
        }
    }
}

type Loaded = BoxFuture<'static, Result<Arc<Newest>, SurveyError>>;

fn load(database: &Database) -> impl FnOnce(RequestContext) -> Loaded + Send + 'static {
    let database = database.clone();
    move |ctx| {
        Box::pin(async move {
            let page = list(&database, &ctx, NEWEST, usual_size()).await?;
            Ok(Arc::new(Newest {
                surveys: page.items,
                next: page.next,
            }))
        })
    }
}
