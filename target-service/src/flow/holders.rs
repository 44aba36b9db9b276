//! Who may move the goods of an order, where the locks are in Redis: held around the transaction that moves
//! them. The coupon's lock is taken before that of the points, by everybody, so that no two wait for each
//! other in a circle.

use super::FlowError;
use super::goods::Goods;
use crate::context::RequestContext;
use crate::ids::{CouponId, MemberId, OrderId};
use crate::lock::Holder;
use crate::order::{self, NewOrder};
use crate::point::EntryKind;
use crate::{coupon, point};

pub(super) struct Holders {
    pub coupon: Holder,
    pub points: Holder,
}

impl Holders {
    pub(super) async fn taking(
        goods: &Goods,
        ctx: &RequestContext,
        new: &NewOrder,
    ) -> Result<Self, FlowError> {
        let member = (new.points > 0).then_some(new.member);
        Box::pin(Self::of(
            goods,
            ctx,
            new.coupon,
            member,
            EntryKind::OrderSpend,
        ))
        .await
    }

    /// What the order has taken is to be known before the transaction begins, where a lock is around it.
    pub(super) async fn giving_back(
        goods: &Goods,
        ctx: &RequestContext,
        id: OrderId,
    ) -> Result<Self, FlowError> {
        let locks = [ctx.knobs().point_lock, ctx.knobs().coupon_lock];
        if locks.iter().all(|lock| lock.in_redis().is_none()) {
            return Ok(Self {
                coupon: Holder::of_nothing(),
                points: Holder::of_nothing(),
            });
        }
        let order = order::find(&goods.database, ctx, id).await?;
        let member = (order.points > 0).then_some(order.member_id);
        Box::pin(Self::of(
            goods,
            ctx,
            order.coupon_id,
            member,
            EntryKind::OrderReturn,
        ))
        .await
    }

    async fn of(
        Goods {
            database, locks, ..
        }: &Goods,
        ctx: &RequestContext,
        coupon: Option<CouponId>,
        member: Option<MemberId>,
        kind: EntryKind,
    ) -> Result<Self, FlowError> {
        let coupon = match coupon {
            Some(coupon) => coupon::hold(database, locks, ctx, coupon).await?,
            None => Holder::of_nothing(),
        };
        let points = match member {
            Some(member) => point::hold(database, locks, ctx, member, kind).await,
            None => Ok(Holder::of_nothing()),
        };
        match points {
            Ok(points) => Ok(Self { coupon, points }),
            Err(error) => {
                coupon.release(false).await;
                Err(error.into())
            }
        }
    }

    /// After the end of the transaction, whatever that was.
    pub(super) async fn release<T>(self, result: &Result<T, FlowError>) {
        let end_is_uncertain = result.as_ref().is_err_and(FlowError::end_is_uncertain);
        self.points.release(end_is_uncertain).await;
        self.coupon.release(end_is_uncertain).await;
    }
}
