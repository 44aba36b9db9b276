//! Issues coupons: who has the lock, what is read and written under it, and when it is given back.

use metrics::counter;
use sqlx::{FromRow, PgConnection};

use super::stock::{self, Taken};
use super::store::{self, Stock};
use super::{CouponError, CouponIssue, holder};
use crate::context::RequestContext;
use crate::database::{Database, DatabaseError, Transaction};
use crate::ids::{CouponId, MemberId, OrderId};
use crate::lock::{Fence, Locks};
use crate::strategy::{LockOrder, Waiting};

/// Takes one out of the stock and gives it to the member, both or nothing.
pub async fn issue(
    database: &Database,
    locks: &Locks,
    ctx: &RequestContext,
    coupon: CouponId,
    member: MemberId,
) -> Result<CouponIssue, CouponError> {
    let issuing = Issuing {
        database,
        locks,
        ctx,
        coupon,
        member,
    };
    let knobs = ctx.knobs();
    let issued = match (knobs.coupon_lock.in_redis(), knobs.coupon_lock_order) {
        (Some(waiting), LockOrder::TransactionThenLock) => {
            issuing.transaction_then_lock(waiting).await
        }
        (Some(waiting), LockOrder::ReleaseBeforeCommit) => {
            issuing.release_before_commit(waiting).await
        }
        (Some(_), LockOrder::LockThenTransaction) | (None, _) => {
            issuing.lock_then_transaction().await
        }
    };
    count(&issued);
    issued
}

#[derive(Clone, Copy)]
struct Issuing<'a> {
    database: &'a Database,
    locks: &'a Locks,
    ctx: &'a RequestContext,
    coupon: CouponId,
    member: MemberId,
}

impl Issuing<'_> {
    async fn lock_then_transaction(self) -> Result<CouponIssue, CouponError> {
        let holder = holder::hold(self.database, self.locks, self.ctx, self.coupon).await?;
        let issued = self.in_a_transaction(holder.fence()).await;
        holder.release(is_uncertain(&issued)).await;
        issued
    }

    async fn in_a_transaction(self, fence: Option<Fence>) -> Result<CouponIssue, CouponError> {
        let mut transaction = self.database.begin(self.ctx).await?;
        let issued = self.read_and_write(&mut transaction, fence).await?;
        transaction.commit().await?;
        Ok(issued)
    }

    async fn read_and_write(
        self,
        transaction: &mut Transaction,
        fence: Option<Fence>,
    ) -> Result<CouponIssue, CouponError> {
        let taken = stock::take_one(transaction, self.ctx, self.coupon, fence).await?;
        self.hand_over(transaction, taken).await
    }

    /// The mistake: what is read before the lock is held is old when it is. Whoever waits for the lock also
    /// keeps a connection.
    async fn transaction_then_lock(self, waiting: Waiting) -> Result<CouponIssue, CouponError> {
        let mut transaction = self.database.begin(self.ctx).await?;
        let read = store::stock(&mut transaction, self.ctx, self.coupon).await?;
        let guard = holder::lock(self.locks, self.ctx, self.coupon, waiting).await?;
        let issued = self.write_over(transaction, read).await;
        guard.release(is_uncertain(&issued)).await;
        issued
    }

    async fn write_over(
        self,
        mut transaction: Transaction,
        read: Option<Stock>,
    ) -> Result<CouponIssue, CouponError> {
        let taken = stock::take_of(&mut transaction, self.ctx, self.coupon, read).await?;
        let issued = self.hand_over(&mut transaction, taken).await?;
        transaction.commit().await?;
        Ok(issued)
    }

    /// The mistake: the lock is free while nobody can see yet what was written under it.
    async fn release_before_commit(self, waiting: Waiting) -> Result<CouponIssue, CouponError> {
        let mut transaction = self.database.begin(self.ctx).await?;
        let guard = holder::lock(self.locks, self.ctx, self.coupon, waiting).await?;
        let issued = self.read_and_write(&mut transaction, None).await;
        guard.release(false).await;
        let issued = issued?;
        transaction.commit().await?;
        Ok(issued)
    }

    async fn hand_over(
        self,
        transaction: &mut Transaction,
        taken: Taken,
    ) -> Result<CouponIssue, CouponError> {
        hand_over(transaction, self.ctx, self.coupon, self.member, None, taken).await
    }
}

/// What was taken out of the stock is the member's. `order`: as long as it is not granted, it is held by this
/// order.
pub(super) async fn hand_over(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    coupon: CouponId,
    member: MemberId,
    order: Option<OrderId>,
    taken: Taken,
) -> Result<CouponIssue, CouponError> {
    match taken {
        Taken::One => store::append(transaction, ctx, coupon, member, order)
            .await
            .map_err(meaning),
        Taken::NoCoupon => Err(CouponError::NotFound),
        Taken::Contended => Err(CouponError::Contended),
        Taken::LockLost => Err(CouponError::LockLost),
        Taken::SoldOut => {
            let standing = store::standing(transaction, ctx, coupon, member).await?;
            Err(standing.refusal())
        }
    }
}

fn is_uncertain(issued: &Result<CouponIssue, CouponError>) -> bool {
    issued.as_ref().is_err_and(CouponError::is_uncertain)
}

/// An issue refers to its member, and stands for itself: the constraint that fails says what is wrong.
fn meaning(error: DatabaseError) -> CouponError {
    match error.constraint() {
        Some(store::MEMBER) => CouponError::MemberNotFound,
        Some(store::ONE_EACH) => CouponError::AlreadyIssued,
        _ => error.into(),
    }
}

/// Who asks for a coupon of which there are none left.
#[derive(Debug, Clone, Copy, FromRow)]
pub(super) struct Standing {
    exists: bool,
    has_one: bool,
}

impl Standing {
    fn refusal(self) -> CouponError {
        if self.has_one {
            CouponError::AlreadyIssued
        } else if self.exists {
            CouponError::SoldOut
        } else {
            CouponError::MemberNotFound
        }
    }
}

fn count(issued: &Result<CouponIssue, CouponError>) {
    let outcome = match issued {
        Ok(_) => "issued",
        Err(CouponError::SoldOut) => "sold_out",
        Err(CouponError::AlreadyIssued) => "already_issued",
        Err(CouponError::NotFound | CouponError::MemberNotFound) => "not_found",
        Err(CouponError::Contended | CouponError::Lock(_) | CouponError::LockLost) => "contended",
        Err(CouponError::Database(_)) => "failed",
    };
    counter!("target_coupon_issues_total", "outcome" => outcome).increment(1);
}
