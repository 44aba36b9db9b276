//! The states of a breaker and what leads from one to another, without a clock, locks or metrics.
//!
//! Each state has a generation; an outcome counts only in the generation that let its call through. So a
//! call that began before the breaker opened does not decide about the time after.
//! Invariant: in half-open, calls out plus outcomes counted never exceed `half_open_calls`, as it was when
//! each of them was let through.

use std::time::Duration;

use tokio::time::Instant;

use super::config::Config;
use super::window::{Tally, Verdict, Window};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Calls are let through and counted.
    Closed,
    /// No call is let through.
    Open,
    /// Some calls are let through to see how the dependency is.
    HalfOpen,
}

impl State {
    pub(super) const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// Why a call is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Open { retry_after: Duration },
    Probing,
}

#[derive(Debug)]
pub(super) struct Machine {
    config: Config,
    phase: Phase,
    generation: u64,
}

#[derive(Debug)]
enum Phase {
    Closed(Window),
    Open { since: Instant },
    HalfOpen { out: u32, tally: Tally },
}

impl Machine {
    pub(super) fn new(config: Config, now: Instant) -> Self {
        Self {
            phase: Phase::Closed(Window::new(&config, now)),
            config,
            generation: 0,
        }
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closed(_) => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    #[cfg(test)]
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// How much longer it lets nobody through, if it is open.
    pub(super) fn still_open(&self, now: Instant) -> Option<Duration> {
        let Phase::Open { since } = self.phase else {
            return None;
        };
        let open_for = now.saturating_duration_since(since);
        let left = self.config.open_for.saturating_sub(open_for);
        (!left.is_zero()).then_some(left)
    }

    /// Lets a call through, in the generation that it gives.
    pub(super) fn admit(&mut self, now: Instant) -> Result<u64, Refusal> {
        if let Some(retry_after) = self.still_open(now) {
            return Err(Refusal::Open { retry_after });
        }
        if let Phase::Open { .. } = self.phase {
            self.enter(Phase::HalfOpen {
                out: 0,
                tally: Tally::default(),
            });
        }
        if let Phase::HalfOpen { out, tally } = &mut self.phase {
            if out.saturating_add(tally.calls) >= self.config.half_open_calls() {
                return Err(Refusal::Probing);
            }
            *out += 1;
        }
        Ok(self.generation)
    }

    /// A call that was let through is over; without a verdict it counts as nothing and frees its place.
    pub(super) fn settle(&mut self, generation: u64, verdict: Option<Verdict>, now: Instant) {
        if generation != self.generation || !self.config.enabled {
            return;
        }
        match &mut self.phase {
            Phase::Closed(window) => {
                if let Some(verdict) = verdict {
                    window.record(verdict, &self.config, now);
                }
            }
            Phase::HalfOpen { out, tally } => {
                *out -= 1;
                if let Some(verdict) = verdict {
                    tally.add(verdict);
                }
            }
            Phase::Open { .. } => {}
        }
        if verdict.is_some() {
            self.judge(now);
        }
    }

    pub(super) fn apply(&mut self, config: Config, now: Instant) {
        let was_enabled = std::mem::replace(&mut self.config, config).enabled;
        if was_enabled != config.enabled {
            self.enter(Phase::Closed(Window::new(&config, now)));
        } else if let Phase::Closed(window) = &mut self.phase {
            window.resize(&config, now);
        } else if matches!(self.phase, Phase::HalfOpen { .. }) {
            // Fewer probes may be wanted than have their outcome already.
            self.judge(now);
        }
    }

    fn judge(&mut self, now: Instant) {
        let config = &self.config;
        match &mut self.phase {
            Phase::Closed(window) => {
                let tally = window.tally(now);
                if tally.calls >= config.min_calls() && tally.reaches(config, tally.calls) {
                    self.enter(Phase::Open { since: now });
                }
            }
            Phase::HalfOpen { tally, .. } => {
                let probes = config.half_open_calls();
                // Of all probes, also of those to come: then no success of theirs could turn it.
                if tally.reaches(config, probes.max(tally.calls)) {
                    self.enter(Phase::Open { since: now });
                } else if tally.calls >= probes {
                    self.enter(Phase::Closed(Window::new(&self.config, now)));
                }
            }
            Phase::Open { .. } => {}
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
    }
}
