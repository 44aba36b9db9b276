//! Reads the service's books of points, coupons and seats.

use sqlx::{Connection as _, PgConnection, Row as _};

use crate::record::{AccountRow, Books, BrokenEntry, BrokenTransfer, CouponRow};

const ACCOUNTS: &str = "
    SELECT member_id, balance, coalesce(sum, 0), coalesce(lowest, 0)
      FROM point_accounts
      LEFT JOIN (SELECT member_id, sum(change)::bigint AS sum, min(balance_after) AS lowest
                   FROM point_entries GROUP BY member_id) AS ledgers USING (member_id)
     ORDER BY member_id";

/// Whoever holds a lock that works draws the entry's id while holding it, so that ids are in the order of
/// the changes.
const BROKEN_ENTRIES: &str = "
    SELECT id, member_id, balance_after - change, left_before
      FROM (SELECT id, member_id, change, balance_after,
                   lag(balance_after, 1, 0::bigint) OVER (PARTITION BY member_id ORDER BY id) AS left_before
              FROM point_entries) AS entries
     WHERE balance_after - change <> left_before ORDER BY id";

/// Both sides of a transfer stand in the ledger: what one gave, and what the other has got for it.
const BROKEN_TRANSFERS: &str = "
    SELECT coalesce(o.id, i.id), (coalesce(o.change, 0) + coalesce(i.change, 0))::bigint
      FROM (SELECT id, change FROM point_entries WHERE kind = 'transfer_out') AS o
      FULL JOIN (SELECT id, change, transfer_id FROM point_entries WHERE kind = 'transfer_in') AS i
        ON i.transfer_id = o.id
     WHERE o.id IS NULL OR i.id IS NULL OR o.change + i.change <> 0 ORDER BY 1";

const SEATS_TAKEN: &str = "SELECT count(*) FROM seats WHERE status <> 'FREE'";

const COUPONS: &str = "
    SELECT id, quantity, coalesce(issued, 0), remaining, coalesce(holders, 0)
      FROM coupons
      LEFT JOIN (SELECT coupon_id AS id, count(*) AS issued, count(DISTINCT member_id) AS holders
                   FROM coupon_issues GROUP BY coupon_id) AS issues USING (id)
     ORDER BY id";

pub async fn read(url: &str) -> Result<Books, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let accounts = sqlx::query(ACCOUNTS).fetch_all(&mut connection).await?;
    let accounts = accounts.iter().map(|row| {
        Ok(AccountRow {
            member: row.try_get(0)?,
            balance: row.try_get(1)?,
            sum: row.try_get(2)?,
            lowest: row.try_get(3)?,
        })
    });
    let entries = sqlx::query(BROKEN_ENTRIES)
        .fetch_all(&mut connection)
        .await?;
    let broken_entries = entries.iter().map(|row| {
        Ok(BrokenEntry {
            id: row.try_get(0)?,
            member: row.try_get(1)?,
            began_at: row.try_get(2)?,
            left_before: row.try_get(3)?,
        })
    });
    let coupons = sqlx::query(COUPONS).fetch_all(&mut connection).await?;
    let coupons = coupons.iter().map(|row| {
        Ok(CouponRow {
            id: row.try_get(0)?,
            quantity: row.try_get(1)?,
            issued: row.try_get(2)?,
            remaining: row.try_get(3)?,
            holders: row.try_get(4)?,
        })
    });
    let transfers = sqlx::query(BROKEN_TRANSFERS)
        .fetch_all(&mut connection)
        .await?;
    let broken_transfers = transfers.iter().map(|row| {
        Ok(BrokenTransfer {
            id: row.try_get(0)?,
            sum: row.try_get(1)?,
        })
    });
    let seats: i64 = sqlx::query_scalar(SEATS_TAKEN)
        .fetch_one(&mut connection)
        .await?;
    Ok(Books {
        accounts: accounts.collect::<Result<_, sqlx::Error>>()?,
        broken_entries: broken_entries.collect::<Result<_, sqlx::Error>>()?,
        coupons: coupons.collect::<Result<_, sqlx::Error>>()?,
        broken_transfers: broken_transfers.collect::<Result<_, sqlx::Error>>()?,
        seats_taken: seats.unsigned_abs(),
    })
}
