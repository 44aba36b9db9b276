//! Tells others what has happened, after it is committed and without fail.
//!
//! An event is a row that the transaction writes which makes it true ([`append`]). A [`Relay`], one on each
//! instance, hands events on: to a stream in Redis, or where there is no Redis to the consumer in its own
//! process. The [`Consumer`] has each event handled.
//!
//! Invariant: an event that is committed is handled, at least once, whenever whoever has it dies: the relay
//! marks it only after it was handed on, the consumer only after it was handled, and what was handed on and
//! neither handled nor tried within `outbox.republish_after`, because the stream is gone for one, is handed on
//! again. What comes more than once is told from what was not handled by its row.
//!
//! One window stays, and no order of the steps closes it: from the look at that row to the mark in it, which
//! is as long as handling takes. Who dies there, with up to [`inbox::AT_ONCE`] events at once, leaves them
//! to be handled again; an event that comes twice within it is handled twice, and so is one that its reader
//! has in hand for longer than `outbox.retry_after`, because another takes it for left behind. Whoever handles
//! events has to know them again by their names: the mail server knows a mail by its message id
//! (`mail.message_ids`).

mod config;
mod consumer;
mod event;
mod fault;
mod inbox;
mod relay;
mod store;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::sync::Notify;

pub use config::OutboxConfig;
pub use consumer::Consumer;
pub use event::{Event, Kind, UnknownKind};
pub use inbox::Inbox;
pub use relay::{Carrier, Relay};
pub use store::append;
pub use stream::Stream;

use crate::context::RequestContext;
use crate::database::DatabaseError;
use crate::redis::RedisError;

#[derive(Debug, Error)]
pub enum OutboxError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    Redis(#[from] RedisError),
}

/// Why an event is not handled yet.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct NotHandled(pub String);

/// What is done about events. It may be called more than once for an event, also at the same time.
pub trait Handler: std::fmt::Debug + Send + Sync {
    fn handle<'a>(
        &'a self,
        ctx: &'a RequestContext,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<(), NotHandled>>;
}

/// Tells this instance's relay that there are events, so that it asks the database only when there are.
#[derive(Debug, Clone, Default)]
pub struct RelaySoon(Arc<Notify>);

impl RelaySoon {
    /// To be called when the transaction is committed.
    pub fn after_commit(&self) {
        self.0.notify_one();
    }

    async fn within(&self, at_most: Duration) {
        let _ = tokio::time::timeout(at_most, self.0.notified()).await;
    }
}
