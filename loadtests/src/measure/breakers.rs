//! The transitions of the service's circuit breakers, as events of the timeline.
//!
//! The service tells when each breaker last got into each state, so that their moments are finer
//! than the scrapes that bring them. Of two transitions into one state between two scrapes only the
//! later one is seen. Those of several instances are told together.

use std::collections::BTreeSet;

use crate::record::Event;
use crate::record::figures::BREAKER_TRANSITIONS;

use super::scrape::Readings;

/// In order of time. What happened before the timeline began is left out.
pub fn transitions(readings: &Readings) -> Vec<Event> {
    let mut told: BTreeSet<(&str, &str, u64)> = BTreeSet::new();
    let mut events = Vec::new();
    let samples = readings.all.iter().flat_map(|reading| &reading.samples);
    for sample in samples.filter(|sample| sample.name == BREAKER_TRANSITIONS) {
        let label = |name: &str| sample.labels.get(name).map_or("", String::as_str);
        let (breaker, to) = (label("name"), label("to"));
        let at_s = sample.value - readings.began_unix_s;
        let is_new = told.insert((breaker, to, sample.value.to_bits()));
        if is_new && at_s >= 0.0 {
            events.push(Event {
                at_s,
                kind: format!("breaker_{to}"),
                detail: breaker.to_owned(),
                in_flight: None,
            });
        }
    }
    events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    events
}

#[cfg(test)]
mod tests {
    use super::super::exposition;
    use super::super::scrape::Reading;
    use super::*;

    #[test]
    fn each_transition_is_told_once_at_its_own_moment_and_in_order() {
        let page = |closed: f64, open: f64, half_open: f64| {
            let line =
                |to, value| format!("{BREAKER_TRANSITIONS}{{name=\"pg\",to=\"{to}\"}} {value}\n");
            let text = line("closed", closed) + &line("open", open) + &line("half_open", half_open);
            Reading {
                samples: exposition::parse(&text),
                ..Reading::default()
            }
        };
        let readings = Readings {
            all: vec![
                // Never open in this timeline.
                page(0.0, 990.0, 0.0),
                page(0.0, 1001.25, 0.0),
                page(0.0, 1001.25, 0.0),
                // The scrape shows the states in an order of its own.
                page(0.0, 1004.5, 1003.25),
                page(1007.75, 1004.5, 1007.5),
            ],
            began_unix_s: 1000.0,
            ..Readings::default()
        };
        let told: Vec<(f64, String)> = transitions(&readings)
            .into_iter()
            .map(|event| (event.at_s, event.kind))
            .collect();
        let expected = [
            (1.25, "open"),
            (3.25, "half_open"),
            (4.5, "open"),
            (7.5, "half_open"),
            (7.75, "closed"),
        ];
        let expected = expected.map(|(at, to)| (at, format!("breaker_{to}")));
        assert_eq!(told, expected);
    }
}
