//! Points that an order takes and gives back: steps of a flow's transaction, which decides whether they
//! count.

use sqlx::PgConnection;

use super::balance::{self, Moved};
use super::{Amount, EntryKind, PointError, store};
use crate::context::RequestContext;
use crate::ids::{MemberId, OrderId};

/// Takes points for an order. The second time for the same order is refused by the ledger itself, as a
/// [`PointError::Database`].
pub async fn spend(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    order: OrderId,
    amount: Amount,
) -> Result<(), PointError> {
    let kind = EntryKind::OrderSpend;
    record(transaction, ctx, member, order, kind, amount.points()).await
}

/// Gives back what the order has taken, if it has taken any and has not given it back before.
pub async fn give_back(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<(), PointError> {
    let taken = store::taken_by(transaction, ctx, order).await?;
    let Some(taken) = taken else { return Ok(()) };
    let kind = EntryKind::OrderReturn;
    record(transaction, ctx, taken.member_id, order, kind, taken.amount).await
}

async fn record(
    transaction: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    order: OrderId,
    kind: EntryKind,
    points: i64,
) -> Result<(), PointError> {
    let change = kind.sign() * points;
    match balance::change(transaction, ctx, member, change).await? {
        Moved::To(balance) => {
            store::append_of_order(transaction, ctx, member, kind, change, balance, order).await?;
            Ok(())
        }
        // Whoever has no account has no points.
        Moved::Insufficient | Moved::NoAccount => Err(PointError::Insufficient),
        Moved::Contended => Err(PointError::Contended),
    }
}
