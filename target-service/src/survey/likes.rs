//! Likes of surveys: one per member and survey, idempotent both ways.

use chrono::{DateTime, Utc};

use super::counts::{self, Change};
use super::{FoldSoon, SurveyError, missing_party, store};
use crate::context::RequestContext;
use crate::database::Database;
use crate::ids::{MemberId, SurveyId};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Like,
    Unlike,
}

/// What somebody wants of a survey.
#[derive(Debug, Clone, Copy)]
pub struct Reaction {
    pub wish: Wish,
    pub survey: SurveyId,
    pub member: MemberId,
    pub at: DateTime<Utc>,
}

/// Brings about what the member wishes, and returns the likes of the survey to show.
pub async fn react(
    database: &Database,
    fold_soon: &FoldSoon,
    ctx: &RequestContext,
    Reaction {
        wish,
        survey,
        member,
        at,
    }: Reaction,
) -> Result<i64, SurveyError> {
    let mut transaction = database.begin(ctx).await?;
    let change = match wish {
        Wish::Like => store::likes::insert(&mut transaction, ctx, survey, member, at)
            .await
            .map_err(missing_party)?
            .then_some(Change::LIKE),
        Wish::Unlike => store::likes::delete(&mut transaction, ctx, survey, member)
            .await?
            .then_some(Change::UNLIKE),
    };
    if let Some(change) = change {
        counts::keep(&mut transaction, ctx, survey, change).await?;
    } else if !store::likes::member_exists(&mut transaction, ctx, member).await? {
        // Where nothing is written nothing refers to the member: only a look can tell.
        return Err(SurveyError::MemberNotFound);
    }
    let mut shown = store::find(&mut transaction, ctx, survey)
        .await?
        .ok_or(SurveyError::NotFound)?;
    counts::fill_in(&mut transaction, ctx, std::slice::from_mut(&mut shown)).await?;
    transaction.commit().await?;
    if change.is_some() {
        fold_soon.after_change(ctx);
    }
    Ok(shown.like_count)
}
