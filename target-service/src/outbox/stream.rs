//! The stream in Redis that events go through: an entry for each, kept until the consumer is done with it.
//!
//! Instances share one group of readers: each entry goes to one of them, and to another when it is not done
//! after a while.

use std::time::Duration;

use redis::streams::{StreamAutoClaimReply, StreamId, StreamReadReply};
use redis::{Pipeline, cmd, pipe};

use super::event::{Event, Kind};
use super::inbox::AT_ONCE;
use crate::context::RequestContext;
use crate::redis::{Redis, RedisError};

const STREAM: &str = "target:outbox";
const GROUP: &str = "service";
/// All instances: an entry that one of them leaves is found by its age and not by who had it.
const READER: &str = "instance";

/// Entries that are read at once: those that are handled at once. What is read and waits is nobody else's, and
/// is late when its reader dies.
pub(super) const BATCH: usize = AT_ONCE;

#[derive(Debug, Clone)]
pub struct Stream {
    pub redis: Redis,
}

/// An event as it came.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub id: String,
    /// `None`: nobody can read it.
    pub event: Option<Event>,
}

impl Stream {
    pub(super) async fn append(
        &self,
        ctx: &RequestContext,
        events: &[Event],
    ) -> Result<(), RedisError> {
        let mut appending = Pipeline::with_capacity(events.len());
        for event in events {
            appending
                .cmd("XADD")
                .arg(STREAM)
                .arg("*")
                .arg(&[("id", event.id), ("subject", event.subject)])
                .arg(&[("kind", event.kind.as_str())])
                .ignore();
        }
        self.redis.pipeline(ctx, "outbox.append", &appending).await
    }

    /// Waits up to `block` for the first.
    pub(super) async fn read(
        &self,
        ctx: &RequestContext,
        block: Duration,
    ) -> Result<Vec<Entry>, RedisError> {
        let milliseconds = u64::try_from(block.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut reading = cmd("XREADGROUP");
        reading
            .arg(&["GROUP", GROUP, READER, "COUNT"])
            .arg(BATCH)
            .arg("BLOCK")
            .arg(milliseconds)
            .arg(&["STREAMS", STREAM, ">"]);
        let mut connection = self.redis.acquire(ctx).await?.patient(block);
        let reply: Option<StreamReadReply> = connection.query("outbox.read", &reading).await?;
        let keys = reply.map(|reply| reply.keys).unwrap_or_default();
        Ok(keys
            .into_iter()
            .flat_map(|key| key.ids)
            .map(entry)
            .collect())
    }

    /// Those that were read so long ago and are not done.
    pub(super) async fn read_again(
        &self,
        ctx: &RequestContext,
        after: Duration,
    ) -> Result<Vec<Entry>, RedisError> {
        let milliseconds = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        let mut claiming = cmd("XAUTOCLAIM");
        claiming
            .arg(&[STREAM, GROUP, READER])
            .arg(milliseconds)
            .arg(&["0-0", "COUNT"])
            .arg(BATCH);
        let reply: StreamAutoClaimReply = self
            .redis
            .query(ctx, "outbox.read_again", &claiming)
            .await?;
        Ok(reply.claimed.into_iter().map(entry).collect())
    }

    /// Takes them out.
    pub(super) async fn done(
        &self,
        ctx: &RequestContext,
        entries: &[String],
    ) -> Result<(), RedisError> {
        let mut removing = pipe();
        removing
            .cmd("XACK")
            .arg(&[STREAM, GROUP])
            .arg(entries)
            .ignore();
        removing.cmd("XDEL").arg(STREAM).arg(entries).ignore();
        self.redis.pipeline(ctx, "outbox.done", &removing).await
    }

    /// Also of what was in the stream before. That there is a group is no failure.
    pub(super) async fn make_group(&self, ctx: &RequestContext) -> Result<(), RedisError> {
        let mut making = cmd("XGROUP");
        making.arg(&["CREATE", STREAM, GROUP, "0", "MKSTREAM"]);
        match self.redis.query(ctx, "outbox.make_group", &making).await {
            Err(RedisError::Refused(error)) if error.code() == Some("BUSYGROUP") => Ok(()),
            made => made,
        }
    }
}

fn entry(entry: StreamId) -> Entry {
    let event = || {
        Some(Event {
            id: entry.get("id")?,
            kind: Kind::try_from(entry.get::<String>("kind")?).ok()?,
            subject: entry.get("subject")?,
        })
    };
    Entry {
        event: event(),
        id: entry.id,
    }
}
