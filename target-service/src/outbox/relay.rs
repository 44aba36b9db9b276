//! Hands events on, in the order of their ids as far as one relay is concerned.

use std::time::Duration;

use futures_util::future::join_all;
use metrics::{counter, gauge};
use tokio_util::sync::CancellationToken;

use super::event::Event;
use super::inbox::{AT_ONCE, Inbox};
use super::stream::Stream;
use super::{OutboxError, RelaySoon, fault, store};
use crate::context::RequestContext;
use crate::database::Database;
use crate::ids::RequestId;
use crate::knobs::KnobStore;
use crate::strategy::OutboxFault;

/// Events that are handed on at once.
const BATCH: u16 = 100;

/// After a failure.
const REST: Duration = Duration::from_millis(200);

/// Where events go.
#[derive(Debug, Clone)]
pub enum Carrier {
    /// To whoever reads the stream.
    Stream(Stream),
    /// To the consumer in this process.
    Inbox(Inbox),
}

#[derive(Debug, Clone)]
pub struct Relay {
    pub database: Database,
    pub carrier: Carrier,
    pub soon: RelaySoon,
    pub interval: Duration,
    pub republish_after: Duration,
}

impl Relay {
    /// Until it is told to stop. Stopping breaks off what is under way, as a crash would.
    pub async fn run(self, knobs: KnobStore, stop: CancellationToken) {
        let forever = async {
            loop {
                let ctx = RequestContext::new(RequestId::generate(), None, knobs.snapshot());
                match Box::pin(self.relay_batch(&ctx, &knobs)).await {
                    Ok(events) if events == usize::from(BATCH) => {}
                    Ok(_) => self.soon.within(self.interval).await,
                    Err(error) => {
                        tracing::debug!(%error, "events wait");
                        counter!("target_outbox_relay_errors_total").increment(1);
                        tokio::time::sleep(REST).await;
                    }
                }
            }
        };
        stop.run_until_cancelled(forever).await;
    }

    async fn relay_batch(
        &self,
        ctx: &RequestContext,
        knobs: &KnobStore,
    ) -> Result<usize, OutboxError> {
        let events = match &self.carrier {
            Carrier::Stream(stream) => self.to_stream(ctx, stream).await?,
            Carrier::Inbox(inbox) => self.to_inbox(ctx, knobs, inbox).await?,
        };
        let mut connection = self.database.acquire(ctx).await?;
        let lag = store::oldest_open(&mut connection, ctx).await?;
        gauge!("target_outbox_lag_seconds").set(lag.unwrap_or_default().as_secs_f64());
        Ok(events)
    }

    /// Marked after they are in the stream: who dies in between leaves events that will be there twice.
    async fn to_stream(&self, ctx: &RequestContext, stream: &Stream) -> Result<usize, OutboxError> {
        let mut transaction = self.database.begin(ctx).await?;
        let (limit, after) = (BATCH, self.republish_after);
        let events = store::take(&mut transaction, ctx, limit, after).await?;
        if events.is_empty() {
            return Ok(0);
        }
        fault::pass(ctx, OutboxFault::AfterTake);
        stream.append(ctx, &events).await?;
        fault::pass(ctx, OutboxFault::AfterPublish);
        store::mark_published(&mut transaction, ctx, &events).await?;
        transaction.commit().await?;
        fault::pass(ctx, OutboxFault::AfterMark);
        published(&events);
        Ok(events.len())
    }

    /// Marked before they are handled, so that no transaction waits for that: what is not handled then is
    /// handed on again.
    async fn to_inbox(
        &self,
        ctx: &RequestContext,
        knobs: &KnobStore,
        inbox: &Inbox,
    ) -> Result<usize, OutboxError> {
        let mut transaction = self.database.begin(ctx).await?;
        let (limit, after) = (BATCH, self.republish_after);
        let events = store::take(&mut transaction, ctx, limit, after).await?;
        if events.is_empty() {
            return Ok(0);
        }
        store::mark_published(&mut transaction, ctx, &events).await?;
        transaction.commit().await?;
        published(&events);
        for some in events.chunks(AT_ONCE) {
            let ctx = ctx.with_knobs(knobs.snapshot());
            let received = some.iter().map(|event| inbox.receive(&ctx, event));
            for received in join_all(received).await {
                received?;
            }
        }
        Ok(events.len())
    }
}

fn published(events: &[Event]) {
    counter!("target_outbox_published_total").increment(events.len() as u64);
}
