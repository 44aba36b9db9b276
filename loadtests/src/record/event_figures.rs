//! Figures of an arm that follow from the events of its trial: kills, healing, circuit breakers.
//!
//! A disturbance is given by its beginning and end, in seconds of the timeline.

use std::collections::BTreeSet;

use crate::scenario::{Fault, FaultSpan, ProcessFault};

use super::arm_figures::ArmFigure;
use super::{CRASHED, DELIVERED, Event, HEALED, TrialRecord};

const OPENED: &str = "breaker_open";
const CLOSED: &str = "breaker_closed";
const TRYING: &str = "breaker_half_open";

/// What an event says of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed,
    Open,
    HalfOpen,
}

impl BreakerState {
    /// The state that a breaker got into; `None`: the event is about something else.
    pub fn of(event: &Event) -> Option<Self> {
        match &*event.kind {
            CLOSED => Some(Self::Closed),
            OPENED => Some(Self::Open),
            TRYING => Some(Self::HalfOpen),
            _ => None,
        }
    }
}

/// `None` where nothing was killed, and where the number at some kill is not known.
pub(super) fn in_flight_at_kill(record: &TrialRecord) -> Option<ArmFigure> {
    let is_kill = |span: &&FaultSpan| {
        let kill = ProcessFault::Kill;
        matches!(span.fault, Fault::Process { kind, .. } if kind == kill)
    };
    let kills = record.trial.faults.iter().filter(is_kill).count();
    let counted: Vec<u64> = record.events.iter().filter_map(|e| e.in_flight).collect();
    let fewest = counted.iter().min().filter(|_| counted.len() == kills);
    fewest.map(|count| ArmFigure::Number(*count as f64))
}

/// `None` where no process was to die at a point of its own.
pub(super) fn crashes(record: &TrialRecord) -> Option<ArmFigure> {
    let is_crash = |span: &FaultSpan| matches!(span.fault, Fault::CrashAt { .. });
    let crashed = record.events.iter().filter(|e| e.kind == CRASHED).count();
    let faults = &record.trial.faults;
    let has_any = faults.iter().any(is_crash);
    has_any.then_some(ArmFigure::Number(crashed as f64))
}

pub(super) fn heal_s(events: &[Event], disturbance: Option<(f64, f64)>) -> Option<ArmFigure> {
    since_disturbance(events, disturbance, HEALED)
}

pub(super) fn delivered_s(events: &[Event], disturbance: Option<(f64, f64)>) -> Option<ArmFigure> {
    since_disturbance(events, disturbance, DELIVERED)
}

fn since_disturbance(
    events: &[Event],
    disturbance: Option<(f64, f64)>,
    kind: &str,
) -> Option<ArmFigure> {
    let (_, end) = disturbance?;
    let over = events.iter().find(|event| event.kind == kind);
    Some(over.map_or(ArmFigure::Never, |event| after(event, end)))
}

pub(super) fn breaker_open_s(
    events: &[Event],
    disturbance: Option<(f64, f64)>,
) -> Option<ArmFigure> {
    let (begin, _) = disturbance?;
    let is_opening = |event: &&Event| event.kind == OPENED && event.at_s >= begin;
    let opened = events.iter().find(is_opening);
    Some(opened.map_or(ArmFigure::Never, |event| after(event, begin)))
}

pub(super) fn breaker_close_s(
    events: &[Event],
    disturbance: Option<(f64, f64)>,
) -> Option<ArmFigure> {
    let (_, end) = disturbance?;
    let of_breakers = || events.iter().filter(|e| BreakerState::of(e).is_some());
    let names: BTreeSet<&str> = of_breakers().map(|event| &*event.detail).collect();
    let last_of = |name: &str| of_breakers().rfind(|event| event.detail == name);
    let last: Vec<&Event> = names.into_iter().filter_map(last_of).collect();
    if last.iter().any(|event| event.kind != CLOSED) {
        return Some(ArmFigure::Never);
    }
    let last = last.into_iter().max_by(|a, b| a.at_s.total_cmp(&b.at_s))?;
    Some(after(last, end))
}

