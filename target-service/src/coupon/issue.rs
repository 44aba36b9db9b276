//! Issues coupons: who has the lock, what is read and written under it, and when it is given back.

use metrics::counter;
use sqlx::FromRow;

use super::stock::{self, Taken};
use super::store::{self, Stock};
use super::{CouponError, CouponIssue};
use crate::context::RequestContext;
use crate::database::{Database, DatabaseError, Transaction};
use crate::ids::{CouponId, MemberId};
use crate::lock::{Fence, Guard, Locks};
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
    let issued = match ctx.knobs().coupon_lock.in_redis() {
        None => issuing.in_a_transaction(None).await,
        Some(waiting) => match ctx.knobs().coupon_lock_order {
            LockOrder::LockThenTransaction => issuing.lock_then_transaction(waiting).await,
            LockOrder::TransactionThenLock => issuing.transaction_then_lock(waiting).await,
            LockOrder::ReleaseBeforeCommit => issuing.release_before_commit(waiting).await,
        },
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
    async fn lock(self, waiting: Waiting) -> Result<Guard, CouponError> {
        let name = format!("coupon:{}", self.coupon);
        Ok(self.locks.acquire(self.ctx, waiting, &name).await?)
    }

    async fn lock_then_transaction(self, waiting: Waiting) -> Result<CouponIssue, CouponError> {
        let guard = self.lock(waiting).await?;
        let issued = self.as_holder(guard.fence()).await;
        guard.release(is_uncertain(&issued)).await;
        issued
    }

    /// A holder with a number announces it before it reads: from then on what earlier holders write is
    /// refused, so that what is read stays what is there until a later holder comes.
    async fn as_holder(self, fence: Option<Fence>) -> Result<CouponIssue, CouponError> {
        if let Some(fence) = fence {
            let mut connection = self.database.acquire(self.ctx).await?;
            store::announce(&mut connection, self.ctx, self.coupon, fence).await?;
        }
        self.in_a_transaction(fence).await
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
        let guard = self.lock(waiting).await?;
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
        let guard = self.lock(waiting).await?;
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
        let Self {
            ctx,
            coupon,
            member,
            ..
        } = self;
        match taken {
            Taken::One => store::append(transaction, ctx, coupon, member)
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
}

fn is_uncertain(issued: &Result<CouponIssue, CouponError>) -> bool {
    matches!(issued, Err(CouponError::Database(error)) if error.is_uncertain())
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
