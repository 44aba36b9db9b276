//! Adds the events of surveys to their counts, behind the writers.
//!
//! Invariant: an event is taken out in the transaction that adds it, so it counts once, whenever the process
//! dies. Of several instances one folds at a time: with two of them the later event of a like could be added
//! before the earlier one.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::store::counts::{self as store, Folded};
use super::{SurveyCache, SurveyError};
use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::ids::RequestId;
use crate::knobs::KnobStore;

/// Events that are added at once.
const BATCH: u16 = 1_000;

/// Keeps an interval of zero from taking a processor for itself.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);

/// How often events are looked for without a hint: those of an instance that has died.
const WITHOUT_HINT: Duration = Duration::from_secs(5);

/// Tells this instance's worker that there are events, so that it asks the database only when there are.
#[derive(Debug, Clone, Default)]
pub struct FoldSoon(Arc<Notify>);

impl FoldSoon {
    pub(super) fn after_change(&self, ctx: &RequestContext) {
        if ctx.knobs().survey_counts.leaves_events() {
            self.0.notify_one();
        }
    }
}

#[derive(Debug, Clone)]
pub struct Fold {
    pub database: Database,
    pub soon: FoldSoon,
    pub cache: SurveyCache,
}

/// Where a fold has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// There may be more events.
    More,
    Done,
    /// Another instance is at it, and may have looked before the events that this one knows of.
    Elsewhere,
}

impl Fold {
    /// Until it is told to stop. Stopping breaks off what is under way, as a crash would.
    pub async fn run(self, knobs: KnobStore, stop: CancellationToken) {
        let forever = async {
            loop {
                let ctx = RequestContext::new(RequestId::generate(), None, knobs.snapshot());
                let all_added = self.fold_all(&ctx).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "survey counts stay behind at the moment");
                    false
                });
                if all_added {
                    let _ = tokio::time::timeout(WITHOUT_HINT, self.soon.0.notified()).await;
                }
                let rest = ctx.knobs().survey_fold_interval.max(SHORTEST_INTERVAL);
                tokio::time::sleep(rest).await;
            }
        };
        stop.run_until_cancelled(forever).await;
    }

    async fn fold_all(&self, ctx: &RequestContext) -> Result<bool, SurveyError> {
        loop {
            match self.fold_batch(ctx).await? {
                Round::More => {}
                Round::Done => return Ok(true),
                Round::Elsewhere => return Ok(false),
            }
        }
    }

    async fn fold_batch(&self, ctx: &RequestContext) -> Result<Round, SurveyError> {
        let mut transaction = self.database.begin(ctx).await?;
        if !store::try_to_be_the_one_who_folds(&mut transaction, ctx).await? {
            return Ok(Round::Elsewhere);
        }
        let Folded { events, oldest } = store::fold(&mut transaction, ctx, BATCH).await?;
        let committed = transaction.commit().await;
        let is_uncertain = |error: &DatabaseError| error.is_uncertain();
        if events > 0 && committed.as_ref().err().is_none_or(is_uncertain) {
            self.cache.changed(&self.database, ctx).await;
        }
        committed?;
        observe(events, oldest);
        Ok(if events == u64::from(BATCH) {
            Round::More
        } else {
            Round::Done
        })
    }
}

/// `oldest`: how long ago the first of them happened.
fn observe(events: u64, oldest: Option<Duration>) {
    let lag = oldest.unwrap_or_default();
    gauge!("target_survey_count_lag_seconds").set(lag.as_secs_f64());
    if events > 0 {
        histogram!("target_survey_count_delay_seconds").record(lag);
        counter!("target_survey_events_folded_total").increment(events);
    }
}
