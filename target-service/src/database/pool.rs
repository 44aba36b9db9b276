//! The pool: gives sessions out and takes them back.
//!
//! Invariant: who holds a session of the pool holds a pass of the gate; a session is opened only by the
//! holder of a pass who found none idle, so idle and used together never exceed the size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};

use super::config::{Config, PoolConfig, Validate};
use super::connect::Connector;
use super::connection::{Connection, Held, Lease};
use super::error::DatabaseError;
use super::gate::{Gate, Pass};
use super::limits::{Bounds, Limits};
use super::meters::{Closed, Meters};
use super::session::{Session, State};
use super::shelf::{Idle, Shelf};
use crate::context::RequestContext;
use crate::knobs::Knobs;

#[derive(Debug)]
pub(super) struct Pool {
    pub(super) connector: Connector,
    pub(super) gate: Gate,
    pub(super) shelf: Shelf,
    pub(super) used: AtomicUsize,
    pub(super) knobs: ArcSwap<Knobs>,
    pub(super) meters: Arc<Meters>,
    /// `db.pool.min_size` connections have been open at once.
    pub(super) is_warm: AtomicBool,
    config: PoolConfig,
    /// Sessions are given back where there is no task to wait in.
    runtime: Handle,
}

/// A reading of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Status {
    pub max: usize,
    pub used: usize,
    pub idle: usize,
    pub waiting: usize,
}

impl Pool {
    pub(super) fn new(config: &Config, knobs: &Knobs) -> Arc<Self> {
        let meters = Arc::new(Meters::new());
        let max = knobs.pool_max_size as usize;
        if config.pool.enabled {
            meters.max.set(max as f64);
        }
        Arc::new(Self {
            connector: Connector::new(config, Arc::clone(&meters)),
            gate: Gate::new(max, Arc::clone(&meters)),
            shelf: Shelf::new(Arc::clone(&meters)),
            used: AtomicUsize::new(0),
            knobs: ArcSwap::from_pointee(knobs.clone()),
            meters,
            is_warm: AtomicBool::new(!(config.pool.enabled && config.pool.warm)),
            config: config.pool.clone(),
            runtime: Handle::current(),
        })
    }

    pub(super) async fn lease(
        self: &Arc<Self>,
        ctx: &RequestContext,
        limits: &Limits,
    ) -> Result<Connection, DatabaseError> {
        let _waiting = WaitTimer {
            ctx,
            meters: &self.meters,
            begun: Instant::now(),
        };
        let (session, pass) = if self.config.enabled {
            let (session, pass) = self.pooled(limits).await?;
            (session, Some(pass))
        } else {
            (self.unpooled(limits).await?, None)
        };
        Ok(Connection::new(
            session,
            Lease::begin(Arc::clone(self), pass),
        ))
    }

    async fn pooled(self: &Arc<Self>, limits: &Limits) -> Result<(Session, Pass), DatabaseError> {
        if limits.acquire.is_zero() {
            let pass = self.gate.try_enter().ok_or_else(|| self.give_up(limits))?;
            return Ok((self.session(limits.bounds).await?, pass));
        }
        let getting = async {
            let pass = self.gate.enter().await.ok_or(DatabaseError::Closed)?;
            Ok((self.session(limits.bounds).await?, pass))
        };
        timeout(limits.acquire, getting)
            .await
            .unwrap_or_else(|_| Err(self.give_up(limits)))
    }

    async fn unpooled(&self, limits: &Limits) -> Result<Session, DatabaseError> {
        if self.gate.is_closed() {
            return Err(DatabaseError::Closed);
        }
        self.connector.connect(limits.bounds).await
    }

    fn give_up(&self, limits: &Limits) -> DatabaseError {
        if self.gate.is_closed() {
            return DatabaseError::Closed;
        }
        if limits.acquire_ends_with_deadline {
            return DatabaseError::DeadlineExceeded;
        }
        self.meters.timeouts.increment(1);
        DatabaseError::PoolTimeout {
            after: limits.acquire,
        }
    }

    /// An idle session that is fit for use, or a new one.
    async fn session(&self, bounds: Bounds) -> Result<Session, DatabaseError> {
        while let Some(idle) = self.shelf.take(bounds) {
            if let Some(session) = self.fit(idle).await {
                return Ok(session);
            }
        }
        self.connector.connect(bounds).await
    }

