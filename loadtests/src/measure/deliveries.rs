//! What the service's database says of registrations and events, and of the mails that the mail server has
//! taken: that one's table is its own, and no mark of the outbox.

use sqlx::{Connection as _, PgConnection, Row as _};

use crate::record::{Deliveries, EventRow, MailRow, MemberRow};

/// What was there before: what comes after it belongs to the trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    member: i64,
    event: i64,
    moment: String,
}

const BEFORE: &str = "
    SELECT (SELECT coalesce(max(id), 0) FROM members),
           (SELECT coalesce(max(id), 0) FROM outbox_events),
           clock_timestamp()::text";

/// Events that nobody has handled, and new members without a mail.
const MISSING: &str = "
    SELECT (SELECT count(*) FROM outbox_events WHERE id > $1 AND delivered_at IS NULL)
         + (SELECT count(*) FROM members m
             WHERE id > $2 AND NOT EXISTS (SELECT FROM welcomed w WHERE w.recipient = m.email))";
const WELCOMED: &str = "
    WITH welcomed AS MATERIALIZED (
      SELECT recipient FROM mailbox
       WHERE message_id LIKE 'member\\_registered-%' AND accepted_at >= $3::timestamptz)";

const MEMBERS: &str = "SELECT id, email FROM members WHERE id > $1 ORDER BY id";
const EVENTS: &str = "
    SELECT kind, subject, delivered_at IS NOT NULL FROM outbox_events WHERE id > $1 ORDER BY id";
const MAILS: &str = "
    SELECT message_id, recipient, handed_over::bigint FROM mailbox
     WHERE accepted_at >= $1::timestamptz ORDER BY accepted_at";

pub async fn before(url: &str) -> Result<Before, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let row = sqlx::query(BEFORE).fetch_one(&mut connection).await?;
    Ok(Before {
        member: row.try_get(0)?,
        event: row.try_get(1)?,
        moment: row.try_get(2)?,
    })
}

/// Of how much of what has happened nobody has been told yet.
pub async fn missing(url: &str, before: &Before) -> Result<i64, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let query = sqlx::query(sqlx::AssertSqlSafe(format!("{WELCOMED}{MISSING}")))
        .bind(before.event)
        .bind(before.member)
        .bind(&before.moment);
    query.fetch_one(&mut connection).await?.try_get(0)
}

/// `told`: the addresses of those who were told that they are registered.
pub async fn read(
    url: &str,
    before: &Before,
    told: Vec<String>,
) -> Result<Deliveries, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    // In this order: of what is read first the rest has happened, too.
    let members = sqlx::query(MEMBERS).bind(before.member);
    let members = members.fetch_all(&mut connection).await?;
    let members = members.iter().map(|row| {
        Ok(MemberRow {
            id: row.try_get(0)?,
            email: row.try_get(1)?,
        })
    });
    let events = sqlx::query(EVENTS).bind(before.event);
    let events = events.fetch_all(&mut connection).await?;
    let events = events.iter().map(|row| {
        Ok(EventRow {
            kind: row.try_get(0)?,
            subject: row.try_get(1)?,
            is_done: row.try_get(2)?,
        })
    });
    let mails = sqlx::query(MAILS).bind(&before.moment);
    let mails = mails.fetch_all(&mut connection).await?;
    let mails = mails.iter().map(|row| {
        Ok(MailRow {
            message_id: row.try_get(0)?,
            recipient: row.try_get(1)?,
            handed_over: row.try_get(2)?,
        })
    });
    Ok(Deliveries {
        told,
        members: members.collect::<Result<_, sqlx::Error>>()?,
        events: events.collect::<Result<_, sqlx::Error>>()?,
        mails: mails.collect::<Result<_, sqlx::Error>>()?,
    })
}
