//! The SQL of balances and their ledger.
//!
//! Whoever changes a balance also moves its version on, so that an optimistic writer notices. Every change
//! touches the account first and the ledger second, so that two of them cannot wait for each other in a
//! circle; a transfer touches two accounts, in the order that `point.transfer_order` says.

use sqlx::{FromRow, PgConnection};

use super::{Balance, EntryKind, PointEntry};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::idempotency::IdempotencyKey;
use crate::ids::{MemberId, OrderId};
use crate::lock::Fence;

#[derive(Debug, Clone, Copy, FromRow)]
pub(super) struct Account {
    pub balance: i64,
    pub version: i64,
}

/// `None` when there is no such member.
pub(super) async fn balance(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
) -> Result<Option<Balance>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT m.id AS member_id, COALESCE(a.balance, 0) AS balance \
         FROM members m LEFT JOIN point_accounts a ON a.member_id = m.id WHERE m.id = $1",
    )
    .bind(member)
    .fetch_optional(connection);
    observed(ctx, "point.balance", query).await
}

/// Does nothing where there is an account, or no such member.
pub(super) async fn open_account(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
) -> Result<(), DatabaseError> {
    let query = sqlx::query(
        "INSERT INTO point_accounts (member_id) SELECT id FROM members WHERE id = $1 \
         ON CONFLICT ON CONSTRAINT point_accounts_one_each DO NOTHING",
    )
    .bind(member)
    .execute(connection);
    observed(ctx, "point.open_account", query).await?;
    Ok(())
}

pub(super) async fn find_account(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
) -> Result<Option<Account>, DatabaseError> {
    let query = sqlx::query_as("SELECT balance, version FROM point_accounts WHERE member_id = $1")
        .bind(member)
        .fetch_optional(connection);
    observed(ctx, "point.find_account", query).await
}

/// Keeps every other writer of this balance waiting until the transaction ends.
pub(super) async fn find_and_lock_account(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
) -> Result<Option<Account>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT balance, version FROM point_accounts WHERE member_id = $1 FOR NO KEY UPDATE",
    )
    .bind(member)
    .fetch_optional(connection);
    observed(ctx, "point.find_and_lock_account", query).await
}

/// Overwrites whatever the balance is by then. `false`: the holder of the lock who writes this is not the last
/// one that was announced, and nothing was written.
pub(super) async fn write_balance(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    new: i64,
    fence: Option<Fence>,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "UPDATE point_accounts SET balance = $2, version = version + 1 \
         WHERE member_id = $1 AND ($3::bigint IS NULL OR fence = $3)",
    )
    .bind(member)
    .bind(new)
    .bind(fence.map(|fence| fence.0))
    .execute(connection);
    let written = observed(ctx, "point.write_balance", query).await?;
    Ok(written.rows_affected() == 1)
}

/// From now on what earlier holders of the lock write is refused. Nothing happens where a later one was
/// announced before, or where there is no account.
pub(super) async fn announce(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    fence: Fence,
) -> Result<(), DatabaseError> {
    let query =
        sqlx::query("UPDATE point_accounts SET fence = $2 WHERE member_id = $1 AND fence < $2")
            .bind(member)
            .bind(fence.0)
            .execute(connection);
    observed(ctx, "point.announce", query).await?;
    Ok(())
}

/// `false`: somebody has changed the balance since the version was read, and nothing was written.
pub(super) async fn write_balance_of_version(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    new: i64,
    read_version: i64,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query(
        "UPDATE point_accounts SET balance = $2, version = version + 1 \
         WHERE member_id = $1 AND version = $3",
    )
    .bind(member)
    .bind(new)
    .bind(read_version)
    .execute(connection);
    let written = observed(ctx, "point.write_balance_of_version", query).await?;
    Ok(written.rows_affected() == 1)
}

