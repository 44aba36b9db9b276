//! Constructs everything that a running service consists of.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::cache::Caches;
use crate::clock::Clock;
use crate::config::Config;
use crate::context::{RequestContext, RouteClass};
use crate::database::Database;
use crate::flow::payer::Payer;
use crate::flow::{Checkout, Goods, Notices, Settlement};
use crate::ids::RequestId;
use crate::knobs::{KnobError, KnobStore, Knobs};
use crate::lock::Locks;
use crate::outbox::{Carrier, Consumer, Inbox, Relay, RelaySoon, Stream};
use crate::payment::Payments;
use crate::payment::gateway::Gateway;
use crate::post::{PostCaches, Views, WriteBehind};
use crate::redis::Redis;
use crate::survey::{Fold, FoldSoon, SurveyCache};
use crate::telemetry::Exposition;

/// How long the warm start waits for messages of other instances to be heard.
const HEARD_WITHIN: Duration = Duration::from_secs(1);
/// Between two attempts to warm the caches.
const WARMED_AGAIN_AFTER: Duration = Duration::from_millis(200);

#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub clock: Clock,
    pub knobs: KnobStore,
    pub database: Database,
    /// `None`: the service is to do without.
    pub redis: Option<Redis>,
    pub locks: Locks,
    pub caches: Caches,
    pub post_caches: PostCaches,
    pub views: Views,
    pub survey_cache: SurveyCache,
    /// The caches hold what they are to hold before the first request.
    pub is_prewarmed: Arc<AtomicBool>,
    /// Takes the payments of orders.
    pub payer: Arc<dyn Payer>,
    pub payments: Payments,
    /// Wakes the worker that brings the counts of surveys up to date.
    pub fold_soon: FoldSoon,
    /// Wakes the worker that hands events on.
    pub relay_soon: RelaySoon,
    pub exposition: Exposition,
    /// The work of requests that runs in tasks of its own.
    pub work: TaskTracker,
}

impl App {
    /// Must be called within a tokio runtime. Nothing is connected to yet: what is missing is said by
    /// `/readyz`.
    pub fn new(config: Config, exposition: Exposition) -> Result<Self, KnobError> {
        let knobs = config.knobs()?;
        let clock = Clock::new(config.calendar.time_zone);
        let database = Database::new(&config.db, &knobs);
        let gateway = Gateway::new(&config.payment);
        let mut sections = gateway.sections(&config.payment).to_vec();
        let redis = Redis::new(&config.redis);
        sections.extend(redis.iter().map(|redis| redis.section(&config.redis)));
        let caches = Caches::new(&config.cache, redis.clone());
        sections.push(caches.section(&config.cache));
        let locks = Locks::new(&config.lock, redis.clone());
        sections.extend(locks.section(&config.lock));
        let mut knobs = KnobStore::new(knobs, sections);
        if redis.is_none() {
            knobs = knobs.without_redis();
        }
        let payments = Payments::new(database.clone(), clock, gateway, &config.payment);
        Ok(Self {
            clock,
            payer: Arc::new(payments.clone()),
            payments,
            fold_soon: FoldSoon::default(),
            relay_soon: RelaySoon::default(),
            database,
            views: Views::new(redis.clone()),
            redis,
            locks,
            post_caches: PostCaches::open(&caches),
            survey_cache: SurveyCache::open(&caches),
            caches,
            is_prewarmed: Arc::new(AtomicBool::new(config.prewarm.posts == 0)),
            knobs,
            exposition,
            work: TaskTracker::new(),
            config: Arc::new(config),
        })
    }

    pub fn checkout(&self) -> Checkout {
        Checkout {
            goods: Goods {
                database: self.database.clone(),
                locks: self.locks.clone(),
                relay_soon: self.relay_soon.clone(),
            },
            payer: Arc::clone(&self.payer),
            look_after: self.config.flow.settle_interval,
        }
    }

    pub fn relay(&self) -> Relay {
        let config = &self.config.outbox;
        Relay {
            database: self.database.clone(),
            carrier: match self.stream() {
                Some(stream) => Carrier::Stream(stream),
                None => Carrier::Inbox(self.inbox()),
            },
            soon: self.relay_soon.clone(),
            interval: config.interval,
            republish_after: config.republish_after,
        }
    }

    /// `None`: events do not come through Redis.
    pub fn consumer(&self) -> Option<Consumer> {
        Some(Consumer {
            stream: self.stream()?,
            inbox: self.inbox(),
            retry_after: self.config.outbox.retry_after,
        })
    }

    fn stream(&self) -> Option<Stream> {
        let redis = self.redis.clone()?;
        Some(Stream { redis })
    }

    fn inbox(&self) -> Inbox {
        let database = self.database.clone();
        let handler = Arc::new(Notices {
            database: database.clone(),
        });
        Inbox { database, handler }
    }

    pub fn view_writer(&self) -> WriteBehind {
        WriteBehind {
            database: self.database.clone(),
            views: self.views.clone(),
        }
    }

    pub fn survey_fold(&self) -> Fold {
        Fold {
            database: self.database.clone(),
            soon: self.fold_soon.clone(),
            cache: self.survey_cache.clone(),
        }
    }

    pub fn settlement(&self) -> Settlement {
        Settlement {
            checkout: self.checkout(),
            every: self.config.flow.settle_interval,
        }
    }

    /// Fills the caches with `prewarm.posts`, once. What fails is tried again until its time is over, and then
    /// left to be filled by the requests.
    pub async fn prewarm(&self) {
        let (posts, limit) = (self.config.prewarm.posts, self.config.prewarm.timeout);
        if self.is_prewarmed.load(Ordering::Relaxed) {
            return;
        }
        let ctx = RequestContext::new(RequestId::generate(), None, self.knobs.snapshot())
            .in_class(RouteClass::Slow);
        // What is kept before is forgotten when the others are first heard.
        self.caches.until_listening(HEARD_WITHIN).await;
        let warming = async {
            loop {
                match self.post_caches.prewarm(&self.database, &ctx, posts).await {
                    Ok(warmed) => return warmed,
                    Err(error) => tracing::warn!(%error, "the cache could not be warmed yet"),
                }
                tokio::time::sleep(WARMED_AGAIN_AFTER).await;
            }
        };
        if let Ok(warmed) = tokio::time::timeout(limit, warming).await {
            tracing::info!(warmed, "the newest posts are in the cache");
        } else {
            tracing::warn!(?limit, "the cache is not warm after its time");
        }
        self.is_prewarmed.store(true, Ordering::Relaxed);
    }

    /// Changes knobs, and what follows from them outside of requests.
    pub fn patch_knobs(
        &self,
        patch: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Arc<Knobs>, KnobError> {
        self.knobs.patch(patch, |knobs| self.database.follow(knobs))
    }
}
