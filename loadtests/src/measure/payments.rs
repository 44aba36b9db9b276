//! The service's own rows about payments and orders, for whoever compares them with the gateway.

use sqlx::{Connection as _, PgConnection, Row as _};

use crate::record::{Goods, OrderRow, PaymentRow};

/// The last payment and order of before: what comes after them belongs to the trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastRows {
    pub payment: i64,
    pub order: i64,
}

const LAST: &str = "
    SELECT (SELECT coalesce(max(id), 0) FROM payments), (SELECT coalesce(max(id), 0) FROM orders)";

/// A payment that failed because nobody waited is open as long as somebody is going to compare it
/// with the gateway; an order that failed, as long as a payment of it has to be given back.
const OPEN: &str = "
    SELECT (SELECT count(*) FROM payments
             WHERE id > $1
               AND (status IN ('REQUESTED', 'PENDING')
                    OR status = 'SUCCEEDED' AND cancel_requested_at IS NOT NULL
                    OR failure = 'timed_out' AND due_at IS NOT NULL))
         + (SELECT count(*) FROM orders
             WHERE id > $2
               AND (status = 'CREATED'
                    OR status = 'FAILED'
                       AND EXISTS (SELECT FROM payments
                                    WHERE order_id = orders.id AND status = 'SUCCEEDED')))";

const PAYMENTS: &str = "
    SELECT id, order_id, amount,
           CASE WHEN status = 'SUCCEEDED' AND cancel_requested_at IS NOT NULL
                THEN 'REFUNDING' ELSE status END
      FROM payments WHERE id > $1 ORDER BY id";

/// The goods are looked up where they are kept: what an order says of itself is not asked.
const ORDERS: &str = "
    SELECT id, status, amount - points, points,
           (SELECT coalesce(-sum(change), 0)::bigint FROM point_entries WHERE order_id = o.id),
           idempotency_key,
           seat IS NULL AND coupon_id IS NULL,
           EXISTS (SELECT FROM seats WHERE order_id = o.id AND status = 'HELD')
               OR EXISTS (SELECT FROM coupon_issues WHERE order_id = o.id AND held),
           EXISTS (SELECT FROM seats WHERE order_id = o.id AND status = 'SOLD')
               OR EXISTS (SELECT FROM coupon_issues WHERE order_id = o.id AND NOT held)
      FROM orders o WHERE id > $1 ORDER BY id";

pub async fn last_rows(url: &str) -> Result<LastRows, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let row = sqlx::query(LAST).fetch_one(&mut connection).await?;
    Ok(LastRows {
        payment: row.try_get(0)?,
        order: row.try_get(1)?,
    })
}

/// How many of the trial's payments and orders are not final.
pub async fn open_rows(url: &str, before: LastRows) -> Result<i64, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let query = sqlx::query(OPEN).bind(before.payment).bind(before.order);
    query.fetch_one(&mut connection).await?.try_get(0)
}

/// The trial's payments and orders.
pub async fn rows(
    url: &str,
    before: LastRows,
) -> Result<(Vec<PaymentRow>, Vec<OrderRow>), sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let query = sqlx::query(PAYMENTS).bind(before.payment);
    let found = query.fetch_all(&mut connection).await?;
    let payments = found.iter().map(|row| {
        Ok(PaymentRow {
            id: row.try_get(0)?,
            order_id: row.try_get(1)?,
            amount: row.try_get(2)?,
            status: row.try_get(3)?,
        })
    });
    let payments: Result<_, sqlx::Error> = payments.collect();
    let query = sqlx::query(ORDERS).bind(before.order);
    let found = query.fetch_all(&mut connection).await?;
    let orders = found.iter().map(|row| {
        Ok(OrderRow {
            id: row.try_get(0)?,
            status: row.try_get(1)?,
            due: row.try_get(2)?,
            points: row.try_get(3)?,
            points_taken: row.try_get(4)?,
            key: row.try_get(5)?,
            goods: match (row.try_get(6)?, row.try_get(7)?, row.try_get(8)?) {
                (true, ..) => Goods::None,
                (_, _, true) => Goods::Granted,
                (_, true, _) => Goods::Held,
                _ => Goods::Missing,
            },
        })
    });
    let orders: Result<_, sqlx::Error> = orders.collect();
    Ok((payments?, orders?))
}
