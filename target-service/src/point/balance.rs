//! Moves a balance, by the lock that `point.lock` names.
//!
//! All of them run within the transaction that also writes the ledger, at READ COMMITTED: a read after a
//! wait sees what the other transaction has committed. Locks in Redis are held around that transaction, see
//! `holder.rs`, and not in here: what is left to do is what is done without a lock.

use std::time::Duration;

use sqlx::PgConnection;

use super::store;
use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::ids::MemberId;
use crate::lock::{self, Fence};
use crate::strategy::LockStrategy;

/// Spreads writers that lost to each other; about the time that the winner's commit takes.
const BACKOFF_STEP: Duration = Duration::from_millis(2);

pub(super) enum Moved {
    /// To this balance.
    To(i64),
    /// It would have become negative.
    Insufficient,
    NoAccount,
    /// An optimistic writer came second too often.
    Contended,
    /// A later holder of the lock has been here.
    LockLost,
}

pub(super) async fn change(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    change: i64,
    fence: Option<Fence>,
) -> Result<Moved, DatabaseError> {
    match ctx.knobs().point_lock {
        LockStrategy::None
        | LockStrategy::RedisSimple
        | LockStrategy::RedisSpin
        | LockStrategy::RedisPubsub => {
            without_row_lock(transaction, ctx, member, change, fence).await
        }
        LockStrategy::Row => under_row_lock(transaction, ctx, member, change).await,
        LockStrategy::Optimistic => by_version(transaction, ctx, member, change).await,
        LockStrategy::Increment => in_the_database(transaction, ctx, member, change).await,
    }
}

/// Between the read and the write anybody may change the balance whom no lock in Redis keeps away, and that
/// change is lost.
async fn without_row_lock(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    change: i64,
    fence: Option<Fence>,
) -> Result<Moved, DatabaseError> {
    let Some(account) = store::find_account(transaction, ctx, member).await? else {
        return Ok(Moved::NoAccount);
    };
    write(transaction, ctx, member, account.balance + change, fence).await
}

async fn under_row_lock(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    change: i64,
) -> Result<Moved, DatabaseError> {
    let Some(account) = store::find_and_lock_account(transaction, ctx, member).await? else {
        return Ok(Moved::NoAccount);
    };
    write(transaction, ctx, member, account.balance + change, None).await
}

async fn write(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    new: i64,
    fence: Option<Fence>,
) -> Result<Moved, DatabaseError> {
    if new < 0 {
        return Ok(Moved::Insufficient);
    }
    ctx.simulate_work().await;
    if store::write_balance(transaction, ctx, member, new, fence).await? {
        return Ok(Moved::To(new));
    }
    lock::fenced_off("point");
    Ok(Moved::LockLost)
}

async fn by_version(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    change: i64,
) -> Result<Moved, DatabaseError> {
    for attempt in 0..ctx.knobs().point_optimistic_attempts {
        if attempt > 0 {
            let longest = BACKOFF_STEP * attempt;
            tokio::time::sleep(longest.mul_f64(rand::random())).await;
        }
        let Some(account) = store::find_account(transaction, ctx, member).await? else {
            return Ok(Moved::NoAccount);
        };
        let new = account.balance + change;
        if new < 0 {
            return Ok(Moved::Insufficient);
        }
        ctx.simulate_work().await;
        if store::write_balance_of_version(transaction, ctx, member, new, account.version).await? {
            return Ok(Moved::To(new));
        }
        metrics::counter!("target_point_balance_conflicts_total").increment(1);
    }
    Ok(Moved::Contended)
}

async fn in_the_database(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    change: i64,
) -> Result<Moved, DatabaseError> {
    loop {
        if let Some(new) = store::add_to_balance(transaction, ctx, member, change).await? {
            return Ok(Moved::To(new));
        }
        match store::find_account(transaction, ctx, member).await? {
            None => return Ok(Moved::NoAccount),
            Some(account) if account.balance + change < 0 => return Ok(Moved::Insufficient),
            // The account was opened, or points came, between the two statements.
            Some(_) => {}
        }
    }
}
