//! Surveys, with how many have answered and how many like them.
//!
//! Invariant, in every mode of `survey.counts` and across a switch while requests are under way: the counts
//! that a survey carries, with the events that are not added to them yet, are the numbers of its answers and
//! likes. Who writes one either moves the counts in the same transaction (`counters`) or leaves an event in
//! it (all others), and the [`fold`] takes an event out in the transaction that adds it.

pub mod api;
mod cached;
mod config;
mod counts;
mod fold;
mod likes;
mod store;
mod text;

use chrono::{DateTime, SubsecRound as _, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use thiserror::Error;
use utoipa::ToSchema;

pub use cached::SurveyCache;
pub use config::SurveyConfig;
pub use fold::{Fold, FoldSoon};
pub use likes::{Reaction, Wish, react};
pub use text::{Text, TextError};

use crate::context::RequestContext;
use crate::database::{Database, DatabaseError, OnConstraint as _};
use crate::ids::{MemberId, SurveyId};
use crate::page::{Page, PageSize};

#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, Deserialize, ToSchema)]
pub struct Survey {
    pub id: SurveyId,
    /// Who asks.
    pub member_id: MemberId,
    pub title: String,
    pub created_at: DateTime<Utc>,
    pub answer_count: i64,
    pub like_count: i64,
}

/// What a member answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Answer {
    pub id: i64,
    pub survey_id: SurveyId,
    pub member_id: MemberId,
    pub contents: String,
    pub answered_at: DateTime<Utc>,
}

#[derive(Debug, Clone, Error)]
pub enum SurveyError {
    #[error("there is no such survey")]
    NotFound,
    #[error("there is no such member")]
    MemberNotFound,
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl SurveyError {
    /// Whether it may be written all the same: then whoever keeps what was read before has to forget it.
    pub fn is_uncertain(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_uncertain())
    }
}

pub async fn create(
    database: &Database,
    ctx: &RequestContext,
    member: MemberId,
    title: &Text,
    at: DateTime<Utc>,
) -> Result<Survey, SurveyError> {
    let mut connection = database.acquire(ctx).await?;
    store::insert(&mut connection, ctx, member, title, at)
        .await
        .on_constraint(store::AUTHOR, || SurveyError::MemberNotFound)
}

/// Surveys per page when nobody says how many.
pub const USUAL_SIZE: i64 = 30;

/// A page of [`USUAL_SIZE`].
fn usual_size() -> PageSize {
    PageSize::new(USUAL_SIZE).unwrap_or(PageSize::DEFAULT)
}

/// Newest first, below the position `before`.
pub async fn list(
    database: &Database,
    ctx: &RequestContext,
    before: i64,
    size: PageSize,
) -> Result<Page<Survey>, SurveyError> {
    let mut connection = database.acquire(ctx).await?;
    let rows = store::list_before(&mut connection, ctx, before, size).await?;
    let mut page = Page::from_rows(rows, size, |survey: &Survey| survey.id.0);
    counts::fill_in(&mut connection, ctx, &mut page.items).await?;
    Ok(page)
}

pub async fn answer(
    database: &Database,
    fold_soon: &FoldSoon,
    ctx: &RequestContext,
    survey: SurveyId,
    member: MemberId,
    contents: &Text,
    at: DateTime<Utc>,
) -> Result<Answer, SurveyError> {
    // The database keeps microseconds: what is answered now and what is stored are the same.
    let at = at.trunc_subsecs(6);
    let mut transaction = database.begin(ctx).await?;
    let id = store::append_answer(&mut transaction, ctx, survey, member, contents, at)
        .await
        .map_err(missing_party)?;
    counts::keep(&mut transaction, ctx, survey, counts::Change::ANSWER).await?;
    transaction.commit().await?;
    fold_soon.after_change(ctx);
    Ok(Answer {
        id,
        survey_id: survey,
        member_id: member,
        contents: contents.as_str().to_owned(),
        answered_at: at,
    })
}

/// Answers and likes refer to both their survey and their member: the reference that fails says which is
/// unknown.
fn missing_party(error: DatabaseError) -> SurveyError {
    match error.constraint() {
        Some(store::ANSWERED_SURVEY | store::likes::LIKED_SURVEY) => SurveyError::NotFound,
        Some(store::ANSWERING_MEMBER | store::likes::LIKING_MEMBER) => SurveyError::MemberNotFound,
        _ => error.into(),
    }
}
