//! Members: registration, nicknames and their history.
//!
//! Invariant: a member's nickname is the newest row of its nickname history. Both change in one
//! transaction, under the lock of the member's row, so concurrent renames queue up and each leaves its row.

pub mod api;
mod birth_date;
mod email;
mod nickname;
mod registration;
mod store;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::FromRow;
use thiserror::Error;
use utoipa::ToSchema;

pub use birth_date::{BirthDate, BirthDateError};
pub use email::{Email, EmailError};
pub use nickname::{Nickname, NicknameError};
pub use registration::{Registration, RegistrationError};

use crate::clock::Clock;
use crate::context::RequestContext;
use crate::database::{Database, DatabaseError, OnConstraint as _};
use crate::ids::MemberId;
use crate::mail::{self, Letter, MailError};
use crate::outbox::{self, Kind, RelaySoon};
use crate::page::{Page, PageSize};
use crate::strategy::WelcomeMail;

const REGISTERED: Kind = Kind::MemberRegistered;

#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, ToSchema)]
pub struct Member {
    pub id: MemberId,
    pub email: String,
    pub nickname: String,
    pub birth_date: NaiveDate,
    pub created_at: DateTime<Utc>,
}

/// A nickname and when it was taken.
#[derive(Debug, Clone, PartialEq, Eq, FromRow, Serialize, ToSchema)]
pub struct NicknameChange {
    #[serde(skip)]
    pub id: i64,
    pub nickname: String,
    pub changed_at: DateTime<Utc>,
}

#[derive(Debug, Error)]
pub enum MemberError {
    #[error("there is no such member")]
    NotFound,
    #[error("this e-mail address is registered already")]
    EmailTaken,
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The subject of the mail to a new member.
pub const WELCOME: &str = "Welcome";

/// Of two registrations of one address that race, the database lets one commit.
pub async fn register(
    database: &Database,
    relay_soon: &RelaySoon,
    ctx: &RequestContext,
    registration: &Registration,
    at: DateTime<Utc>,
) -> Result<Member, MemberError> {
    let mut transaction = database.begin(ctx).await?;
    let member = store::insert(&mut transaction, ctx, registration, at)
        .await
        .on_constraint(store::EMAIL_UNIQUE, || MemberError::EmailTaken)?;
    store::append_nickname_change(&mut transaction, ctx, member.id, &member.nickname, at).await?;
    match ctx.knobs().mail_welcome {
        WelcomeMail::Outbox => {
            outbox::append(&mut transaction, ctx, REGISTERED, member.id.0).await?;
        }
        WelcomeMail::Inline => {
            let accepted = mail::transmit(ctx, welcome(ctx, &member)).await?;
            accepted.keep(&mut transaction, ctx).await?;
        }
        WelcomeMail::AfterCommit => {}
    }
    transaction.commit().await?;
    match ctx.knobs().mail_welcome {
        WelcomeMail::AfterCommit => welcome_from_memory(database, ctx, &member),
        WelcomeMail::Outbox | WelcomeMail::Inline => relay_soon.after_commit(),
    }
    Ok(member)
}

fn welcome(ctx: &RequestContext, member: &Member) -> Letter {
    Letter {
        message_id: mail::message_id(ctx, format!("{}-{}", REGISTERED.as_str(), member.id)),
        recipient: member.email.clone(),
        subject: WELCOME.to_owned(),
    }
}

/// The mistake: a task that ends with the process, and does not try again.
fn welcome_from_memory(database: &Database, ctx: &RequestContext, member: &Member) {
    let (database, ctx) = (database.clone(), ctx.detached());
    let letter = welcome(&ctx, member);
    tokio::spawn(async move {
        let sent: Result<(), MailError> = async {
            let accepted = mail::transmit(&ctx, letter).await?;
            let mut mailbox = database.acquire(&ctx).await?;
            accepted.keep(&mut mailbox, &ctx).await
        }
        .await;
        if let Err(error) = sent {
            tracing::debug!(%error, "a welcome is lost");
        }
    });
}

pub async fn find(
    database: &Database,
    ctx: &RequestContext,
    id: MemberId,
) -> Result<Member, MemberError> {
    let mut connection = database.acquire(ctx).await?;
    store::find(&mut connection, ctx, id)
        .await?
        .ok_or(MemberError::NotFound)
}

/// Renaming to the nickname that the member has changes nothing and leaves no trace in the history.
pub async fn rename(
    database: &Database,
    ctx: &RequestContext,
    id: MemberId,
    nickname: &Nickname,
    clock: &Clock,
) -> Result<Member, MemberError> {
    let mut transaction = database.begin(ctx).await?;
    let mut member = store::find_and_lock(&mut transaction, ctx, id)
        .await?
        .ok_or(MemberError::NotFound)?;
    if member.nickname != nickname.as_str() {
        store::set_nickname(&mut transaction, ctx, id, nickname.as_str()).await?;
        // Read under the lock, so that the history's times run with its order.
        let now = clock.now();
        store::append_nickname_change(&mut transaction, ctx, id, nickname.as_str(), now).await?;
        nickname.as_str().clone_into(&mut member.nickname);
    }
    transaction.commit().await?;
    Ok(member)
}

/// Newest first, the first nickname included, below the position `before`.
pub async fn nickname_history(
    database: &Database,
    ctx: &RequestContext,
    id: MemberId,
    before: i64,
    size: PageSize,
) -> Result<Page<NicknameChange>, MemberError> {
    let mut connection = database.acquire(ctx).await?;
    let rows = store::nickname_changes(&mut connection, ctx, id, before, size).await?;
    // Every member has at least the first one: only an empty page leaves a doubt.
    if rows.is_empty() && store::find(&mut connection, ctx, id).await?.is_none() {
        return Err(MemberError::NotFound);
    }
    Ok(Page::from_rows(rows, size, |change| change.id))
}
