//! The configuration of the calendar (`calendar.`), of likes (`likes.`), of views (`views.`) and of the warm
//! start (`prewarm.`).

use std::time::Duration;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;
use crate::section::{OutOfRange, Settings};
use crate::strategy::{CalendarSource, LikesStrategy};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarConfig {
    /// Decides on which day a post was written, and until which day a birth date is in the past: a name of
    /// the IANA database. Posts keep the day that was stored with them when this is changed. Default UTC.
    #[serde(with = "crate::clock::time_zone")]
    pub time_zone: Tz,
    /// The longest range that is answered, in days with both ends; more is 422. Bounds the work and the
    /// size of an answer. Default 366. A knob.
    pub max_days: u16,
    /// Where the counts come from. `raw` counts a member's posts in the range at each request,
    /// `preaggregated` reads at most one row per day. Every post keeps both up to date. Default `raw`.
    /// A knob.
    pub source: CalendarSource,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LikesConfig {
    /// How the likes of a post are counted. May be switched at any time without losing the count.
    /// Default `increment`. A knob.
    pub strategy: LikesStrategy,
    /// With `strategy = "optimistic"`: how often a like is tried while others keep changing the same count,
    /// before it is answered by 503 `likes_contended`. Default 5. A knob.
    pub optimistic_attempts: u32,
}

/// How the views of posts are counted (`views.`). All of it are knobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ViewsConfig {
    /// What is done when a post has been read by its id. Default `off`.
    pub counting: ViewCounting,
    /// With `memory`: how long views are gathered before they are written in one go. A process that dies
    /// loses those of at most one interval and one write. At least 1ms. Default 1s.
    #[serde(with = "crate::duration")]
    pub interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViewCounting {
    /// Views are not counted.
    #[default]
    Off,
    /// In memory, and written behind. Each instance writes its own.
    Memory,
    /// Each view is a write, for which its reader waits: a hot post is a hot row.
    Direct,
}

/// What is put into the caches before the service is ready (`prewarm.`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrewarmConfig {
    /// So many of the newest posts, as far as there is a cache; at most `cache.max_entries` are of use in
    /// memory. Until they are there `/readyz` says that the cache is missing; when they cannot be read the
    /// service goes on without. Default 0.
    pub posts: u32,
    /// After so long the service is ready with what is there. Default 30s.
    #[serde(with = "crate::duration")]
    pub timeout: Duration,
}

impl Default for PrewarmConfig {
    fn default() -> Self {
        Self {
            posts: 0,
            timeout: Duration::from_secs(30),
        }
    }
}

impl Default for ViewsConfig {
    fn default() -> Self {
        Self {
            counting: ViewCounting::default(),
            interval: Duration::from_secs(1),
        }
    }
}

impl Settings for ViewsConfig {
    fn check(&self) -> Result<(), OutOfRange> {
        OutOfRange::unless(
            self.interval >= Duration::from_millis(1),
            "interval",
            "at least 1ms: shorter than that is `views.counting = \"direct\"`",
        )
    }
}

impl Default for CalendarConfig {
    fn default() -> Self {
        let knobs = Knobs::default();
        Self {
            time_zone: Tz::UTC,
            max_days: knobs.calendar_max_days,
            source: knobs.calendar_source,
        }
    }
}

impl Default for LikesConfig {
    fn default() -> Self {
        let knobs = Knobs::default();
        Self {
            strategy: knobs.likes_strategy,
            optimistic_attempts: knobs.likes_optimistic_attempts,
        }
    }
}
