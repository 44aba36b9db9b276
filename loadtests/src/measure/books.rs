//! Reads the service's books of points and coupons.

use sqlx::{Connection as _, PgConnection, Row as _};

use crate::record::{AccountRow, Books, BrokenEntry, CouponRow};

const ACCOUNTS: &str = "
    SELECT member_id, balance,
           (SELECT coalesce(sum(change), 0)::bigint FROM point_entries e WHERE e.member_id = a.member_id)
      FROM point_accounts a ORDER BY member_id";

/// Whoever holds a lock that works draws the entry's id while holding it, so that ids are in the order of
/// the changes.
const BROKEN_ENTRIES: &str = "
    SELECT id, member_id, balance_after - change, left_before
      FROM (SELECT id, member_id, change, balance_after,
                   lag(balance_after, 1, 0::bigint) OVER (PARTITION BY member_id ORDER BY id) AS left_before
              FROM point_entries) AS entries
     WHERE balance_after - change <> left_before ORDER BY id";

const COUPONS: &str = "
    SELECT id, quantity, (SELECT count(*) FROM coupon_issues i WHERE i.coupon_id = c.id), remaining
      FROM coupons c ORDER BY id";

pub async fn read(url: &str) -> Result<Books, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let accounts = sqlx::query(ACCOUNTS).fetch_all(&mut connection).await?;
    let accounts = accounts.iter().map(|row| {
        Ok(AccountRow {
            member: row.try_get(0)?,
            balance: row.try_get(1)?,
            sum: row.try_get(2)?,
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
        })
    });
    Ok(Books {
        accounts: accounts.collect::<Result<_, sqlx::Error>>()?,
        broken_entries: broken_entries.collect::<Result<_, sqlx::Error>>()?,
        coupons: coupons.collect::<Result<_, sqlx::Error>>()?,
    })
}
