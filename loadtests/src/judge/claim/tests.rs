//! What claims can say, and what is refused before a run.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::record::SweepFacts;
use crate::record::fixture;

fn names() -> Vocabulary {
    Vocabulary {
        arms: vec!["naive".into(), "retry-budget".into()],
        phases: vec!["before".into(), "fault".into(), "after".into()],
        warmups: vec!["warm".into()],
        sweep: None,
        search: None,
        payments: true,
        steps: Some(vec![fixture::STEP.into()]),
    }
}

fn judged(check: &str, trials: &[TrialRecord]) -> ClaimOutcome {
    Claim::compile("says", check, &names())
        .unwrap_or_else(|error| panic!("{error}"))
        .judge(trials)
}

fn refused(check: &str) -> ClaimError {
    Claim::compile("says", check, &names())
        .map(|_| ())
        .expect_err(check)
}

fn both_arms() -> Vec<TrialRecord> {
    vec![
        fixture::record("naive", 1, 16),
        fixture::record("retry-budget", 1, 2),
    ]
}

#[test]
fn figures_are_compared_across_arms_and_phases() {
    let trials = both_arms();
    for (check, holds) in [
        (
            "arm.naive.after.goodput <= 0.5 * arm.naive.before.goodput",
            true,
        ),
        (
            "arm.naive.after.goodput > arm.retry_budget.after.goodput",
            false,
        ),
        ("arm[\"retry-budget\"].recovery_s < 5", true),
        ("arm.naive.recovery_s > 1000000.0", true),
        ("arm.naive.fault.failures.timeout == 400", true),
        (
            "2 * arm.naive.fault.ok == 200 && arm.naive.fault.offered - 100 == 400",
            true,
        ),
        (
            "arm.naive.before.steps[\"GET /posts/{id}\"].response_ms.p99 < 25",
            true,
        ),
        (
            "[arm.naive.after.goodput, arm.retry_budget.after.goodput].all(g, g > 10)",
            true,
        ),
        (
            "arm.naive.before.pool_wait_p99_ms > 10.0 ? false : true",
            true,
        ),
    ] {
        assert_eq!(judged(check, &trials).holds, Some(holds), "{check}");
    }
}

#[test]
fn what_was_seen_is_told_in_words() {
    let seen = judged(
        "arm.naive.after.goodput < arm.naive.before.goodput",
        &both_arms(),
    )
    .observed;
    assert_eq!(
        seen,
        "naive: goodput in after = 36/s; naive: goodput in before = 100/s"
    );
    let seen = judged("arm.naive.recovery_s > 3.0", &both_arms()).observed;
    assert_eq!(seen, "naive: recovery_s = never");
}

#[test]
fn rounds_that_disagree_and_figures_without_samples_decide_nothing() {
    let check = "arm.naive.recovery_s > 5.0";
    let rounds = |hurt: [u64; 2]| {
        [
            fixture::record("naive", 1, hurt[0]),
            fixture::record("naive", 2, hurt[1]),
        ]
    };
    assert_eq!(judged(check, &rounds([7, 9])).holds, Some(true));
    assert_eq!(judged(check, &rounds([1, 2])).holds, Some(false));
    let split = judged(check, &rounds([7, 2]));
    assert_eq!(split.holds, None);
    assert_eq!(
        split.observed,
        "round 1: naive: recovery_s = 7 s | round 2: naive: recovery_s = 2 s"
    );

    let unmeasured = judged("arm.naive.before.pool_timeouts == 0.0", &both_arms());
    assert_eq!(unmeasured.holds, None);
    assert_eq!(
        unmeasured.observed,
        "naive: pool_timeouts in before was not measured"
    );
    assert_eq!(
        judged(
            "arm.naive.before.ok > 0.0 || arm.naive.before.pool_timeouts > 0.0",
            &both_arms()
        )
        .holds,
        None
    );
    assert_eq!(judged(check, &[]).holds, None, "no trial, no decision");
    assert_eq!(
        judged(check, &[fixture::record("retry-budget", 1, 0)]).holds,
        None,
        "the arm has not run"
    );
}

