//! Fills an empty database with members, posts and surveys, quickly and repeatably.
//!
//! The same plan gives the same rows. Ids are 1..=members, 1..=posts and 1..=surveys, so that a load generator can
//! address members without asking; with the Zipf skew a member's id is also the rank: member 1 has
//! written the most. Rows are generated and streamed by COPY, so memory does not grow with their number.

mod rows;
mod store;
mod survey_rows;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use sqlx::PgConnection;
use thiserror::Error;

/// How the posts are spread over the members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Skew {
    /// Every member writes about as much as any other.
    Uniform,
    /// The member of rank r writes in proportion to 1/r: few write most.
    Zipf,
}

/// Surveys, each with the same number of answers and likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SurveyPlan {
    pub surveys: u32,
    pub answers_each: u32,
    /// At most as many as there are members.
    pub likes_each: u32,
}

#[derive(Debug, Clone)]
pub struct SeedPlan {
    pub members: u32,
    pub posts: u32,
    pub surveys: SurveyPlan,
    pub skew: Skew,
    pub seed: u64,
    /// The posts are spread over the 365 days before this moment.
    pub until: DateTime<Utc>,
    /// Decides on which calendar day a post was written.
    pub time_zone: Tz,
}

#[derive(Debug, Error)]
pub enum SeedError {
    #[error("the database has no tables yet: run `target-service migrate` first")]
    NotMigrated,
    #[error("the database already holds data, and seeding would mix with it: seed an empty one")]
    NotEmpty,
    #[error("posts need authors: ask for at least one member")]
    PostsWithoutMembers,
    #[error("surveys need members: ask for at least one, and for as many as like a survey")]
    SurveysWithoutMembers,
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Loads the planned rows in one transaction, then vacuums and analyses: what a reader meets afterwards
/// is settled data with statistics, as a database that has been in use would have.
pub async fn seed(connection: &mut PgConnection, plan: &SeedPlan) -> Result<(), SeedError> {
    if plan.members == 0 && plan.posts > 0 {
        return Err(SeedError::PostsWithoutMembers);
    }
    let surveys = plan.surveys;
    if surveys.surveys > 0 && plan.members < surveys.likes_each.max(1) {
        return Err(SeedError::SurveysWithoutMembers);
    }
    store::load(connection, plan).await?;
    store::settle(connection, plan).await?;
    Ok(())
}
