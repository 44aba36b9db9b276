//! The port to a mail server, and the mail server behind it, which is in this process and can be switched
//! (`mail.server`): it accepts mails, is down, or is slow.
//!
//! Invariant: a mail that was accepted is in the mailbox once, however often it is handed over, as long as it
//! comes under the same message id.

mod config;
mod store;

use metrics::counter;
use sqlx::PgConnection;
use thiserror::Error;
use uuid::Uuid;

pub use config::MailConfig;

use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::strategy::{MailServer, MessageIds};

/// A mail to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The same for the same mail.
    pub message_id: String,
    pub recipient: String,
    pub subject: String,
}

#[derive(Debug, Error)]
pub enum MailError {
    #[error("the mail server is down")]
    Down,
    #[error("the mailbox cannot be written to: {0}")]
    Mailbox(#[from] DatabaseError),
}

/// The name of a mail about `what`, by which the mail server tells whether it has it (`mail.message_ids`).
pub fn message_id(ctx: &RequestContext, what: impl std::fmt::Display) -> String {
    match ctx.knobs().mail_message_ids {
        MessageIds::PerEvent => what.to_string(),
        MessageIds::PerAttempt => format!("{what}-{}", Uuid::new_v4().simple()),
    }
}

/// Talks to the mail server, for as long as that takes.
pub async fn transmit(ctx: &RequestContext, letter: Letter) -> Result<Accepted, MailError> {
    let knobs = ctx.knobs();
    match knobs.mail_server {
        MailServer::Ok => {}
        MailServer::Slow => tokio::time::sleep(knobs.mail_slow_by).await,
        MailServer::Down => {
            counter!("target_mails_total", "outcome" => "refused").increment(1);
            return Err(MailError::Down);
        }
    }
    Ok(Accepted(letter))
}

/// A mail that the server has taken over, on its way to the mailbox.
#[derive(Debug)]
#[must_use]
pub struct Accepted(Letter);

impl Accepted {
    pub async fn keep(
        self,
        mailbox: &mut PgConnection,
        ctx: &RequestContext,
    ) -> Result<(), MailError> {
        let is_new = store::keep(mailbox, ctx, &self.0).await?;
        let outcome = if is_new { "accepted" } else { "repeated" };
        counter!("target_mails_total", "outcome" => outcome).increment(1);
        Ok(())
    }
}