#[test]
fn wrong_names_are_found_before_the_run_and_pointed_at() {
    for (check, column, message) in [
        (
            "arm.naiv.after.goodput > 1.0",
            5,
            "there is no arm `naiv`; did you mean \"naive\"?",
        ),
        (
            "arm.naive.aftre.goodput > 1.0",
            11,
            "there is no phase `aftre`; did you mean \"after\"?",
        ),
        ("arm.naive.warm.goodput > 1.0", 11, "warm-up"),
        (
            "1.0 < arm.naive.after.godput",
            23,
            "there is no figure `godput`; did you mean \"goodput\"?",
        ),
        (
            "arm.naive.after.response_ms.p98 > 1.0",
            29,
            "there is no number of a distribution `p98`",
        ),
        ("arm.naive.after.response_ms > 1.0", 28, "one of p50"),
        ("arm.naive.after > 1.0", 16, "a figure must follow"),
        (
            "arm.naive.recovery_s.p99 > 1.0",
            22,
            "is a number and has no member `p99`",
        ),
        (
            "arm.naive.after.steps[\"GET /post\"].count > 1.0",
            24,
            "the only one is GET /posts/{id}",
        ),
        ("goodput > 1.0", 1, "there is no `goodput`"),
        ("arm > 1.0", 4, "an arm must follow"),
        (
            "[\"naive\"].all(a, arm[a].after.goodput > 1.0)",
            18,
            "must be named",
        ),
        ("has(arm.naive.after.goodput)", 5, "has() says nothing"),
        ("knee(\"after.goodput\") > 1.0", 6, "no [sweep]"),
        ("sweep(1) > 1.0", 6, "takes one text"),
    ] {
        let error = refused(check);
        assert!(
            error.message.contains(message),
            "{check}: {}",
            error.message
        );
        assert_eq!(
            (error.line, error.column),
            (1, column),
            "{check}: {}",
            error.message
        );
    }
    let second_line = refused("arm.naive.after.ok > 1.0 &&\n  arm.nobody.after.ok > 1.0");
    assert_eq!((second_line.line, second_line.column), (2, 7));
}

#[test]
fn what_is_no_claim_is_refused() {
    for (check, message) in [
        ("arm.naive.after.goodput", "compare it with something"),
        ("arm.naive.after.goodput + \"x\" == \"y\"", "Unsupported"),
        ("arm.naive.after.goodput > 1e6 && arm.naive.after.ok", "&&"),
        ("arm.naive.after.goodput >", ""),
        ("", ""),
        ("1.0 < 2.0", "speaks of no figure"),
        ("blip(arm.naive.after.ok)", "blip"),
        (
            "\"a\" + \"b\" == arm.naive.after.ok ? \"x\" : \"y\"",
            "a text",
        ),
    ] {
        let error = refused(check).to_string();
        assert!(error.contains(message), "{check}: {error}");
    }
}

