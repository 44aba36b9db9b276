//! Figures of an arm: numbers over the whole timeline of one trial, not over one phase.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::scenario::{EnvironmentSpec, Slo, Trial};
use crate::stats::{self, Recovery};
use crate::units;

use super::event_figures::{
    breaker_close_s, breaker_open_s, crashes, delivered_s, heal_s, in_flight_at_kill,
};
use super::{Event, SecondRecord, TrialRecord};

/// A number, or `"never"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ArmFigure {
    Number(f64),
    Never,
}

/// The arm figures of one trial by name; `None` where the trial does not tell.
pub fn arm_figures(record: &TrialRecord) -> BTreeMap<String, Option<ArmFigure>> {
    let disturbance = disturbance(&record.trial, &record.events);
    let mut figures = vec![("recovery_s", recovery_s(record))];
    // Nothing is known of the breakers of a service that is not ours.
    if matches!(record.trial.environment, EnvironmentSpec::Lab(_)) {
        figures.extend([
            (
                "breaker_open_s",
                breaker_open_s(&record.events, disturbance),
            ),
            (
                "breaker_close_s",
                breaker_close_s(&record.events, disturbance),
            ),
        ]);
    }
    if let Some(tried) = record.payments_tried {
        figures.extend([
            ("payments_tried", Some(ArmFigure::Number(tried as f64))),
            ("in_flight_at_kill", in_flight_at_kill(record)),
            ("heal_s", heal_s(&record.events, disturbance)),
        ]);
    }
    if let Some(counts) = record.deliveries {
        let number = |count: u64| Some(ArmFigure::Number(count as f64));
        figures.extend([
            ("registrations_told", number(counts.told)),
            ("duplicate_deliveries", number(counts.duplicates)),
            ("delivered_s", delivered_s(&record.events, disturbance)),
        ]);
    }
    if let Some(crashes) = crashes(record) {
        figures.push(("crashes", Some(crashes)));
    }
    if let Some(tally) = record.tally {
        let number = |count: u64| Some(ArmFigure::Number(count as f64));
        figures.extend([
            ("sold_out_coupons", number(tally.sold_out_coupons)),
            ("seats_taken", number(tally.seats_taken)),
        ]);
    }
    for (violation, count) in record.violations.iter().flatten() {
        let count = ArmFigure::Number(*count as f64);
        figures.push((violation.figure(), Some(count)));
    }
    let named = |(name, figure): (&str, _)| (name.to_owned(), figure);
    figures.into_iter().map(named).collect()
}

/// The median over rounds; `None` when some round does not tell.
pub fn fold_rounds(rounds: &[Option<ArmFigure>]) -> Option<ArmFigure> {
    let values: Option<Vec<f64>> = rounds
        .iter()
        .map(|figure| figure.map(ArmFigure::as_f64))
        .collect();
    stats::median(values?).map(|median| {
        if median.is_finite() {
            ArmFigure::Number(median)
        } else {
            ArmFigure::Never
        }
    })
}

fn recovery_s(record: &TrialRecord) -> Option<ArmFigure> {
    let TrialRecord { trial, seconds, .. } = record;
    let (start, end) = disturbance(trial, &record.events)?;
    let warm = warmup_end(trial);
    let begins = |second: &SecondRecord| f64::from(second.second);
    let before = seconds
        .iter()
        .filter(|second| begins(second) >= warm && begins(second) + 1.0 <= start);
    let level = stats::level_to_regain(before.map(|second| (second.ok, second.offered)));
    let good: Box<dyn Fn(&SecondRecord) -> bool> = match (trial.slo, level) {
        (Some(slo), _) => Box::new(move |second| meets(slo, second)),
        (None, Some(level)) => Box::new(move |second| answered(second) >= level),
        (None, None) => return None,
    };
    // Seconds in which nothing was offered say nothing.
    let after = seconds
        .iter()
        .filter(|second| begins(second) >= end && second.offered > 0);
    let after: Vec<(f64, bool)> = after.map(|second| (begins(second), good(second))).collect();
    stats::recovery(end, &after).map(|recovery| match recovery {
        Recovery::After(seconds) => ArmFigure::Number(seconds),
        Recovery::Never => ArmFigure::Never,
    })
}