/// Lets the database add to whatever the balance is by then; the new one. `None`: it would have become
/// negative, or there is no account.
pub(super) async fn add_to_balance(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    change: i64,
) -> Result<Option<i64>, DatabaseError> {
    let query = sqlx::query_scalar(
        "UPDATE point_accounts SET balance = balance + $2, version = version + 1 \
         WHERE member_id = $1 AND balance + $2 >= 0 RETURNING balance",
    )
    .bind(member)
    .bind(change)
    .fetch_optional(connection);
    observed(ctx, "point.add_to_balance", query).await
}

/// `None`: the member has used this key. Waits for another transaction that is about to use it.
pub(super) async fn append_of_key(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    kind: EntryKind,
    change: i64,
    balance: i64,
    key: &IdempotencyKey,
) -> Result<Option<PointEntry>, DatabaseError> {
    let query = sqlx::query_as(
        "INSERT INTO point_entries (member_id, kind, change, balance_after, idempotency_key) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT ON CONSTRAINT point_entries_once_per_key DO NOTHING \
         RETURNING id, member_id, kind, abs(change) AS amount, balance_after AS balance, created_at",
    )
    .bind(member)
    .bind(kind.as_str())
    .bind(change)
    .bind(balance)
    .bind(key.as_str())
    .fetch_optional(connection);
    observed(ctx, "point.append_of_key", query).await
}

pub(super) async fn entry_of_key(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    key: &IdempotencyKey,
) -> Result<Option<PointEntry>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT id, member_id, kind, abs(change) AS amount, balance_after AS balance, created_at \
         FROM point_entries WHERE member_id = $1 AND idempotency_key = $2",
    )
    .bind(member)
    .bind(key.as_str())
    .fetch_optional(connection);
    observed(ctx, "point.entry_of_key", query).await
}

pub(super) async fn append_of_order(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    kind: EntryKind,
    change: i64,
    balance: i64,
    order: OrderId,
) -> Result<(), DatabaseError> {
    let query = sqlx::query(
        "INSERT INTO point_entries (member_id, kind, change, balance_after, order_id) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(member)
    .bind(kind.as_str())
    .bind(change)
    .bind(balance)
    .bind(order)
    .execute(connection);
    observed(ctx, "point.append_of_order", query).await?;
    Ok(())
}

/// What came, for what went with the entry `transfer`.
pub(super) async fn append_of_transfer(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    member: MemberId,
    points: i64,
    balance: i64,
    transfer: i64,
) -> Result<(), DatabaseError> {
    let query = sqlx::query(
        "INSERT INTO point_entries (member_id, kind, change, balance_after, transfer_id) \
         VALUES ($1, 'transfer_in', $2, $3, $4)",
    )
    .bind(member)
    .bind(points)
    .bind(balance)
    .bind(transfer)
    .execute(connection);
    observed(ctx, "point.append_of_transfer", query).await?;
    Ok(())
}

/// Who got what went with this entry; `None`: it was no transfer.
pub(super) async fn receiver(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    transfer: i64,
) -> Result<Option<MemberId>, DatabaseError> {
    let query = sqlx::query_scalar("SELECT member_id FROM point_entries WHERE transfer_id = $1")
        .bind(transfer)
        .fetch_optional(connection);
    observed(ctx, "point.receiver", query).await
}

#[derive(Debug, Clone, Copy, FromRow)]
pub(super) struct Taken {
    pub member_id: MemberId,
    pub amount: i64,
}

/// What the order has taken and not given back.
pub(super) async fn taken_by(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    order: OrderId,
) -> Result<Option<Taken>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT t.member_id, -t.change AS amount FROM point_entries t \
         WHERE t.order_id = $1 AND t.kind = 'order_spend' \
           AND NOT EXISTS (SELECT FROM point_entries r \
                           WHERE r.order_id = $1 AND r.kind = 'order_return')",
    )
    .bind(order)
    .fetch_optional(connection);
    observed(ctx, "point.taken_by", query).await
}
