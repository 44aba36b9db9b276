//! A connection while somebody uses it. Dropping it gives it back.
//!
//! Invariant: a connection on which an answer is outstanding is never given to anybody else.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::Object;
use redis::{Cmd, FromRedisValue, Pipeline, RedisResult, ScriptInvocation, Value};
use tokio::time::Instant;

use super::error::RedisError;
use super::meters::Meters;
use super::sessions::Session;
use super::{Inner, within};
use crate::context::RequestContext;

pub struct Connection {
    /// `None` only while it is being dropped.
    session: Option<Session>,
    inner: Arc<Inner>,
    ctx: RequestContext,
    begun: Instant,
    state: State,
    patience: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Clean,
    /// A command is not answered yet; its caller may have left.
    Unanswered,
    Broken,
}

impl Connection {
    pub(super) fn new(session: Session, inner: Arc<Inner>, ctx: &RequestContext) -> Self {
        inner.meters.used.increment(1);
        inner.show_idle();
        Self {
            session: Some(session),
            inner,
            ctx: ctx.clone(),
            begun: Instant::now(),
            state: State::Clean,
            patience: Duration::ZERO,
        }
    }

    /// Waits so much longer for answers: for commands that block on the server.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// One command, under a name from a fixed set, such as `cache.get`.
    pub async fn query<T: FromRedisValue>(
        &mut self,
        operation: &'static str,
        command: &Cmd,
    ) -> Result<T, RedisError> {
        let mut line = self.line();
        self.observed(operation, command.query_async(&mut line))
            .await
    }

    /// Several commands in one round trip.
    pub async fn pipeline<T: FromRedisValue>(
        &mut self,
        operation: &'static str,
        commands: &Pipeline,
    ) -> Result<T, RedisError> {
        let mut line = self.line();
        self.observed(operation, commands.query_async(&mut line))
            .await
    }

    /// A script, sent whole only when the server does not know it.
    pub async fn script<T: FromRedisValue>(
        &mut self,
        operation: &'static str,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, RedisError> {
        let mut line = self.line();
        self.observed(operation, script.invoke_async(&mut line))
            .await
    }

    /// A second handle of the same connection.
    fn line(&self) -> redis::aio::MultiplexedConnection {
        self.session
            .as_ref()
            .expect("it is held until it is dropped")
            .connection
            .clone()
    }

    async fn observed<T: FromRedisValue>(
        &mut self,
        operation: &'static str,
        work: impl Future<Output = RedisResult<Value>>,
    ) -> Result<T, RedisError> {
        let after = self.inner.timeouts.load().command + self.patience;
        let _timer = Timer {
            ctx: self.ctx.clone(),
            operation,
            begun: Instant::now(),
        };
        self.state = State::Unanswered;
        let late = RedisError::CommandTimeout { after };
        let result = match within(&self.ctx, after, late, work).await {
            Ok(answer) => answer.map_err(RedisError::from),
            Err(late) => Err(late),
        };
        // An answer that is whole and of another kind than expected costs no connection.
        let result = result.and_then(|answer| {
            redis::from_redis_value(answer).map_err(|error| RedisError::Unexpected(error.into()))
        });
        match &result {
            Err(RedisError::CommandTimeout { .. } | RedisError::DeadlineExceeded) => {}
            Err(RedisError::ConnectionLost(_)) => self.state = State::Broken,
            Ok(_) | Err(_) => self.state = State::Clean,
        }
        result.inspect_err(Meters::failed)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let inner = &self.inner;
        inner.meters.used.decrement(1);
        inner.meters.use_time.record(self.begun.elapsed());
        let Some(mut session) = self.session.take() else {
            return;
        };
        match self.state {
            State::Clean => {
                session.rests_since = Instant::now();
                drop(session);
            }
            State::Unanswered => {
                Meters::closed("unanswered", 1);
                drop(Object::take(session));
            }
            State::Broken => {
                Meters::closed("broken", 1);
                drop(Object::take(session));
                // A server that ended one connection has mostly ended all.
                let idle = inner.pool.retain(|_, _| false).removed.len();
                Meters::closed("broken", idle);
            }
        }
        inner.show_idle();
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Connection({:?})", self.state)
    }
}

/// Counts the time also when the caller gives up.
struct Timer {
    ctx: RequestContext,
    operation: &'static str,
    begun: Instant,
}

impl Drop for Timer {
    fn drop(&mut self) {
        let time = self.begun.elapsed();
        self.ctx.time_split().add_redis(time);
        Meters::commanded(self.operation, time);
    }
}
