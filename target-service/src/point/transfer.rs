//! Points that one member gives to another: two balances that change in one transaction.
//!
//! Both members' locks are taken, one after the other, and kept to the end. In the order of the members' ids
//! two transfers never wait for each other in a circle; in the order in which they are named
//! (`point.transfer_order = given`, the mistake) two that go in opposite directions do.
//!
//! Invariant: what one member loses the other one gets, both or nothing, and once for each key of the sender.

use super::balance::{self, Moved};
use super::{Amount, EntryKind, PointEntry, PointError, hold, store};
use crate::context::RequestContext;
use crate::database::Database;
use crate::idempotency::IdempotencyKey;
use crate::ids::MemberId;
use crate::lock::{Holder, Locks};
use crate::strategy::TransferOrder;

/// What somebody wants to give to somebody else.
#[derive(Debug, Clone)]
pub struct Transfer {
    pub from: MemberId,
    pub to: MemberId,
    pub amount: Amount,
    /// The sender's.
    pub key: IdempotencyKey,
}

/// One of the two members, and what becomes of the points there.
#[derive(Debug, Clone, Copy)]
struct Side {
    member: MemberId,
    kind: EntryKind,
    change: i64,
}

impl Transfer {
    fn side(&self, member: MemberId, kind: EntryKind) -> Side {
        Side {
            member,
            kind,
            change: kind.sign() * self.amount.points(),
        }
    }

    /// In the order in which their locks are taken.
    fn sides(&self, order: TransferOrder) -> [Side; 2] {
        let given = self.side(self.from, EntryKind::TransferOut);
        let taken = self.side(self.to, EntryKind::TransferIn);
        match order {
            TransferOrder::Ordered if self.to < self.from => [taken, given],
            TransferOrder::Ordered | TransferOrder::Given => [given, taken],
        }
    }
}

/// Does it once, however often it is asked for with one key; the sender's row of the ledger. What is refused
/// for want of points leaves nothing behind.
pub async fn transfer(
    database: &Database,
    locks: &Locks,
    ctx: &RequestContext,
    transfer: &Transfer,
) -> Result<PointEntry, PointError> {
    let refusal = match attempt(database, locks, ctx, transfer).await {
        // The key is taken, or the points are gone because this very request has moved them before.
        Err(refusal @ (PointError::KeyReused | PointError::Insufficient)) => refusal,
        result => return result,
    };
    let mut connection = database.acquire(ctx).await?;
    let first = store::entry_of_key(&mut connection, ctx, transfer.from, &transfer.key).await?;
    let Some(first) = first else {
        return Err(refusal);
    };
    let receiver = store::receiver(&mut connection, ctx, first.id).await?;
    if receiver == Some(transfer.to) && first.amount == transfer.amount.points() {
        Ok(first)
    } else {
        Err(PointError::KeyReused)
    }
}

/// Accounts are opened outside of the transaction, as for all changes of points.
async fn attempt(
    database: &Database,
    locks: &Locks,
    ctx: &RequestContext,
    transfer: &Transfer,
) -> Result<PointEntry, PointError> {
    if let Some(entry) = attempt_with_accounts(database, locks, ctx, transfer).await? {
        return Ok(entry);
    }
    let mut connection = database.acquire(ctx).await?;
    for member in [transfer.from, transfer.to] {
        store::open_account(&mut connection, ctx, member).await?;
    }
    drop(connection);
    attempt_with_accounts(database, locks, ctx, transfer)
        .await?
        .ok_or(PointError::MemberNotFound)
}

/// `None`: one of the two has no account.
async fn attempt_with_accounts(
    database: &Database,
    locks: &Locks,
    ctx: &RequestContext,
    transfer: &Transfer,
) -> Result<Option<PointEntry>, PointError> {
    let sides @ [first, second] = transfer.sides(ctx.knobs().point_transfer_order);
    let outer = hold(database, locks, ctx, first.member, first.kind).await?;
    let inner = match hold(database, locks, ctx, second.member, second.kind).await {
        Ok(inner) => inner,
        Err(error) => {
            outer.release(false).await;
            return Err(error);
        }
    };
    let holders = [outer, inner];
    let result = move_points(database, ctx, transfer, sides, &holders).await;
    let end_is_uncertain = result.as_ref().is_err_and(PointError::is_uncertain);
    let [outer, inner] = holders;
    inner.release(end_is_uncertain).await;
    outer.release(end_is_uncertain).await;
    result
}

async fn move_points(
    database: &Database,
    ctx: &RequestContext,
    transfer: &Transfer,
    sides: [Side; 2],
    holders: &[Holder; 2],
) -> Result<Option<PointEntry>, PointError> {
    let mut transaction = database.begin(ctx).await?;
    // The sender's and the receiver's.
    let mut balances = [0, 0];
    for (side, holder) in sides.iter().zip(holders) {
        let (member, change, fence) = (side.member, side.change, holder.fence());
        let balance = match balance::change(&mut transaction, ctx, member, change, fence).await? {
            Moved::To(balance) => balance,
            Moved::NoAccount => return Ok(None),
            Moved::Insufficient => return Err(PointError::Insufficient),
            Moved::Contended => return Err(PointError::Contended),
            Moved::LockLost => return Err(PointError::LockLost),
        };
        balances[usize::from(side.kind == EntryKind::TransferIn)] = balance;
    }
    let [left, got] = balances;
    let given = transfer.side(transfer.from, EntryKind::TransferOut);
    let (kind, change, key) = (given.kind, given.change, &transfer.key);
    let entry = store::append_of_key(&mut transaction, ctx, given.member, kind, change, left, key)
        .await?
        .ok_or(PointError::KeyReused)?;
    let points = transfer.amount.points();
    store::append_of_transfer(&mut transaction, ctx, transfer.to, points, got, entry.id).await?;
    transaction.commit().await?;
    Ok(Some(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(from: i64, to: i64, order: TransferOrder) -> Vec<(MemberId, EntryKind, i64)> {
        let transfer = Transfer {
            from: MemberId(from),
            to: MemberId(to),
            amount: Amount::new(5).unwrap(),
            key: IdempotencyKey::parse("a").unwrap(),
        };
        let sides = transfer.sides(order).into_iter();
        sides
            .map(|side| (side.member, side.kind, side.change))
            .collect()
    }

    #[test]
    fn in_order_both_directions_begin_with_the_same_member() {
        let given = |member, change| (MemberId(member), EntryKind::TransferOut, change);
        let taken = |member, change| (MemberId(member), EntryKind::TransferIn, change);
        for (from, to, by, expected) in [
            (1, 2, TransferOrder::Ordered, [given(1, -5), taken(2, 5)]),
            (2, 1, TransferOrder::Ordered, [taken(1, 5), given(2, -5)]),
            (1, 2, TransferOrder::Given, [given(1, -5), taken(2, 5)]),
            (2, 1, TransferOrder::Given, [given(2, -5), taken(1, 5)]),
        ] {
            assert_eq!(order(from, to, by), expected, "{from} to {to}, {by:?}");
        }
    }
}
