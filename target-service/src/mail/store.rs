//! The SQL of the mail server's mailbox.

use sqlx::PgConnection;

use super::Letter;
use crate::context::RequestContext;
use crate::database::{DatabaseError, observed};

/// `false`: it was there.
pub(super) async fn keep(
    connection: &mut PgConnection,
    ctx: &RequestContext,
    letter: &Letter,
) -> Result<bool, DatabaseError> {
    let query = sqlx::query_scalar::<_, i32>(
        "INSERT INTO mailbox (message_id, recipient, subject) VALUES ($1, $2, $3) \
         ON CONFLICT (message_id) DO UPDATE SET handed_over = mailbox.handed_over + 1 \
         RETURNING handed_over",
    )
    .bind(&letter.message_id)
    .bind(&letter.recipient)
    .bind(&letter.subject)
    .fetch_one(connection);
    Ok(observed(ctx, "mail.keep", query).await? == 1)
}
