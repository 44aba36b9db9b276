//! Opens connections for the pool, and decides which of the idle ones are fit for use.
//!
//! deadpool-redis tries every connection out, by a round trip, before each use. That would double the cost
//! of a command and blur how many commands a technique needs, so here only those that have rested are tried.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleResult};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisError};
use tokio::time::Instant;

use super::config::{PoolConfig, RedisUrl};
use super::meters::Meters;

pub(super) type Pool = managed::Pool<Sessions>;
pub(super) type Session = managed::Object<Sessions>;

#[derive(Debug)]
pub(super) struct Sessions {
    opener: deadpool_redis::Manager,
    validate_after: Duration,
    meters: Arc<Meters>,
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Line {
    pub connection: MultiplexedConnection,
    /// When it was last given back.
    pub rests_since: Instant,
}

impl Sessions {
    pub(super) fn new(url: &RedisUrl, config: &PoolConfig, meters: Arc<Meters>) -> Self {
        // The limits are the callers': they know their deadlines.
        let unlimited = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None);
        let opener = deadpool_redis::Manager::new_with_config(url.info().clone(), unlimited)
            .expect("an address that has been parsed is one");
        Self {
            opener,
            validate_after: config.validate_after,
            meters,
        }
    }
}

impl managed::Manager for Sessions {
    type Type = Line;
    type Error = RedisError;

    async fn create(&self) -> Result<Line, RedisError> {
        let begun = Instant::now();
        let connection = self.opener.create().await?;
        self.meters.create_time.record(begun.elapsed());
        self.meters.opened.increment(1);
        Ok(Line {
            connection,
            rests_since: Instant::now(),
        })
    }

    async fn recycle(&self, line: &mut Line, metrics: &Metrics) -> RecycleResult<RedisError> {
        if line.rests_since.elapsed() < self.validate_after {
            return Ok(());
        }
        let tried = self.opener.recycle(&mut line.connection, metrics).await;
        if tried.is_err() {
            Meters::closed("broken", 1);
        }
        tried
    }
}
