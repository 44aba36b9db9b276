//! Fills an empty database with members and posts, quickly and repeatably.
//!
//! The same plan gives the same rows. Ids are 1..=members and 1..=posts, so that a load generator can
//! address members without asking; with the Zipf skew a member's id is also the rank: member 1 has
//! written the most. Rows are generated and streamed by COPY, so memory does not grow with their number.

mod rows;
mod store;

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

#[derive(Debug, Clone)]
pub struct SeedPlan {
    pub members: u32,
    pub posts: u32,
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
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Loads the planned rows in one transaction, then vacuums and analyses: what a reader meets afterwards
/// is settled data with statistics, as a database that has been in use would have.
pub async fn seed(connection: &mut PgConnection, plan: &SeedPlan) -> Result<(), SeedError> {
    if plan.members == 0 && plan.posts > 0 {
        return Err(SeedError::PostsWithoutMembers);
    }
    store::load(connection, plan).await?;
    store::settle(connection).await?;
    Ok(())
}
