//! From what was found to one verdict and one exit code.

use crate::record::{ClaimOutcome, ThresholdOutcome, TrialRecord, Verdict};

/// The greatest that applies; a quick run is decided by its validity alone.
pub fn verdict(
    trials: &[TrialRecord],
    claims: &[ClaimOutcome],
    thresholds: &[ThresholdOutcome],
    quick: bool,
    interrupted: bool,
) -> Verdict {
    let trials: Vec<&TrialRecord> = trials.iter().collect();
    verdict_on(&trials, claims, thresholds, quick, interrupted)
}

/// The verdict on some of a run's trials.
pub fn verdict_on(
    trials: &[&TrialRecord],
    claims: &[ClaimOutcome],
    thresholds: &[ThresholdOutcome],
    quick: bool,
    interrupted: bool,
) -> Verdict {
    let of_runs = if interrupted || trials.iter().any(|record| record.interrupted) {
        Verdict::Interrupted
    } else if trials.iter().any(|record| !record.validity.is_valid()) {
        Verdict::Invalid
    } else if !quick && fails_by_findings(trials) {
        Verdict::Fail
    } else if trials.iter().all(|record| offered(record) == 0)
        || nothing_shown(trials, claims, thresholds)
    {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    };
    let outcomes = claims
        .iter()
        .map(|claim| claim.holds)
        .chain(thresholds.iter().map(|threshold| threshold.holds));
    let of_rules = outcomes
        .filter(|_| !quick)
        .map(|holds| match holds {
            Some(true) => Verdict::Pass,
            Some(false) => Verdict::Fail,
            None => Verdict::Inconclusive,
        })
        .max();
    of_rules.map_or(of_runs, |of_rules| of_rules.max(of_runs))
}

/// Nothing was claimed, and nothing succeeded: there is no sample to call this a pass.
fn nothing_shown(
    trials: &[&TrialRecord],
    claims: &[ClaimOutcome],
    thresholds: &[ThresholdOutcome],
) -> bool {
    let mut phases = trials.iter().flat_map(|record| &record.phases);
    claims.is_empty() && thresholds.is_empty() && phases.all(|phase| phase.counts.ok == 0)
}

/// A checker found something that nobody expected.
fn fails_by_findings(trials: &[&TrialRecord]) -> bool {
    let mut findings = trials.iter().flat_map(|record| &record.findings);
    findings.any(|finding| finding.fails)
}

fn offered(record: &TrialRecord) -> u64 {
    record.phases.iter().map(|phase| phase.counts.offered).sum()
}

