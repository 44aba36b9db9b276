//! What a breaker tells about itself.

use std::time::{SystemTime, UNIX_EPOCH};

use metrics::{Counter, Gauge, counter, gauge};

use super::machine::State;

/// What became of a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    Succeeded,
    Failed,
    /// Its caller left, or it ended without telling anything about the dependency.
    Cancelled,
    /// Not let through.
    Rejected,
}

impl Fate {
    const ALL: [Self; 4] = [
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Rejected,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Succeeded => "success",
            Self::Failed => "failure",
            Self::Cancelled => "cancelled",
            Self::Rejected => "rejected",
        }
    }
}

pub(super) struct Meters {
    /// 1 for the state that it is in, 0 for the others.
    states: [Gauge; State::ALL.len()],
    transitions: [Counter; State::ALL.len()],
    /// When it last got into each state, in Unix seconds: finer than scrapes are. 0: never.
    since: [Gauge; State::ALL.len()],
    calls: [Counter; Fate::ALL.len()],
    slow: Counter,
}

impl Meters {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            states: State::ALL.map(
                |state| gauge!("target_circuit_breaker_state", "name" => name, "state" => state.label()),
            ),
            transitions: State::ALL.map(|state| {
                counter!("target_circuit_breaker_transitions_total", "name" => name, "to" => state.label())
            }),
            since: State::ALL.map(|state| {
                gauge!("target_circuit_breaker_transition_timestamp_seconds", "name" => name, "to" => state.label())
            }),
            calls: Fate::ALL.map(|fate| {
                counter!("target_circuit_breaker_calls_total", "name" => name, "outcome" => fate.label())
            }),
            slow: counter!("target_circuit_breaker_slow_calls_total", "name" => name),
        }
    }

    pub(super) fn is_in(&self, current: State) {
        for state in State::ALL {
            self.states[state as usize].set(if state == current { 1.0 } else { 0.0 });
        }
    }

    pub(super) fn transition(&self, to: State) {
        self.transitions[to as usize].increment(1);
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        self.since[to as usize].set(since_epoch.unwrap_or_default().as_secs_f64());
        self.is_in(to);
    }

    pub(super) fn call(&self, fate: Fate, slow: bool) {
        self.calls[fate as usize].increment(1);
        self.slow.increment(u64::from(slow));
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Meters")
    }
}
