//! Whether a trial says anything about the service, or only about the generator.
//!
//! A trial in which the generator was late, short of users or of resources is invalid however
//! healthy the service looked.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::figures::Unit;
use crate::record::{PhaseRecord, Validity};
use crate::scenario::LoadModel;

/// The latest that 99 of 100 arrivals may be released, and taken up by users that were idle.
const LAG_P99_MS: f64 = 5.0;
/// From this share of the processor time on, what the host of a virtual machine took is worth naming.
const STOLEN_SHARE: f64 = 0.01;
/// A phase of fewer arrivals has no p99 of its own worth the name, only a few late ones: it is
/// judged together with the others.
const ENOUGH_FOR_P99: u64 = 1000;

/// What the generator knows against itself.
#[derive(Debug, Clone, Default)]
pub struct GeneratorAccount {
    /// Arrivals that found no idle user when they were due.
    pub waited_for_user: u64,
    /// How late 99 of 100 arrivals of all judged phases together were released at most.
    pub release_lag_p99_ms: Option<f64>,
    /// The same, taken up by users that were idle.
    pub start_lag_p99_ms: Option<f64>,
    /// The same of each phase.
    pub phase_start_lag_p99_ms: Vec<Option<f64>>,
    /// The share of this machine's processor time that its host took, where that is told.
    pub stolen_share: Option<f64>,
    /// Resources that it ran out of, in words: "open files (limit 1024)".
    pub exhausted: Vec<String>,
    /// By phase: the figures whose readings are incomplete because a scrape was missed.
    pub incomplete: BTreeMap<String, BTreeSet<&'static str>>,
}

