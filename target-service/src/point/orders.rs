//! Points that an order takes and gives back: steps of a flow's transaction, which decides whether they
//! count.

use sqlx::PgConnection;

use super::balance::{self, Moved};
use super::{Amount, EntryKind, PointError, store};
use crate::context::RequestContext;
use crate::ids::{MemberId, OrderId};
use crate::lock::Holder;

/// Takes points for an order, as their holder. The second time for the same order is refused by the ledger itself, as a
/// [`PointError::Database`].
pub async fn spend(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    holder: &Holder,
    member: MemberId,
    order: OrderId,
    amount: Amount,
) -> Result<(), PointError> {
    let change = Recorded {
        member,
        order,
        kind: EntryKind::OrderSpend,
        points: amount.points(),
    };
    record(transaction, ctx, holder, change).await
}

/// Gives back what the order has taken, as the holder of its member's points, if it has taken any and has not given it back before.
pub async fn give_back(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    holder: &Holder,
    order: OrderId,
) -> Result<(), PointError> {
    let taken = store::taken_by(transaction, ctx, order).await?;
    let Some(taken) = taken else { return Ok(()) };
    let change = Recorded {
        member: taken.member_id,
        order,
        kind: EntryKind::OrderReturn,
        points: taken.amount,
    };
    record(transaction, ctx, holder, change).await
}

#[derive(Debug, Clone, Copy)]
struct Recorded {
    member: MemberId,
    order: OrderId,
    kind: EntryKind,
    points: i64,
}

async fn record(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    holder: &Holder,
    Recorded {
        member,
        order,
        kind,
        points,
    }: Recorded,
) -> Result<(), PointError> {
    let change = kind.sign() * points;
    match balance::change(transaction, ctx, member, change, holder.fence()).await? {
        Moved::To(balance) => {
            store::append_of_order(transaction, ctx, member, kind, change, balance, order).await?;
            Ok(())
        }
        // Whoever has no account has no points.
        Moved::Insufficient | Moved::NoAccount => Err(PointError::Insufficient),
        Moved::Contended => Err(PointError::Contended),
        Moved::LockLost => Err(PointError::LockLost),
    }
}