#[test]
fn a_sweep_is_a_list_and_has_a_knee() {
    let arms: Vec<String> = ["size_1", "size_2", "size_4", "size_8"]
        .map(str::to_owned)
        .to_vec();
    let sweep = SweepFacts {
        key: "pool".into(),
        values: vec![1.0, 2.0, 4.0, 8.0],
    };
    let names = Vocabulary {
        arms: arms.clone(),
        sweep: Some(sweep),
        ..names()
    };
    let mut trials: Vec<TrialRecord> = arms.iter().map(|arm| fixture::record(arm, 1, 0)).collect();
    for (trial, goodput) in trials.iter_mut().zip([10.0, 80.0, 90.0, 91.0]) {
        trial.phases[3].goodput = goodput;
    }
    let judged = |check| {
        Claim::compile("says", check, &names)
            .unwrap_or_else(|e| panic!("{e}"))
            .judge(&trials)
    };
    for check in [
        "knee(\"after.goodput\") == 2",
        "sweep(\"after.goodput\")[3] == 91",
        "sweep(\"after.goodput\").all(g, g < 100)",
        "size(sweep(\"value\")) == 4 && sweep(\"value\")[3] == 8.0",
        "sweep(\"recovery_s\").exists(r, r == 0.0)",
    ] {
        assert_eq!(judged(check).holds, Some(true), "{check}");
    }
    let flat = judged("knee(\"before.goodput\") > 0");
    assert_eq!(flat.holds, None);
    assert_eq!(
        flat.observed,
        "the curve of goodput in before shows no knee"
    );
    assert_eq!(
        judged("sweep(\"after.goodput\")[0] < 20").observed,
        "goodput in after by pool: 1 → 10/s, 2 → 80/s, 4 → 90/s, 8 → 91/s"
    );
}

#[test]
fn figures_read_from_servers_are_told_for_each_arm() {
    let check = "arm.naive.after.pool_wait_p99_ms > arm.retry_budget.before.goodput";
    let claim = Claim::compile("says", check, &names()).unwrap();
    assert_eq!(
        claim.server_figures("naive"),
        [("after".to_owned(), "pool_wait_p99_ms")]
    );
    assert!(claim.server_figures("retry-budget").is_empty());
}

#[test]
fn what_is_wrong_with_payments_can_be_claimed_where_payments_are_checked() {
    let check = "arm.naive.double_charges > 0.0 && arm.naive.lost_charges == 0.0";
    let mut trial = fixture::record("naive", 1, 0);
    assert_eq!(judged(check, std::slice::from_ref(&trial)).holds, None);
    let kinds = crate::scenario::Violation::of_payments();
    trial.violations = Some(kinds.map(|kind| (kind, 0)).collect());
    assert_eq!(
        judged(check, std::slice::from_ref(&trial)).holds,
        Some(false)
    );
    let counts = trial.violations.as_mut().unwrap();
    counts.insert(crate::scenario::Violation::DoubleCharge, 2);
    assert_eq!(judged(check, &[trial]).holds, Some(true));
    let mut without = names();
    without.payments = false;
    let error = Claim::compile("says", check, &without).unwrap_err();
    assert!(error.to_string().contains("add [gateway]"), "{error}");
}

#[test]
fn shares_are_judged_by_their_intervals_and_told_with_them() {
    let trials = both_arms();
    let fault = "arm.naive.fault.ok, arm.naive.fault.offered";
    for (check, holds) in [
        (
            format!("share_low({fault}) > 0.166 && share_low({fault}) < 0.168"),
            true,
        ),
        (
            format!("share_high({fault}) > 0.237 && share_high({fault}) < 0.238"),
            true,
        ),
        (format!("share_low({fault}) >= 0.2"), false),
    ] {
        assert_eq!(judged(&check, &trials).holds, Some(holds), "{check}");
    }
    let seen = judged(&format!("share_low({fault}) > 0.1"), &trials).observed;
    let told = "100 of 500 are 20.0 % (between 16.7 % and 23.7 % at 95 % confidence)";
    assert!(seen.contains(told), "{seen}");
}

#[test]
fn a_share_of_nothing_is_inconclusive_and_a_misspelt_one_is_refused() {
    let none =
        "share_high(arm.naive.fault.failures.connect, arm.naive.fault.failures.connect) < 0.5";
    let judged = judged(none, &both_arms());
    assert_eq!(judged.holds, None, "{}", judged.observed);
    for check in [
        "share_low(arm.naive.fault.ok) > 0.1",
        "share_low(arm.naive.fault.ok, true) > 0.1",
        "share_middle(arm.naive.fault.ok, arm.naive.fault.offered) > 0.1",
    ] {
        refused(check);
    }
}