/// Judges the generator, not the service. `needed`: phase and figure that claims read from servers.
pub fn assess(
    model: &LoadModel,
    phases: &[PhaseRecord],
    generator: &GeneratorAccount,
    needed: &BTreeSet<(String, &'static str)>,
) -> Validity {
    let mut reasons = Vec::new();
    if let LoadModel::Open { users, .. } = model {
        reasons.extend(late_arrivals(phases, generator));
        if generator.waited_for_user > 0 {
            reasons.push(format!(
                "{} arrivals had to wait for a free user: {users} users are too few; raise [load] users or lower the deadline",
                generator.waited_for_user
            ));
        }
        reasons.extend(phases.iter().filter_map(unsent));
    }
    reasons.extend(
        generator
            .exhausted
            .iter()
            .map(|resource| format!("the generator ran out of {resource}")),
    );
    for (phase, figure) in needed {
        if generator
            .incomplete
            .get(phase)
            .is_some_and(|missed| missed.contains(figure))
        {
            reasons.push(format!(
                "a scrape was missed in {phase}, so {figure}, which a claim needs, is incomplete"
            ));
        }
    }
    Validity { reasons }
}

/// Users that are not run in time are as bad as tickets that are not released in time: what either
/// adds to response times is not the service's.
fn late_arrivals(phases: &[PhaseRecord], generator: &GeneratorAccount) -> Vec<String> {
    let late = |what: &str, release, start| {
        too_late("released", what, release).or_else(|| too_late("begun", what, start))
    };
    let by_phase = phases.iter().enumerate();
    let mut reasons: Vec<String> = by_phase
        .filter(|(_, phase)| !phase.warmup && phase.counts.offered >= ENOUGH_FOR_P99)
        .filter_map(|(at, phase)| {
            let start = generator.phase_start_lag_p99_ms.get(at).copied().flatten();
            late(&phase.name, phase.release_lag_ms.p99, start)
        })
        .collect();
    if reasons.is_empty() {
        reasons.extend(late(
            "the judged phases together",
            generator.release_lag_p99_ms,
            generator.start_lag_p99_ms,
        ));
    }
    if !reasons.is_empty() {
        reasons.extend(generator.stolen_share.and_then(stolen));
    }
    reasons
}

fn too_late(done: &str, what: &str, p99: Option<f64>) -> Option<String> {
    let lag = p99.filter(|lag| *lag > LAG_P99_MS)?;
    let (lag, most) = (
        Unit::Milliseconds.show(lag),
        Unit::Milliseconds.show(LAG_P99_MS),
    );
    Some(format!(
        "arrivals were {done} late in {what}: lag p99 {lag}, more than {most}"
    ))
}

/// Why the generator was late, where that was not its own doing. A machine of which time is taken is no
/// reason by itself: what matters is whether arrivals were in time.
fn stolen(share: f64) -> Option<String> {
    (share >= STOLEN_SHARE).then(|| {
        format!(
            "the host of this virtual machine took {:.0} % of its processor time meanwhile: measure when others need less of it",
            100.0 * share
        )
    })
}

fn unsent(phase: &PhaseRecord) -> Option<String> {
    let unsent = phase.counts.unsent;
    (unsent > 0).then(|| format!("{unsent} arrivals of {} were never sent", phase.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    fn reasons(change: impl FnOnce(&mut Vec<PhaseRecord>, &mut GeneratorAccount)) -> Vec<String> {
        let record = fixture::record("a", 1, 0);
        let mut phases = record.phases;
        let mut generator = GeneratorAccount::default();
        change(&mut phases, &mut generator);
        let needed = BTreeSet::from([("after".to_owned(), "pool_wait_p99_ms")]);
        assess(&record.trial.load.model, &phases, &generator, &needed).reasons
    }

    #[test]
    fn a_generator_that_kept_its_times_is_valid_however_the_service_did() {
        assert!(reasons(|_, _| ()).is_empty());
        assert!(reasons(|phases, _| phases[3].counts.failed = phases[3].counts.offered).is_empty());
    }

    #[test]
    fn time_that_the_host_took_explains_why_arrivals_were_late_and_is_no_reason_by_itself() {
        let late_with = |share| {
            reasons(|phases, generator| {
                phases[3].release_lag_ms.p99 = Some(7.0);
                generator.stolen_share = share;
            })
        };
        let told = late_with(Some(0.18));
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[1].contains("took 18 % of its processor time"),
            "{told:?}"
        );
        for little in [None, Some(0.0), Some(0.002)] {
            assert_eq!(late_with(little).len(), 1);
        }
        assert!(reasons(|_, generator| generator.stolen_share = Some(0.5)).is_empty());
    }

    #[test]
    fn each_fault_of_the_generator_is_a_reason() {
        let one = |reasons: Vec<String>, text: &str| {
            assert_eq!(reasons.len(), 1, "{reasons:?}");
            assert!(reasons[0].contains(text), "{reasons:?}");
        };
        one(
            reasons(|phases, _| {
                phases[1].release_lag_ms.p99 = Some(5.01);
                phases[1].counts.offered = ENOUGH_FOR_P99;
            }),
            "released late in before",
        );
        one(
            reasons(|_, generator| generator.release_lag_p99_ms = Some(5.01)),
            "released late in the judged phases together",
        );
        one(
            reasons(|_, generator| generator.start_lag_p99_ms = Some(5.01)),
            "begun late in the judged phases together",
        );
        one(
            reasons(|phases, generator| {
                phases[1].counts.offered = ENOUGH_FOR_P99;
                generator.phase_start_lag_p99_ms = vec![None, Some(5.01)];
            }),
            "begun late in before",
        );
        one(
            reasons(|_, generator| generator.waited_for_user = 3),
            "3 arrivals had to wait",
        );
        one(
            reasons(|phases, _| phases[3].counts.unsent = 2),
            "2 arrivals of after were never sent",
        );
        one(
            reasons(|_, generator| generator.exhausted.push("open files".into())),
            "ran out of open files",
        );
        one(
            reasons(|_, generator| {
                generator
                    .incomplete
                    .insert("after".into(), BTreeSet::from(["pool_wait_p99_ms"]));
            }),
            "pool_wait_p99_ms, which a claim needs",
        );
    }

    #[test]
    fn the_limit_itself_and_scrapes_that_nothing_needs_are_no_reason() {
        let at_the_limit = |phases: &mut Vec<PhaseRecord>, _: &mut GeneratorAccount| {
            phases[1].release_lag_ms.p99 = Some(5.0);
            phases[1].counts.offered = ENOUGH_FOR_P99;
        };
        assert!(reasons(at_the_limit).is_empty());
        let missed_elsewhere = |_: &mut Vec<PhaseRecord>, generator: &mut GeneratorAccount| {
            generator
                .incomplete
                .insert("before".into(), BTreeSet::from(["pool_wait_p99_ms"]));
            generator
                .incomplete
                .insert("after".into(), BTreeSet::from(["sql_p99_ms"]));
        };
        assert!(reasons(missed_elsewhere).is_empty());
    }

    #[test]
    fn a_warm_up_and_a_handful_of_arrivals_are_not_judged_by_a_p99_of_their_own() {
        assert!(
            reasons(|phases, _| {
                phases[1].release_lag_ms.p99 = Some(50.0);
                phases[1].counts.offered = ENOUGH_FOR_P99 - 1;
            })
            .is_empty()
        );
        assert!(
            reasons(|phases, _| {
                phases[1].release_lag_ms.p99 = Some(50.0);
                phases[1].counts.offered = 2 * ENOUGH_FOR_P99;
                phases[1].warmup = true;
            })
            .is_empty()
        );
    }

    #[test]
    fn a_closed_model_has_no_lag_to_be_judged_by() {
        let mut record = fixture::record("a", 1, 0);
        record.phases[1].release_lag_ms.p99 = Some(50.0);
        let model = LoadModel::Closed { users: 5 };
        let account = GeneratorAccount {
            release_lag_p99_ms: Some(50.0),
            ..GeneratorAccount::default()
        };
        assert!(assess(&model, &record.phases, &account, &BTreeSet::new()).is_valid());
    }
}