fn meets(slo: Slo, second: &SecondRecord) -> bool {
    let fast = slo
        .p99
        .is_none_or(|most| second.p99_ms.is_some_and(|p99| p99 <= units::millis(most)));
    fast && slo.success.is_none_or(|least| answered(second) >= least)
}

fn answered(second: &SecondRecord) -> f64 {
    second.ok as f64 / second.offered as f64
}

/// From the first fault to the end of the last; without faults, the stretch of phases whose rate
/// rises above that of the first judged phase.
fn disturbance(trial: &Trial, events: &[Event]) -> Option<(f64, f64)> {
    if let Some(first) = trial.faults.iter().map(|span| span.start).min() {
        let last = trial.faults.iter().map(|span| span.end).max()?;
        return Some((
            first.as_secs_f64(),
            last_end(trial, events, last.as_secs_f64()),
        ));
    }
    let base = trial.phases.iter().find(|phase| !phase.warmup)?.rate.from;
    let mut at = 0.0;
    let mut span: Option<(f64, f64)> = None;
    for phase in &trial.phases {
        let end = at + phase.duration.as_secs_f64();
        if !phase.warmup && phase.rate.from.max(phase.rate.to) > base {
            span = Some((span.map_or(at, |(start, _)| start), end));
        }
        at = end;
    }
    span
}

/// A restart is over before its phase is, and its event tells when. An event that comes a little
/// after the planned end does not move it: that would cost a whole second of the series.
fn last_end(trial: &Trial, events: &[Event], planned: f64) -> f64 {
    let ends: Vec<f64> = events
        .iter()
        .filter(|event| event.kind == "fault_end")
        .map(|event| event.at_s)
        .collect();
    // One that is missing may be the last one.
    if ends.len() < trial.faults.len() {
        return planned;
    }
    ends.into_iter()
        .fold(f64::NEG_INFINITY, f64::max)
        .min(planned)
}

/// The end of the warm-up phases that the timeline starts with.
fn warmup_end(trial: &Trial) -> f64 {
    trial
        .phases
        .iter()
        .take_while(|phase| phase.warmup)
        .map(|phase| phase.duration.as_secs_f64())
        .sum()
}

impl ArmFigure {
    /// As claims see it: `"never"` is infinity.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Never => f64::INFINITY,
        }
    }
}

impl Serialize for ArmFigure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Never => serializer.serialize_str("never"),
        }
    }
}