    async fn fit(&self, idle: Idle) -> Option<Session> {
        let must_validate = match self.config.validate {
            Validate::Never => false,
            Validate::Always => true,
            Validate::AfterIdle => idle.idle_for() >= self.config.validate_after,
        };
        let mut session = idle.session;
        if session.is_older_than(self.knobs.load().max_lifetime) {
            self.discard(session, Closed::Lifetime);
            return None;
        }
        if must_validate {
            let is_valid = timeout(self.config.connect_timeout, session.validate()).await;
            if !matches!(is_valid, Ok(Ok(()))) {
                self.discard(session, Closed::Broken);
                return None;
            }
        }
        Some(session)
    }

    /// Shelves a session on which nothing is left, sees to one on which something is, and drops the rest.
    pub(super) fn put_back(held: Held, state: State) {
        let pool = Arc::clone(&held.lease.pool);
        if held.lease.pass.is_none() {
            return pool.discard(held.session, Closed::Unpooled);
        }
        match state {
            State::Clean => Self::shelve(held),
            State::Broken => pool.discard(held.session, Closed::Broken),
            State::Unfinished => drop(pool.runtime.spawn(Self::settle(held))),
        }
    }

    /// sqlx asks no server to cancel a query. Until the query has ended by itself or by its timeout, it
    /// occupies the server, and so its connection stays in use.
    async fn settle(mut held: Held) {
        let pool = Arc::clone(&held.lease.pool);
        let grace = pool.knobs.load().response_grace;
        let settled = match held.session.settles_within(grace) {
            Some(limit) => timeout(limit, held.session.settle())
                .await
                .unwrap_or(Err(sqlx::Error::PoolTimedOut)),
            None => held.session.settle().await,
        };
        match settled {
            Ok(()) => Self::shelve(held),
            Err(_) => pool.discard(held.session, Closed::Broken),
        }
    }

    fn shelve(held: Held) {
        let Held { session, mut lease } = held;
        let pool = Arc::clone(&lease.pool);
        let mut pass = lease.pass.take();
        drop(lease);
        if pool.gate.is_closed() {
            pool.discard(session, Closed::Shutdown);
        } else if pass.as_mut().is_some_and(Pass::repay) {
            pool.discard(session, Closed::Surplus);
        } else {
            // Before the pass is free, so that who gets the pass finds the session.
            pool.shelf.put(session);
            drop(pass);
        }
    }

    pub(super) fn discard(&self, session: Session, reason: Closed) {
        Meters::closed(reason);
        self.runtime.spawn(session.close());
    }

    pub(super) fn follow(&self, knobs: &Knobs) {
        let max = knobs.pool_max_size as usize;
        self.knobs.store(Arc::new(knobs.clone()));
        if self.config.enabled {
            self.gate.resize(max);
            self.meters.max.set(max as f64);
            let surplus = self.open().saturating_sub(max);
            self.close_idle(surplus, Closed::Surplus, |_| true);
        }
    }

    /// Closes up to `at_most` of the idle sessions that `may_go`, those idle for longest first.
    pub(super) fn close_idle(
        &self,
        at_most: usize,
        reason: Closed,
        may_go: impl Fn(&Idle) -> bool,
    ) {
        let mut closed = 0;
        let removed = self.shelf.retain(|idle| {
            let goes = closed < at_most && may_go(idle);
            closed += usize::from(goes);
            !goes
        });
        for session in removed {
            self.discard(session, reason);
        }
    }

    /// Idle, in use, or being opened or tried out for somebody: one that is on its way would otherwise be
    /// taken for missing, and opened a second time.
    pub(super) fn open(&self) -> usize {
        self.shelf.len() + self.gate.entered()
    }

    pub(super) fn status(&self) -> Status {
        Status {
            max: self.gate.max(),
            used: self.used.load(Ordering::Relaxed),
            idle: self.shelf.len(),
            waiting: self.gate.waiting(),
        }
    }

    pub(super) async fn close(&self) {
        self.gate.close();
        for session in self.shelf.retain(|_| false) {
            Meters::closed(Closed::Shutdown);
            session.close().await;
        }
    }
}

/// Counts the wait for a connection, also when the caller gives up.
struct WaitTimer<'a> {
    ctx: &'a RequestContext,
    meters: &'a Meters,
    begun: Instant,
}

impl Drop for WaitTimer<'_> {
    fn drop(&mut self) {
        let waited: Duration = self.begun.elapsed();
        self.ctx.time_split().add_pool_wait(waited);
        self.meters.wait_time.record(waited);
    }
}
