//! Thresholds on made-up records.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::record::fixture;

fn names() -> Vocabulary {
    Vocabulary {
        arms: vec!["a".into(), "b".into()],
        phases: vec!["before".into(), "fault".into(), "after".into()],
        warmups: vec!["warm".into()],
        sweep: None,
        search: None,
        payments: false,
        steps: None,
    }
}

fn judged(phase: Option<&str>, rule: &str) -> ThresholdOutcome {
    let trials = [fixture::record("a", 1, 0), fixture::record("a", 2, 0)];
    let compiled = ThresholdRule::compile(Some("a"), phase, rule, &names()).unwrap();
    compiled.judge(&trials, &names()).remove(0)
}

#[test]
fn each_metric_is_judged_in_its_phase() {
    for (phase, rule, holds) in [
        ("before", "p99<25ms", true),
        ("before", "p99<19ms", false),
        ("before", "p95<0.5s for GET /posts/{id}", true),
        ("before", "avg<=11ms", true),
        ("before", "avg<10ms", false),
        ("before", "max>=20", true),
        ("fault", "p50<1900ms", false),
        ("fault", "p10<1900ms", true),
        ("fault", "error-rate<80%", false),
        ("fault", "error-rate<=80%", true),
        ("fault", "error-rate>=80% for GET /posts/{id}", true),
        ("before", "rps>=100", true),
        ("before", "rps>100", false),
    ] {
        assert_eq!(
            judged(Some(phase), rule).holds,
            Some(holds),
            "{rule} in {phase}"
        );
    }
}

#[test]
fn without_a_phase_all_judged_phases_count_together() {
    // 400 of 3,500 judged arrivals fail; the 200 of the warm-up are left out.
    let outcome = judged(None, "error-rate<11.5%");
    assert_eq!(outcome.holds, Some(true));
    assert_eq!(outcome.observed, "round 1: 11.4 % | round 2: 11.4 %");
    assert_eq!(judged(None, "error-rate<11.4%").holds, Some(false));
}

#[test]
fn no_samples_never_pass() {
    let missing = judged(None, "p99<500ms for GET /nowhere");
    assert_eq!(missing.holds, None);
    assert!(missing.observed.contains("no samples"));
    for rule in ["error-rate<50% for GET /nowhere", "rps<50 for GET /nowhere"] {
        assert_eq!(judged(None, rule).holds, None, "{rule}");
    }
    let not_run = ThresholdRule::compile(Some("b"), None, "p99<1s", &names()).unwrap();
    assert_eq!(
        not_run.judge(&[fixture::record("a", 1, 0)], &names())[0].holds,
        None
    );
}

#[test]
fn without_an_arm_every_arm_is_judged_by_itself() {
    let rule = ThresholdRule::compile(None, Some("after"), "p95<1s", &names()).unwrap();
    let outcomes = rule.judge(
        &[fixture::record("a", 1, 0), fixture::record("b", 1, 9)],
        &names(),
    );
    assert_eq!(
        outcomes
            .iter()
            .map(|o| (o.arm.as_str(), o.holds))
            .collect::<Vec<_>>(),
        [("a", Some(true)), ("b", Some(false))]
    );
    let only_one = rule.judge(&[fixture::record("a", 1, 0)], &names());
    assert_eq!(only_one.len(), 1, "an arm that was left out is not judged");
}

#[test]
fn names_are_checked() {
    let refused = |arm, phase, rule, names: &Vocabulary| {
        ThresholdRule::compile(arm, phase, rule, names)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(Some("c"), None, "p99<1s", &names()).contains("there is no arm `c`"));
    assert!(refused(None, Some("befor"), "p99<1s", &names()).contains("did you mean \"before\"?"));
    assert!(refused(None, Some("warm"), "p99<1s", &names()).contains("warm-up"));
    assert!(refused(None, None, "p99<1h", &names()).contains("`1h` is not a time"));
    let steps = Vocabulary {
        steps: Some(vec!["GET /posts".into()]),
        ..names()
    };
    assert!(
        refused(None, None, "p99<1s for GET /post", &steps)
            .contains("did you mean \"GET /posts\"?")
    );
}
