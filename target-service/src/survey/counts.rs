//! The numbers of answers and likes: how they are read and how they are kept, by `survey.counts`.

use std::collections::HashMap;

use sqlx::PgConnection;

use super::Survey;
use super::store::counts as store;
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::ids::SurveyId;
use crate::strategy::SurveyCounts;

/// By how much the counts of a survey move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub answers: i16,
    pub likes: i16,
}

impl Change {
    pub(super) const ANSWER: Self = Self {
        answers: 1,
        likes: 0,
    };
    pub(super) const LIKE: Self = Self {
        answers: 0,
        likes: 1,
    };
    pub(super) const UNLIKE: Self = Self {
        answers: 0,
        likes: -1,
    };
}

/// A step of the transaction that makes the change.
pub(super) async fn keep(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    survey: SurveyId,
    change: Change,
) -> Result<(), DatabaseError> {
    if ctx.knobs().survey_counts.leaves_events() {
        store::append_event(transaction, ctx, survey, change).await
    } else {
        store::add(transaction, ctx, survey, change).await
    }
}

/// Gives surveys, which come with the counts that they carry, the counts to show.
pub(super) async fn fill_in(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    surveys: &mut [Survey],
) -> Result<(), DatabaseError> {
    let ids: Vec<SurveyId> = surveys.iter().map(|survey| survey.id).collect();
    let (answers, likes) = match ctx.knobs().survey_counts {
        SurveyCounts::Counters | SurveyCounts::Event => return Ok(()),
        SurveyCounts::Subqueries => {
            let rows = store::by_subqueries(connection, ctx, &ids).await?;
            let answers = rows.iter().map(|row| (row.id, row.answers)).collect();
            let likes = rows.iter().map(|row| (row.id, row.likes)).collect();
            (answers, likes)
        }
        SurveyCounts::Grouped => (
            by_survey(store::answers_grouped(connection, ctx, &ids).await?),
            by_survey(store::likes_grouped(connection, ctx, &ids).await?),
        ),
    };
    for survey in surveys {
        let of = |counts: &HashMap<SurveyId, i64>| counts.get(&survey.id).copied().unwrap_or(0);
        (survey.answer_count, survey.like_count) = (of(&answers), of(&likes));
    }
    Ok(())
}

fn by_survey(rows: Vec<(SurveyId, i64)>) -> HashMap<SurveyId, i64> {
    rows.into_iter().collect()
}