/// The exit code for the verdicts of one or several scenarios: 130, then 1, then 5 for an invalid
/// trial, then 3, then 5 for an inconclusive one.
pub fn exit_code(verdicts: &[Verdict], environment_failed: bool) -> u8 {
    match verdicts.iter().max() {
        Some(Verdict::Interrupted) => 130,
        _ if environment_failed => 1,
        Some(Verdict::Invalid | Verdict::Inconclusive) => 5,
        Some(Verdict::Fail) => 3,
        Some(Verdict::Pass) | None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    fn claim(holds: Option<bool>) -> ClaimOutcome {
        ClaimOutcome {
            says: String::new(),
            check: String::new(),
            holds,
            observed: String::new(),
        }
    }

    fn threshold(holds: Option<bool>) -> ThresholdOutcome {
        ThresholdOutcome {
            arm: String::new(),
            phase: None,
            rule: String::new(),
            holds,
            observed: String::new(),
        }
    }

    #[test]
    fn the_gravest_finding_decides() {
        let good = vec![fixture::record("a", 1, 0)];
        let mut invalid = good.clone();
        invalid[0].validity.reasons.push("late".into());
        let mut cut = invalid.clone();
        cut[0].interrupted = true;
        let (yes, no, unknown) = (Some(true), Some(false), None);
        for (trials, claims, thresholds, wanted, code) in [
            (&good, vec![], vec![], Verdict::Pass, 0),
            (&good, vec![yes, yes], vec![yes], Verdict::Pass, 0),
            (&good, vec![yes, no], vec![yes], Verdict::Fail, 3),
            (&good, vec![yes], vec![no], Verdict::Fail, 3),
            (&good, vec![yes, unknown], vec![], Verdict::Inconclusive, 5),
            (&good, vec![no, unknown], vec![], Verdict::Fail, 3),
            (&good, vec![], vec![unknown], Verdict::Inconclusive, 5),
            (&invalid, vec![yes], vec![], Verdict::Invalid, 5),
            (&invalid, vec![no], vec![no], Verdict::Invalid, 5),
            (&cut, vec![no], vec![], Verdict::Interrupted, 130),
        ] {
            let claims: Vec<_> = claims.into_iter().map(claim).collect();
            let thresholds: Vec<_> = thresholds.into_iter().map(threshold).collect();
            let found = verdict(trials, &claims, &thresholds, false, false);
            assert_eq!(found, wanted);
            assert_eq!(exit_code(&[found], false), code);
        }
        assert_eq!(
            verdict(&good, &[claim(no)], &[], false, true),
            Verdict::Interrupted
        );
    }

    #[test]
    fn a_quick_run_is_not_decided_by_its_claims_but_by_its_validity() {
        let mut trials = vec![fixture::record("a", 1, 0)];
        assert_eq!(
            verdict(
                &trials,
                &[claim(Some(false))],
                &[threshold(None)],
                true,
                false
            ),
            Verdict::Pass
        );
        trials[0].validity.reasons.push("late".into());
        assert_eq!(verdict(&trials, &[], &[], true, false), Verdict::Invalid);
    }

    #[test]
    fn a_grave_finding_fails_the_run_whatever_is_claimed_and_others_do_not() {
        let mut trials = vec![fixture::record("a", 1, 0)];
        trials[0].findings.push(crate::record::Finding {
            code: "orphan".into(),
            detail: "1: charge 5".into(),
            fails: false,
        });
        let held = [claim(Some(true))];
        let pass = verdict(&trials, &held, &[], false, false);
        assert_eq!(pass, Verdict::Pass);
        trials[0].findings[0].fails = true;
        let fail = verdict(&trials, &held, &[], false, false);
        assert_eq!((fail, exit_code(&[fail], false)), (Verdict::Fail, 3));
        assert_eq!(verdict(&trials, &[], &[], true, false), Verdict::Pass);
        let unknown = [claim(None)];
        let fail = verdict(&trials, &unknown, &[], false, false);
        assert_eq!(fail, Verdict::Fail);
    }

    #[test]
    fn nothing_claimed_and_nothing_answered_is_never_a_pass() {
        let mut dead = fixture::record("a", 1, 0);
        for phase in &mut dead.phases {
            phase.counts.failed += std::mem::take(&mut phase.counts.ok);
        }
        let trials = [dead];
        let found = verdict(&trials, &[], &[], false, false);
        assert_eq!(found, Verdict::Inconclusive);
        let failed_as_claimed = verdict(&trials, &[claim(Some(true))], &[], false, false);
        assert_eq!(failed_as_claimed, Verdict::Pass);
    }

    #[test]
    fn nothing_sent_is_never_a_pass() {
        assert_eq!(verdict(&[], &[], &[], false, false), Verdict::Inconclusive);
        let mut silent = fixture::record("a", 1, 0);
        silent
            .phases
            .iter_mut()
            .for_each(|phase| phase.counts.offered = 0);
        assert_eq!(
            verdict(&[silent], &[], &[], true, false),
            Verdict::Inconclusive
        );
    }

    #[test]
    fn exit_codes_of_several_scenarios_follow_their_precedence() {
        use Verdict::{Fail, Inconclusive, Interrupted, Invalid, Pass};
        for (verdicts, environment_failed, code) in [
            (vec![Pass, Fail, Inconclusive], false, 3),
            (vec![Fail, Invalid], false, 5),
            (vec![Pass, Inconclusive], false, 5),
            (vec![Invalid], true, 1),
            (vec![Interrupted, Invalid], true, 130),
            (vec![], true, 1),
            (vec![], false, 0),
        ] {
            assert_eq!(
                exit_code(&verdicts, environment_failed),
                code,
                "{verdicts:?} {environment_failed}"
            );
        }
    }
}
