//! Takes events in: has those handled that were not handled before.

use std::sync::Arc;

use metrics::{counter, histogram};

use super::event::Event;
use super::{Handler, fault, store};
use crate::context::RequestContext;
use crate::database::{Database, DatabaseError};
use crate::strategy::OutboxFault;

/// Events that are handled at the same time: each takes a database connection now and then, and those are the
/// requests' too.
pub(super) const AT_ONCE: usize = 8;

#[derive(Debug, Clone)]
pub struct Inbox {
    pub database: Database,
    pub handler: Arc<dyn Handler>,
}

impl Inbox {
    /// These are in hand and come again by themselves: they do not have to be handed on once more.
    pub(super) async fn keep_trying(
        &self,
        ctx: &RequestContext,
        events: &[Event],
    ) -> Result<(), DatabaseError> {
        let mut connection = self.database.acquire(ctx).await?;
        store::mark_published(&mut connection, ctx, events).await
    }

    /// `false`: it could not be handled and has to come again. No connection is held while it is handled:
    /// that may take long.
    pub async fn receive(
        &self,
        ctx: &RequestContext,
        event: &Event,
    ) -> Result<bool, DatabaseError> {
        let mut connection = self.database.acquire(ctx).await?;
        let is_open = store::is_open(&mut connection, ctx, event.id).await?;
        drop(connection);
        if !is_open {
            count("duplicate");
            return Ok(true);
        }
        fault::pass(ctx, OutboxFault::BeforeHandle);
        if let Err(error) = self.handler.handle(ctx, event).await {
            tracing::debug!(%event, %error, "an event is not handled yet");
            count("failed");
            return Ok(false);
        }
        fault::pass(ctx, OutboxFault::AfterHandle);
        let mut connection = self.database.acquire(ctx).await?;
        match store::mark_delivered(&mut connection, ctx, event.id).await? {
            Some(delay) => {
                histogram!("target_outbox_delay_seconds").record(delay);
                count("handled");
            }
            // Somebody else was faster.
            None => count("duplicate"),
        }
        fault::pass(ctx, OutboxFault::AfterDelivery);
        Ok(true)
    }
}

fn count(outcome: &'static str) {
    counter!("target_outbox_received_total", "outcome" => outcome).increment(1);
}
