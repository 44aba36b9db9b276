//! Points: a balance for each member, and the ledger of its changes.
//!
//! Invariant, with every `point.lock` but `none` and with the right `point.lock_key`, as long as no holder of a
//! lock outlives its lease or is fenced off then: a balance is never negative and is the sum of its ledger.
//! Both change in one transaction, and what guards a charge guards a use. With every lock: a request of one
//! idempotency key moves points once, an order takes points once and gives them back once, and in the ledger
//! a transfer gives one member what it takes from the other.

mod amount;
pub mod api;
mod balance;
mod config;
mod entry;
mod holder;
mod orders;
mod store;
mod transfer;

use serde::Serialize;
use sqlx::FromRow;
use thiserror::Error;
use utoipa::ToSchema;

pub use amount::{Amount, AmountError};
pub use config::PointConfig;
pub use entry::{EntryKind, PointEntry};
pub use holder::hold;
pub use orders::{give_back, spend};
pub use transfer::{Transfer, transfer};

use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::idempotency::IdempotencyKey;
use crate::ids::MemberId;
use crate::lock::{Holder, LockError, Locks};
use balance::Moved;

/// What a member has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow, Serialize, ToSchema)]
pub struct Balance {
    pub member_id: MemberId,
    pub balance: i64,
}

#[derive(Debug, Error)]
pub enum PointError {
    #[error("there is no such member")]
    MemberNotFound,
    #[error("the member does not have so many points")]
    Insufficient,
    #[error("this idempotency key was used for another request")]
    KeyReused,
    #[error("too many others changed the points of this member at the same time")]
    Contended,
    #[error("a later holder of the lock has been here")]
    LockLost,
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl PointError {
    /// Whether points may have moved all the same.
    pub fn is_uncertain(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_uncertain())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Charge,
    Use,
}

/// What somebody wants done with a member's points.
#[derive(Debug, Clone)]
pub struct Wish {
    pub member: MemberId,
    pub operation: Operation,
    pub amount: Amount,
    pub key: IdempotencyKey,
}

impl Wish {
    fn kind(&self) -> EntryKind {
        match self.operation {
            Operation::Charge => EntryKind::Charge,
            Operation::Use => EntryKind::Use,
        }
    }
}

pub async fn balance(
    database: &Database,
    ctx: &RequestContext,
    member: MemberId,
) -> Result<Balance, PointError> {
    let mut connection = database.acquire(ctx).await?;
    store::balance(&mut connection, ctx, member)
        .await?
        .ok_or(PointError::MemberNotFound)
}

/// Does it once, however often and from however many sides it is asked for with one key: who asks again
/// gets the first answer. A use that is refused for want of points leaves nothing behind, so that the same
/// request may succeed later.
pub async fn fulfil(
    database: &Database,
    locks: &Locks,
    ctx: &RequestContext,
    wish: &Wish,
) -> Result<PointEntry, PointError> {
    let refusal = match attempt(database, locks, ctx, wish).await {
        // The key is taken, or the points are gone because this very request has used them before.
        Err(refusal @ (PointError::KeyReused | PointError::Insufficient)) => refusal,
        result => return result,
    };
    let mut connection = database.acquire(ctx).await?;
    let first = store::entry_of_key(&mut connection, ctx, wish.member, &wish.key).await?;
    match first {
        Some(entry) if entry.kind == wish.kind() && entry.amount == wish.amount.points() => {
            Ok(entry)
        }
        Some(_) => Err(PointError::KeyReused),
        None => Err(refusal),
    }
}

/// An account is opened outside of the transaction: two first requests would otherwise wait for each other
/// there, and nothing but `point.lock` is to decide who waits for whom.
async fn attempt(
    database: &Database,
    locks: &Locks,
    ctx: &RequestContext,
    wish: &Wish,
) -> Result<PointEntry, PointError> {
    if let Some(entry) = attempt_with_account(database, locks, ctx, wish).await? {
        return Ok(entry);
    }
    let mut connection = database.acquire(ctx).await?;
    store::open_account(&mut connection, ctx, wish.member).await?;
    drop(connection);
    attempt_with_account(database, locks, ctx, wish)
        .await?
        .ok_or(PointError::MemberNotFound)
}

/// `None`: there is no account.
async fn attempt_with_account(
    database: &Database,
    locks: &Locks,
    ctx: &RequestContext,
    wish: &Wish,
) -> Result<Option<PointEntry>, PointError> {
    let holder = hold(database, locks, ctx, wish.member, wish.kind()).await?;
    let result = attempt_as(&holder, database, ctx, wish).await;
    let end_is_uncertain = result.as_ref().is_err_and(PointError::is_uncertain);
    holder.release(end_is_uncertain).await;
    result
}

async fn attempt_as(
    holder: &Holder,
    database: &Database,
    ctx: &RequestContext,
    wish: &Wish,
) -> Result<Option<PointEntry>, PointError> {
    let kind = wish.kind();
    let change = kind.sign() * wish.amount.points();
    let mut transaction = database.begin(ctx).await?;
    let fence = holder.fence();
    let balance = match balance::change(&mut transaction, ctx, wish.member, change, fence).await? {
        Moved::To(balance) => balance,
        Moved::NoAccount => return Ok(None),
        Moved::Insufficient => return Err(PointError::Insufficient),
        Moved::Contended => return Err(PointError::Contended),
        Moved::LockLost => return Err(PointError::LockLost),
    };
    let key = &wish.key;
    let entry = store::append_of_key(
        &mut transaction,
        ctx,
        wish.member,
        kind,
        change,
        balance,
        key,
    )
    .await?
    .ok_or(PointError::KeyReused)?;
    transaction.commit().await?;
    Ok(Some(entry))
}
