//! When a breaker opens, for how long, and what closes it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::section::{OutOfRange, Settings};

/// Defaults as in resilience4j, but opening after fewer calls and for a shorter time. A change counts from
/// the next outcome on; what was counted so far is kept unless the kind of window changes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `false`: every call is let through and nothing is counted. Default false.
    pub enabled: bool,
    /// What the shares are taken of. Default `time`.
    pub window: WindowKind,
    /// With `window = "count"`: the last so many outcomes. At least 1. Default 100.
    pub window_calls: u32,
    /// With `window = "time"`: the outcomes of this last time, to a tenth. Default 10s.
    #[serde(with = "crate::duration")]
    pub window_time: Duration,
    /// No verdict on fewer outcomes than these; with a count window at most its size. Too few, and chance
    /// opens it; too many, and at a low rate it never opens. Default 20.
    pub min_calls: u32,
    /// It opens when this share of the outcomes are failures: 0.5 is one half, 0 is any failure, more than 1
    /// is never. Default 0.5.
    pub error_share: f64,
    /// It opens when this share of the outcomes were slow, successful or not, counted like `error_share`.
    /// Default 1.0.
    pub slow_share: f64,
    /// From here on a call is slow. `"0s"`: none is. Default 60s.
    #[serde(with = "crate::duration")]
    pub slow_after: Duration,
    /// How long it refuses every call before it tries the dependency again. Default 5s.
    #[serde(with = "crate::duration")]
    pub open_for: Duration,
    /// With how many calls it tries: no more than these are let through until they have a verdict. At least
    /// 1. Default 10.
    pub half_open_calls: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// The last calls, however long ago they were.
    Count,
    /// The last time, however many calls there were in it.
    Time,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: false,
            window: WindowKind::Time,
            window_calls: 100,
            window_time: Duration::from_secs(10),
            min_calls: 20,
            error_share: 0.5,
            slow_share: 1.0,
            slow_after: Duration::from_secs(60),
            open_for: Duration::from_secs(5),
            half_open_calls: 10,
        }
    }
}

impl Settings for Config {
    fn check(&self) -> Result<(), OutOfRange> {
        for (key, share) in [
            ("error_share", self.error_share),
            ("slow_share", self.slow_share),
        ] {
            OutOfRange::unless(
                share.is_finite() && share >= 0.0,
                key,
                "a share is 0 or more: 0.5 is one half, more than 1 is never reached",
            )?;
        }
        for (key, calls) in [
            ("window_calls", self.window_calls),
            ("min_calls", self.min_calls),
            ("half_open_calls", self.half_open_calls),
        ] {
            OutOfRange::unless(calls >= 1, key, "at least one call is needed")?;
        }
        OutOfRange::unless(
            !self.window_time.is_zero(),
            "window_time",
            "a window has a length",
        )
    }
}

impl Config {
    pub(super) fn window_calls(&self) -> u32 {
        self.window_calls.max(1)
    }

    pub(super) fn min_calls(&self) -> u32 {
        let most = match self.window {
            WindowKind::Count => self.window_calls(),
            WindowKind::Time => u32::MAX,
        };
        self.min_calls.clamp(1, most)
    }

    pub(super) fn half_open_calls(&self) -> u32 {
        self.half_open_calls.max(1)
    }

    pub(super) fn is_slow(&self, took: Duration) -> bool {
        !self.slow_after.is_zero() && took >= self.slow_after
    }
}
