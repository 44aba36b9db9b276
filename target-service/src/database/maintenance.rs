//! What the pool does by itself: closes sessions that are too old or idle for too long, and keeps the
//! minimum open.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval};

use super::error::DatabaseError;
use super::limits::{Bounds, Limits};
use super::meters::Closed;
use super::pool::Pool;

const EVERY: Duration = Duration::from_millis(250);

/// Ends with the pool.
pub(super) fn start(pool: &Arc<Pool>, warm: bool) {
    tokio::spawn(run(Arc::downgrade(pool), warm));
}

async fn run(pool: Weak<Pool>, warm: bool) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut at_once = usize::MAX;
    loop {
        ticks.tick().await;
        let Some(pool) = pool.upgrade().filter(|pool| !pool.gate.is_closed()) else {
            return;
        };
        reap(&pool);
        if warm {
            at_once = match fill(&pool, at_once).await {
                Ok(()) => usize::MAX,
                Err(error) => {
                    if at_once > 1 {
                        tracing::warn!(%error, "the database pool cannot be filled to its minimum");
                    }
                    // A server that has trouble is asked for one connection at a time until it gives one.
                    1
                }
            };
        }
    }
}

fn reap(pool: &Pool) {
    let knobs = pool.knobs.load();
    pool.close_idle(usize::MAX, Closed::Lifetime, |idle| {
        idle.session.is_older_than(knobs.max_lifetime)
    });
    if !knobs.idle_timeout.is_zero() {
        let above_minimum = pool.open().saturating_sub(knobs.pool_min_size as usize);
        pool.close_idle(above_minimum, Closed::Idle, |idle| {
            idle.idle_for() > knobs.idle_timeout
        });
    }
}

/// Opens what is missing to the minimum, up to so many together, and as the gate lets in beside the
/// requests.
async fn fill(pool: &Arc<Pool>, at_once: usize) -> Result<(), DatabaseError> {
    let knobs = pool.knobs.load_full();
    let missing = (knobs.pool_min_size as usize).saturating_sub(pool.open());
    let opened =
        join_all((0..missing.min(at_once)).map(|_| open_one(pool, Limits::bounds_of(&knobs))))
            .await;
    opened.into_iter().collect::<Result<(), _>>()?;
    if pool.open() >= knobs.pool_min_size as usize {
        pool.is_warm.store(true, Ordering::Relaxed);
    }
    Ok(())
}

async fn open_one(pool: &Pool, bounds: Bounds) -> Result<(), DatabaseError> {
    if let Some(pass) = pool.gate.try_enter() {
        let session = pool.connector.connect(bounds).await?;
        pool.shelf.put(session);
        drop(pass);
    }
    Ok(())
}
