//! The SQL of members and their nickname history.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::{Member, NicknameChange, Registration};
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};
use crate::ids::MemberId;
use crate::page::PageSize;

/// Decides between registrations of one address.
pub(super) const EMAIL_UNIQUE: &str = "members_email_unique";

pub(super) async fn insert(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    registration: &Registration,
    at: DateTime<Utc>,
) -> Result<Member, DatabaseError> {
    let query = sqlx::query_as(
        "INSERT INTO members (email, email_key, nickname, birth_date, created_at) \
         VALUES ($1, $2, $3, $4, $5) \
         RETURNING id, email, nickname, birth_date, created_at",
    )
    .bind(registration.email.address())
    .bind(registration.email.key())
    .bind(registration.nickname.as_str())
    .bind(registration.birth_date.date())
    .bind(at)
    .fetch_one(connection);
    observed(ctx, "member.insert", query).await
}

pub(super) async fn find(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: MemberId,
) -> Result<Option<Member>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT id, email, nickname, birth_date, created_at FROM members WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(connection);
    observed(ctx, "member.find", query).await
}

/// Waits for other renames of this member. Writers that only refer to the member, such as likes, do
/// not wait for this lock.
pub(super) async fn find_and_lock(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: MemberId,
) -> Result<Option<Member>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT id, email, nickname, birth_date, created_at FROM members WHERE id = $1 \
         FOR NO KEY UPDATE",
    )
    .bind(id)
    .fetch_optional(connection);
    observed(ctx, "member.find_and_lock", query).await
}

pub(super) async fn set_nickname(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: MemberId,
    nickname: &str,
) -> Result<(), DatabaseError> {
    let query = sqlx::query("UPDATE members SET nickname = $2 WHERE id = $1")
        .bind(id)
        .bind(nickname)
        .execute(connection);
    observed(ctx, "member.set_nickname", query).await?;
    Ok(())
}

pub(super) async fn append_nickname_change(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: MemberId,
    nickname: &str,
    at: DateTime<Utc>,
) -> Result<(), DatabaseError> {
    let query = sqlx::query(
        "INSERT INTO nickname_changes (member_id, nickname, changed_at) VALUES ($1, $2, $3)",
    )
    .bind(id)
    .bind(nickname)
    .bind(at)
    .execute(connection);
    observed(ctx, "member.append_nickname_change", query).await?;
    Ok(())
}

/// Newest first, below the position `before`; one row more than the page shows.
pub(super) async fn nickname_changes(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    id: MemberId,
    before: i64,
    size: PageSize,
) -> Result<Vec<NicknameChange>, DatabaseError> {
    let query = sqlx::query_as(
        "SELECT id, nickname, changed_at FROM nickname_changes \
         WHERE member_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
    )
    .bind(id)
    .bind(before)
    .bind(size.rows())
    .fetch_all(connection);
    observed(ctx, "member.nickname_changes", query).await
}