fn after(event: &Event, moment: f64) -> ArmFigure {
    ArmFigure::Number((event.at_s - moment).max(0.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::record::fixture;
    use crate::scenario::Process;

    const FAULT: Option<(f64, f64)> = Some((10.0, 20.0));

    fn event(at_s: f64, kind: &str) -> Event {
        Event {
            at_s,
            kind: kind.to_owned(),
            detail: "payment_gateway".to_owned(),
            in_flight: None,
        }
    }

    fn breaker(transitions: &[(f64, &str)]) -> [Option<ArmFigure>; 2] {
        let told = transitions.iter().map(|(at, to)| event(*at, to));
        let events: Vec<Event> = told.collect();
        [
            breaker_open_s(&events, FAULT),
            breaker_close_s(&events, FAULT),
        ]
    }

    #[test]
    fn a_breaker_is_timed_from_the_fault_to_its_first_opening_and_its_last_closing() {
        let number = |seconds| Some(ArmFigure::Number(seconds));
        let flapped = [
            (11.5, OPENED),
            (13.5, TRYING),
            (14.5, OPENED),
            (21.0, TRYING),
            (21.5, CLOSED),
        ];
        assert_eq!(breaker(&flapped), [number(1.5), number(1.5)]);
        assert_eq!(
            breaker(&flapped[..4]),
            [number(1.5), Some(ArmFigure::Never)]
        );
        // It closed while the fault held still.
        let early = [(11.5, OPENED), (13.5, TRYING), (14.0, CLOSED)];
        assert_eq!(breaker(&early), [number(1.5), number(0.0)]);
        assert_eq!(breaker(&[]), [Some(ArmFigure::Never), None]);
        // An opening without a cause is none of the fault's.
        let before = [(5.0, OPENED), (7.0, TRYING), (7.5, CLOSED)];
        assert_eq!(breaker(&before)[0], Some(ArmFigure::Never));
    }

    #[test]
    fn payments_have_healed_when_nothing_was_open_and_never_where_that_was_not_seen() {
        let number = |seconds| Some(ArmFigure::Number(seconds));
        assert_eq!(heal_s(&[], FAULT), Some(ArmFigure::Never));
        assert_eq!(heal_s(&[event(32.5, HEALED)], FAULT), number(12.5));
        assert_eq!(heal_s(&[event(32.5, HEALED)], None), None);
    }

    #[test]
    fn everybody_has_been_told_when_that_was_seen_and_never_otherwise() {
        let told = [event(24.0, DELIVERED)];
        assert_eq!(delivered_s(&told, FAULT), Some(ArmFigure::Number(4.0)));
        assert_eq!(delivered_s(&told, None), None);
        let of_payments = [event(24.0, HEALED)];
        assert_eq!(delivered_s(&of_payments, FAULT), Some(ArmFigure::Never));
    }

    #[test]
    fn crashes_are_counted_where_some_were_asked_for() {
        let mut record = fixture::record("a", 1, 0);
        assert_eq!(crashes(&record), None);
        let point = "after_take".to_owned();
        record.trial.faults.push(FaultSpan {
            fault: Fault::CrashAt { point },
            ..record.trial.faults[0].clone()
        });
        assert_eq!(crashes(&record), Some(ArmFigure::Number(0.0)));
        record.events.push(event(12.0, CRASHED));
        assert_eq!(crashes(&record), Some(ArmFigure::Number(1.0)));
    }

    #[test]
    fn of_all_kills_the_one_with_the_fewest_payments_counts_and_none_may_be_unknown() {
        let mut record = fixture::record("a", 1, 0);
        assert_eq!(in_flight_at_kill(&record), None);
        let kill = FaultSpan {
            fault: Fault::Process {
                process: Process::Service,
                kind: ProcessFault::Kill,
            },
            ..record.trial.faults[0].clone()
        };
        record.trial.faults.extend([kill.clone(), kill]);
        let mut killed = record.events[0].clone();
        killed.in_flight = Some(40);
        record.events.push(killed.clone());
        assert_eq!(in_flight_at_kill(&record), None);
        killed.in_flight = Some(31);
        record.events.push(killed);
        assert_eq!(in_flight_at_kill(&record), Some(ArmFigure::Number(31.0)));
    }
}
