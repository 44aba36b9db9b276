//! The states of the service's circuit breakers, to be drawn over what they do to latency.

use std::collections::BTreeMap;

use crate::record::{ArmDocument, BreakerState, Event};

use super::super::svg::{Series, Style};

/// Stretches of an arm's first round in which a breaker was open, and in which one was half-open.
/// Nothing where none ever left its closed state.
pub fn states(arm: &ArmDocument, end_of_timeline: f64) -> Vec<Series> {
    let Some(round) = arm.rounds.first() else {
        return Vec::new();
    };
    let lines = [
        (BreakerState::Open, "breaker open", 3),
        (BreakerState::HalfOpen, "breaker half-open", 4),
    ];
    let line = |(state, name, colour): (_, &str, _)| {
        let stretches = stretches(&round.events, state, end_of_timeline);
        let ends = stretches
            .into_iter()
            .flat_map(|(from, to)| [(from, None), (to, None)]);
        Series {
            name: name.to_owned(),
            style: Style::Stretches(colour),
            points: ends.collect(),
        }
    };
    let drawn = lines.into_iter().map(line);
    drawn.filter(|series| !series.points.is_empty()).collect()
}

/// From each event that leads into the state to the next one of the same breaker.
fn stretches(events: &[Event], state: BreakerState, end_of_timeline: f64) -> Vec<(f64, f64)> {
    let mut since: BTreeMap<&str, f64> = BTreeMap::new();
    let mut found = Vec::new();
    for event in events {
        let Some(to) = BreakerState::of(event) else {
            continue;
        };
        let breaker = &*event.detail;
        if let Some(from) = since.remove(breaker) {
            found.push((from, event.at_s));
        }
        if to == state {
            since.insert(breaker, event.at_s);
        }
    }
    found.extend(since.into_values().map(|from| (from, end_of_timeline)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_lasts_until_the_next_of_the_same_breaker_or_to_the_end() {
        let event = |at_s: f64, kind: &str, breaker: &str| Event {
            at_s,
            kind: kind.to_owned(),
            detail: breaker.to_owned(),
            in_flight: None,
        };
        let events = [
            event(1.0, "phase", "hanging"),
            event(2.0, "breaker_open", "a"),
            event(2.5, "breaker_open", "b"),
            event(4.0, "breaker_half_open", "a"),
            event(4.5, "fault_end", "latency"),
            event(5.0, "breaker_closed", "a"),
        ];
        let found = |state| stretches(&events, state, 9.0);
        assert_eq!(found(BreakerState::Open), [(2.0, 4.0), (2.5, 9.0)]);
        assert_eq!(found(BreakerState::HalfOpen), [(4.0, 5.0)]);
    }
}
