//! Has the events handled that come through the stream.

use std::time::Duration;

use futures_util::future::join_all;
use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::OutboxError;
use super::inbox::Inbox;
use super::stream::{BATCH, Entry, Stream};
use crate::context::RequestContext;
use crate::ids::RequestId;
use crate::knobs::KnobStore;
use crate::redis::RedisError;

/// After a failure.
const REST: Duration = Duration::from_millis(200);

/// The shortest wait that Redis knows.
const BRIEFLY: Duration = Duration::from_millis(1);

#[derive(Debug, Clone)]
pub struct Consumer {
    pub stream: Stream,
    pub inbox: Inbox,
    pub retry_after: Duration,
}

impl Consumer {
    /// Until it is told to stop. Stopping breaks off what is under way, as a crash would.
    pub async fn run(self, knobs: KnobStore, stop: CancellationToken) {
        let forever = async {
            loop {
                let ctx = RequestContext::new(RequestId::generate(), None, knobs.snapshot());
                if let Err(error) = Box::pin(self.consume(&ctx, &knobs)).await {
                    tracing::debug!(%error, "events wait in the stream");
                    counter!("target_outbox_consumer_errors_total").increment(1);
                    tokio::time::sleep(REST).await;
                }
            }
        };
        stop.run_until_cancelled(forever).await;
    }

    async fn consume(&self, ctx: &RequestContext, knobs: &KnobStore) -> Result<(), OutboxError> {
        let again = self.stream.read_again(ctx, self.retry_after).await;
        let new = match again {
            Ok(entries) => {
                self.handle_all(ctx, knobs, &entries).await?;
                // So that what is to be tried again is not late for want of something new.
                let more = entries.len() == BATCH;
                let wait = if more { BRIEFLY } else { self.retry_after };
                self.stream.read(ctx, wait).await
            }
            Err(error) => Err(error),
        };
        match new {
            Ok(entries) => self.handle_all(ctx, knobs, &entries).await,
            // A Redis that is new, or has lost its data, knows no group.
            Err(RedisError::Refused(_)) => Ok(self.stream.make_group(ctx).await?),
            Err(error) => Err(error.into()),
        }
    }

    /// At once: one that takes long keeps only those waiting that came with it.
    async fn handle_all(
        &self,
        ctx: &RequestContext,
        knobs: &KnobStore,
        entries: &[Entry],
    ) -> Result<(), OutboxError> {
        // They may have changed while these were waited for.
        let ctx = ctx.with_knobs(knobs.snapshot());
        let handled = join_all(entries.iter().map(|entry| self.handle(&ctx, entry))).await;
        let (mut done, mut tried) = (Vec::new(), Vec::new());
        for (entry, is_done) in entries.iter().zip(handled) {
            if is_done {
                done.push(entry.id.clone());
            } else {
                tried.extend(entry.event);
            }
        }
        if !done.is_empty() {
            self.stream.done(&ctx, &done).await?;
        }
        if !tried.is_empty() {
            self.inbox.keep_trying(&ctx, &tried).await?;
        }
        Ok(())
    }

    async fn handle(&self, ctx: &RequestContext, entry: &Entry) -> bool {
        let Some(event) = &entry.event else {
            tracing::error!(entry = entry.id, "an entry of the stream is no event");
            return true;
        };
        let received = self.inbox.receive(ctx, event).await;
        received.unwrap_or_else(|error| {
            tracing::debug!(%event, %error, "an event is not handled yet");
            false
        })
    }
}
