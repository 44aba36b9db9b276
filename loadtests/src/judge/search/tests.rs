//! What `until` may say, and what is refused before a run.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::judge::{ClaimText, Judge};
use crate::record::fixture;
use crate::scenario::SearchUnit;

fn facts(until: &str) -> SearchFacts {
    SearchFacts {
        key: "phases.fault.duration".to_owned(),
        unit: SearchUnit::Seconds,
        of_arm: "default".to_owned(),
        until: until.to_owned(),
        runs: 5,
        precision: 1.0,
        values: vec![1.0, 2.0],
        arms: vec!["fault_1s".to_owned(), "fault_2s".to_owned()],
    }
}

fn names(search: Option<SearchFacts>) -> Vocabulary {
    Vocabulary {
        phases: vec!["before".into(), "fault".into(), "after".into()],
        warmups: vec!["warm".into()],
        search,
        steps: Some(vec![fixture::STEP.into()]),
        ..Vocabulary::default()
    }
}

fn held(until: &str, seconds_hurt: u64) -> Option<bool> {
    let rule = SearchRule::compile(&facts(until), &names(None)).unwrap();
    rule.held(&fixture::record("fault_1s", 1, seconds_hurt))
}

#[test]
fn it_speaks_of_the_figures_of_one_trial() {
    for (until, calm, hurt) in [
        ("after.goodput >= 0.95 * before.goodput", true, false),
        ("recovery_s <= 5", true, false),
        (
            "after.failures.timeout == 0 && after.failed == 0",
            true,
            false,
        ),
        (
            "after.steps[\"GET /posts/{id}\"].response_ms.p99 < 1000",
            true,
            false,
        ),
        (
            "[after.goodput, before.goodput].all(g, g > 90)",
            true,
            false,
        ),
        ("after.offered == 2000", true, true),
    ] {
        assert_eq!(held(until, 0), Some(calm), "{until}");
        assert_eq!(held(until, 20), Some(hurt), "{until}");
    }
    assert_eq!(held("after.pool_timeouts == 0", 0), None, "not measured");
}

#[test]
fn wrong_names_are_found_before_the_run_and_pointed_at() {
    for (until, column, message) in [
        (
            "aftre.goodput > 1",
            1,
            "there is no phase `aftre`; did you mean \"after\"?",
        ),
        (
            "1 < after.godput",
            11,
            "there is no figure `godput`; did you mean \"goodput\"?",
        ),
        ("warm.goodput > 1", 1, "warm-up"),
        ("goodput > 1", 1, "there is no phase `goodput`"),
        ("after > 1", 6, "a figure must follow"),
        (
            "arm.naive.after.goodput > 1",
            1,
            "write PHASE.FIGURE, without arm.NAME",
        ),
        ("after.goodput", 1, "compare it with something"),
        ("sweep(\"after.goodput\")[0] > 1", 6, "about many trials"),
        ("1 < 2", 1, "speaks of no figure, such as PHASE.goodput"),
        ("after.goodput >", 16, ""),
    ] {
        let error = SearchRule::compile(&facts(until), &names(None)).unwrap_err();
        assert!(
            error.message.contains(message),
            "{until}: {}",
            error.message
        );
        assert_eq!(
            (error.line, error.column),
            (1, column),
            "{until}: {}",
            error.message
        );
    }
}

#[test]
fn claims_of_a_search_speak_of_what_it_found_and_of_nothing_else() {
    for (check, message) in [
        (
            "arm.fault_1s.after.goodput > 1.0",
            "a claim can only speak of search(\"crossing\")",
        ),
        (
            "search(\"middle\") > 1",
            "a search has no `middle`; it is one of crossing, low, high",
        ),
        (
            "search(1) > 1",
            "search takes one text, as in search(\"crossing\")",
        ),
        (
            "after.goodput > 1",
            "there is no `after`; figures are written search(\"crossing\")",
        ),
        ("search(\"crossing\")", "compare it with something"),
        ("sweep(\"value\")[0] > 1", "the scenario has no [sweep]"),
    ] {
        let claim = ClaimText { says: "", check };
        let search = Some(facts("after.ok > 0"));
        let errors = Judge::compile(names(search), &[claim], &[]).unwrap_err();
        assert!(
            errors[0].to_string().contains(message),
            "{check}: {errors:?}"
        );
    }
    let claim = ClaimText {
        says: "",
        check: "search(\"crossing\") > 1",
    };
    let errors = Judge::compile(names(None), &[claim], &[]).unwrap_err();
    assert!(
        errors[0]
            .to_string()
            .contains("the scenario has no [search]")
    );
}

#[test]
fn figures_that_are_read_from_a_server_make_a_missed_scrape_count() {
    let rule = SearchRule::compile(&facts("after.pool_wait_p99_ms < 5"), &names(None)).unwrap();
    assert_eq!(
        rule.server_figures("fault_2s"),
        [("after".to_owned(), "pool_wait_p99_ms")]
    );
}
