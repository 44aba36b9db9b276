//! What a cache tells about itself. A request has one outcome; on the way to it, it may look in two tiers.

use metrics::{Counter, Gauge, counter, gauge};

pub(super) struct Meters {
    name: &'static str,
    pub local: Looked,
    pub redis: Looked,
    hit: Counter,
    early: Counter,
    stale: Counter,
    miss: Counter,
    stale_served: Counter,
    pub origin_fetches: Counter,
    pub origin_failures: Counter,
    /// Recomputed values, counted when they are in place.
    pub loads: Counter,
    /// Values that have been replaced by a recomputed one, each counted once.
    pub expiries: Counter,
    pub evictions: Counter,
    pub entries: Gauge,
}

/// Looks into one tier.
pub(super) struct Looked {
    pub hits: Counter,
    pub misses: Counter,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Answered at once, with a fresh value.
    Hit,
    /// Loaded although the value was still fresh.
    Early,
    /// Answered at once, with a value that had run out.
    Stale,
    /// Had to wait for a load, its own or another's.
    Miss,
}

/// What went wrong without failing a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// A value that could not be read.
    Corrupt,
    /// A value that could not be written down.
    Unwritable,
    /// Redis was asked for a value and failed.
    Read,
    /// Redis was given a value and failed.
    Write,
    /// An old value could not be removed from Redis: it is served until it runs out.
    Invalidate,
    /// The other instances could not be told.
    Publish,
    /// The lock could not be asked for.
    Lock,
    /// Another's load was waited for in vain.
    LockTimeout,
    /// Another's load broke off.
    FlightLost,
}

impl Trouble {
    fn label(self) -> &'static str {
        match self {
            Self::Corrupt => "corrupt",
            Self::Unwritable => "unwritable",
            Self::Read => "read",
            Self::Write => "write",
            Self::Invalidate => "invalidate",
            Self::Publish => "publish",
            Self::Lock => "lock",
            Self::LockTimeout => "lock_timeout",
            Self::FlightLost => "flight_lost",
        }
    }
}

impl Meters {
    pub(super) fn new(name: &'static str) -> Self {
        let looked = |tier: &'static str| Looked {
            hits: counter!("target_cache_hits_total", "cache" => name, "tier" => tier),
            misses: counter!("target_cache_misses_total", "cache" => name, "tier" => tier),
        };
        let outcome = |outcome: &'static str| counter!("target_cache_requests_total", "cache" => name, "outcome" => outcome);
        Self {
            name,
            local: looked("local"),
            redis: looked("redis"),
            hit: outcome("hit"),
            early: outcome("early"),
            stale: outcome("stale"),
            miss: outcome("miss"),
            stale_served: counter!("target_cache_stale_served_total", "cache" => name),
            origin_fetches: counter!("target_cache_origin_fetches_total", "cache" => name),
            origin_failures: counter!("target_cache_origin_failures_total", "cache" => name),
            loads: counter!("target_cache_loads_total", "cache" => name),
            expiries: counter!("target_cache_expiries_total", "cache" => name),
            evictions: counter!("target_cache_evictions_total", "cache" => name),
            entries: gauge!("target_cache_entries", "cache" => name),
        }
    }

    pub(super) fn answered(&self, outcome: Outcome) {
        match outcome {
            Outcome::Hit => self.hit.increment(1),
            Outcome::Early => self.early.increment(1),
            Outcome::Stale => {
                self.stale.increment(1);
                self.stale_served.increment(1);
            }
            Outcome::Miss => self.miss.increment(1),
        }
    }

    pub(super) fn troubled(&self, trouble: Trouble) {
        counter!("target_cache_errors_total", "cache" => self.name, "kind" => trouble.label())
            .increment(1);
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Meters({})", self.name)
    }
}
