//! Messages of Redis's channels, on a connection of their own.
//!
//! Channels keep nothing: what is published while nobody listens is lost. Whoever listens therefore learns
//! when the connection ends, and has to treat everything in between as missed.

use std::time::Duration;

use futures_util::StreamExt as _;
use redis::Client;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::time::timeout;

use super::config::{RedisUrl, TimeoutConfig};
use super::error::RedisError;

/// How often a silent connection is asked whether it is still there.
const ASK_EVERY: Duration = Duration::from_secs(1);

pub struct Subscription {
    sink: PubSubSink,
    messages: PubSubStream,
    answers_within: Duration,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub channel: String,
    pub payload: Vec<u8>,
}

impl Subscription {
    pub(super) async fn open(url: &RedisUrl, limits: &TimeoutConfig) -> Result<Self, RedisError> {
        let after = limits.connect;
        let connecting = async { Client::open(url.info().clone())?.get_async_pubsub().await };
        let opened = timeout(after, connecting)
            .await
            .map_err(|_| RedisError::ConnectTimeout { after })?
            .map_err(RedisError::Connect)?;
        let (sink, messages) = opened.split();
        Ok(Self {
            sink,
            messages,
            answers_within: limits.command,
        })
    }

    /// From when this returns, messages to the channel are heard.
    pub async fn subscribe(&mut self, channel: &str) -> Result<(), RedisError> {
        let after = self.answers_within;
        timeout(after, self.sink.subscribe(channel))
            .await
            .map_err(|_| RedisError::CommandTimeout { after })?
            .map_err(RedisError::from)
    }

    pub async fn unsubscribe(&mut self, channel: &str) -> Result<(), RedisError> {
        let after = self.answers_within;
        timeout(after, self.sink.unsubscribe(channel))
            .await
            .map_err(|_| RedisError::CommandTimeout { after })?
            .map_err(RedisError::from)
    }

    /// The next message, or that there will be none because the connection has ended. It may be dropped and
    /// called again without losing a message.
    pub async fn next(&mut self) -> Result<Message, RedisError> {
        loop {
            match timeout(ASK_EVERY, self.messages.next()).await {
                Ok(Some(message)) => {
                    return Ok(Message {
                        channel: message.get_channel_name().to_owned(),
                        payload: message.get_payload_bytes().to_owned(),
                    });
                }
                Ok(None) => return Err(RedisError::Closed),
                Err(_) => self.ask().await?,
            }
        }
    }

    /// A network that swallows packets is noticed by nothing else.
    async fn ask(&mut self) -> Result<(), RedisError> {
        let after = self.answers_within;
        timeout(after, self.sink.ping::<redis::Value>())
            .await
            .map_err(|_| RedisError::CommandTimeout { after })?
            .map(drop)
            .map_err(RedisError::ConnectionLost)
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Subscription")
    }
}
