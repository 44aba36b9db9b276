//! Connections to Redis: who gets one, how long is waited for it, how long a command may take.
//!
//! Redis is never the only place of an answer: whoever asks it is told within its timeouts that it is down,
//! slow or answers nonsense, and goes on without it. What is waited for it counts against the request's
//! deadline.

mod config;
mod connection;
mod error;
mod meters;
mod sessions;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use deadpool::Runtime;
use deadpool::managed::{PoolError, TimeoutType, Timeouts};
use redis::{Cmd, FromRedisValue, Pipeline, ScriptInvocation};
use tokio::time::{Instant, timeout};

pub use config::{Config, PoolConfig, RedisUrl, TimeoutConfig};
pub use connection::Connection;
pub use error::RedisError;
pub use subscription::{Message, Subscription};

use crate::context::RequestContext;
use crate::ids::RequestId;
use crate::knobs::Knobs;
use crate::section::{Followed, Section};
use meters::{Counted, Meters};
use sessions::{Pool, Sessions};

#[derive(Debug, Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    url: RedisUrl,
    pool: Pool,
    timeouts: ArcSwap<TimeoutConfig>,
    meters: Arc<Meters>,
}

impl Redis {
    /// `None` without `redis.url`. Connects to nothing yet.
    pub fn new(config: &Config) -> Option<Self> {
        let url = config.url.clone()?;
        let meters = Arc::new(Meters::new());
        let max = config.pool.max_size as usize;
        meters.max.set(max as f64);
        let sessions = Sessions::new(&url, &config.pool, Arc::clone(&meters));
        let pool = Pool::builder(sessions)
            .max_size(max)
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a pool whose runtime is named can be built");
        let inner = Inner {
            url,
            pool,
            timeouts: ArcSwap::from_pointee(config.timeout.clone()),
            meters,
        };
        Some(Self {
            inner: Arc::new(inner),
        })
    }

    /// The knobs `redis.timeout.`.
    pub fn section(&self, config: &Config) -> Arc<dyn Section> {
        let inner = Arc::clone(&self.inner);
        Followed::new(
            "redis.timeout",
            config.timeout.clone(),
            move |timeouts: &TimeoutConfig| inner.timeouts.store(Arc::new(timeouts.clone())),
        )
    }

    /// A connection for several commands. It goes back when it is dropped.
    pub async fn acquire(&self, ctx: &RequestContext) -> Result<Connection, RedisError> {
        let inner = &self.inner;
        let begun = Instant::now();
        let pending = Counted::in_gauge(&inner.meters.pending);
        let leased = inner.lease(ctx).await;
        drop(pending);
        ctx.time_split().add_redis(begun.elapsed());
        inner.meters.wait_time.record(begun.elapsed());
        match leased {
            Ok(session) => Ok(Connection::new(session, Arc::clone(inner), ctx)),
            Err(error) => {
                Meters::failed(&error);
                Err(error)
            }
        }
    }

    /// One command, see [`Connection::query`].
    pub async fn query<T: FromRedisValue>(
        &self,
        ctx: &RequestContext,
        operation: &'static str,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        self.acquire(ctx).await?.query(operation, command).await
    }

    /// Several commands in one round trip.
    pub async fn pipeline<T: FromRedisValue>(
        &self,
        ctx: &RequestContext,
        operation: &'static str,
        commands: &Pipeline,
    ) -> Result<T, RedisError> {
        self.acquire(ctx).await?.pipeline(operation, commands).await
    }

    /// A script, see [`Connection::script`].
    pub async fn script<T: FromRedisValue>(
        &self,
        ctx: &RequestContext,
        operation: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        self.acquire(ctx).await?.script(operation, script).await
    }

    /// Listens on a connection of its own, at first to no channel.
    pub async fn listen(&self) -> Result<Subscription, RedisError> {
        Subscription::open(&self.inner.url, &self.inner.timeouts.load()).await
    }

    /// Whether it answers within its timeouts.
    pub async fn check(&self) -> Result<(), RedisError> {
        let ctx = RequestContext::new(RequestId::generate(), None, Arc::new(Knobs::default()));
        self.query::<redis::Value>(&ctx, "check", &redis::cmd("PING"))
            .await
            .map(drop)
    }

    /// Refuses new work; connections in use are closed as they come back.
    pub fn close(&self) {
        self.inner.pool.close();
    }
}

impl Inner {
    async fn lease(&self, ctx: &RequestContext) -> Result<sessions::Session, RedisError> {
        let limits = self.timeouts.load();
        let timeouts = Timeouts {
            wait: Some(limits.wait),
            create: Some(limits.connect),
            recycle: Some(limits.connect),
        };
        // The pool has limits of its own; this one only ends what the deadline ends.
        let longest = limits.wait + limits.connect * 2;
        let late = RedisError::ConnectTimeout { after: longest };
        let leasing = self.pool.timeout_get(&timeouts);
        let leased = within(ctx, longest, late, leasing).await?;
        leased.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => {
                self.meters.timeouts.increment(1);
                RedisError::WaitTimeout { after: limits.wait }
            }
            PoolError::Timeout(_) => RedisError::ConnectTimeout {
                after: limits.connect,
            },
            PoolError::Backend(error) => RedisError::Connect(error),
            // Neither hooks nor a missing runtime are possible here.
            PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                RedisError::Closed
            }
        })
    }

    fn show_idle(&self) {
        self.meters.idle.set(self.pool.status().available as f64);
    }
}

/// Waits for `work` so long, and not past the request's deadline.
async fn within<T>(
    ctx: &RequestContext,
    after: Duration,
    late: RedisError,
    work: impl Future<Output = T>,
) -> Result<T, RedisError> {
    let (limit, late) = match ctx.remaining() {
        Some(Duration::ZERO) => return Err(RedisError::DeadlineExceeded),
        Some(remaining) if remaining < after => (remaining, RedisError::DeadlineExceeded),
        _ => (after, late),
    };
    timeout(limit, work).await.map_err(|_| late)
}