impl<'de> Deserialize<'de> for ArmFigure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self::Number(number)),
            Written::Word(word) if word == "never" => Ok(Self::Never),
            Written::Word(word) => Err(de::Error::custom(format!(
                "`{word}` is neither a number nor \"never\""
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::record::fixture;

    fn recovered(record: &TrialRecord) -> Option<ArmFigure> {
        arm_figures(record)["recovery_s"]
    }

    #[test]
    fn recovery_counts_from_the_end_of_the_last_fault() {
        assert_eq!(
            recovered(&fixture::record("a", 1, 0)),
            Some(ArmFigure::Number(0.0))
        );
        assert_eq!(
            recovered(&fixture::record("a", 1, 7)),
            Some(ArmFigure::Number(7.0))
        );
        assert_eq!(
            recovered(&fixture::record("a", 1, 16)),
            Some(ArmFigure::Never)
        );
    }

    #[test]
    fn a_fault_that_is_over_early_is_followed_by_recovery_from_then_on() {
        let mut record = fixture::record("a", 1, 0);
        let fault = record.trial.faults[0].clone();
        let planned = fault.end.as_secs_f64();
        let begun = fault.start.as_secs_f64();
        // The damage lasts to the planned end.
        record.events[1].at_s = begun;
        assert_eq!(recovered(&record), Some(ArmFigure::Number(planned - begun)));
        // What comes late does not move the end, nor does an end that was never told.
        record.events[1].at_s = planned + 0.01;
        assert_eq!(recovered(&record), Some(ArmFigure::Number(0.0)));
        record.events.truncate(1);
        assert_eq!(recovered(&record), Some(ArmFigure::Number(0.0)));
    }

    #[test]
    fn without_faults_the_burst_is_the_disturbance() {
        let mut record = fixture::record("a", 1, 3);
        record.trial.faults.clear();
        assert_eq!(recovered(&record), None, "neither a fault nor a burst");
        record.trial.phases[2].rate.to *= 10.0;
        assert_eq!(recovered(&record), Some(ArmFigure::Number(3.0)));
    }

    #[test]
    fn warm_up_seconds_are_not_the_level_before() {
        let mut record = fixture::record("a", 1, 0);
        record.seconds[0].ok = 0;
        record.seconds[1].ok = 0;
        // 90 of 100 is below 95 % of a full level, and above 95 % of one that the warm-up drags down to 83 %.
        record.seconds[18].ok = 90;
        assert_eq!(recovered(&record), Some(ArmFigure::Number(2.0)));
    }

    #[test]
    fn a_lower_rate_afterwards_is_no_damage_and_silent_seconds_say_nothing() {
        let mut record = fixture::record("a", 1, 0);
        for second in record.seconds.iter_mut().skip(17) {
            second.offered = 10;
            second.ok = 10;
        }
        (record.seconds[19].offered, record.seconds[19].ok) = (0, 0);
        assert_eq!(recovered(&record), Some(ArmFigure::Number(0.0)));
    }

    #[test]
    fn a_level_of_service_counts_instead_of_the_level_before() {
        let mut record = fixture::record("a", 1, 7);
        let with = |record: &mut TrialRecord, p99: Option<u64>, success| {
            record.trial.slo = Some(Slo {
                p99: p99.map(std::time::Duration::from_millis),
                success,
            });
            recovered(record)
        };
        assert_eq!(
            with(&mut record, None, Some(0.2)),
            Some(ArmFigure::Number(0.0))
        );
        assert_eq!(
            with(&mut record, None, Some(0.21)),
            Some(ArmFigure::Number(7.0))
        );
        assert_eq!(
            with(&mut record, Some(19), None),
            Some(ArmFigure::Number(7.0))
        );
        assert_eq!(
            with(&mut record, Some(18), Some(0.2)),
            Some(ArmFigure::Never)
        );
    }

    #[test]
    fn a_trial_cut_off_in_its_fault_does_not_tell() {
        let mut record = fixture::record("a", 1, 0);
        record.seconds.truncate(15);
        assert_eq!(recovered(&record), None);
    }

    #[test]
    fn rounds_fold_to_their_median_and_silence_to_silence() {
        let [two, four, never] = [
            ArmFigure::Number(2.0),
            ArmFigure::Number(4.0),
            ArmFigure::Never,
        ]
        .map(Some);
        assert_eq!(fold_rounds(&[two, never, four]), four);
        assert_eq!(fold_rounds(&[two, never, never]), never);
        assert_eq!(fold_rounds(&[two, None, four]), None);
        assert_eq!(fold_rounds(&[]), None);
    }

    #[test]
    fn never_is_a_word_in_json() {
        assert_eq!(
            serde_json::to_string(&ArmFigure::Never).unwrap(),
            "\"never\""
        );
        assert_eq!(
            serde_json::from_str::<ArmFigure>("\"never\"").unwrap(),
            ArmFigure::Never
        );
        assert_eq!(
            serde_json::from_str::<ArmFigure>("3.5").unwrap(),
            ArmFigure::Number(3.5)
        );
        assert!(serde_json::from_str::<ArmFigure>("\"soon\"").is_err());
    }
}
