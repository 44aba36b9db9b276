//! What the reader of a report finds in it, on small records made in code.

#![allow(clippy::unwrap_used)]

mod boundary;

use crate::judge::{ClaimText, Judge, ThresholdText, Vocabulary};
use crate::record::store::{StoredRecord, TrialHistograms};
use crate::record::{
    Finding, PhaseRecord, Quantiles, RecordDocument, TrialRecord, Verdict, fixture,
};

use super::{Evidence, Refusal, Rendered, refusal, render, render_evidence, splice};

/// Two arms and two rounds; `naive` takes 9 s to recover, `budget` 2 s.
fn trials() -> Vec<TrialRecord> {
    let rounds = [
        ("naive", 1, 9),
        ("budget", 1, 2),
        ("budget", 2, 2),
        ("naive", 2, 9),
    ];
    rounds
        .into_iter()
        .map(|(arm, round, hurt)| fixture::record(arm, round, hurt))
        .collect()
}

fn stored(trials: &[TrialRecord], change: impl FnOnce(&mut RecordDocument)) -> StoredRecord {
    let names = Vocabulary {
        arms: vec!["naive".into(), "budget".into()],
        phases: vec!["before".into(), "fault".into(), "after".into()],
        warmups: vec!["warm".into()],
        ..Vocabulary::default()
    };
    let claims = [
        ClaimText {
            says: "The storm outlives its cause",
            check: "arm.naive.recovery_s > 5",
        },
        ClaimText {
            says: "A budget loses nothing",
            check: "arm.budget.after.failed == 0",
        },
        ClaimText {
            says: "Nobody waits in vain",
            check: "arm.budget.after.pool_timeouts == 0.0",
        },
    ];
    let thresholds = [ThresholdText {
        arm: Some("budget"),
        phase: Some("after"),
        rule: "p99<500ms",
    }];
    let judge = Judge::compile(names, &claims, &thresholds).unwrap();
    let facts = fixture::facts(&["naive", "budget"], None);
    let mut document = RecordDocument::assemble(&facts, trials, judge.decide(trials, false, false));
    change(&mut document);
    let histograms: TrialHistograms = trials
        .iter()
        .map(|record| {
            let names = record.phases.iter().map(|phase| phase.name.clone());
            let phases = names.zip(record.histograms.iter().cloned()).collect();
            ((record.trial.arm.clone(), record.trial.round), phases)
        })
        .collect();
    StoredRecord {
        document,
        histograms,
    }
}

fn rendered(change: impl FnOnce(&mut RecordDocument)) -> Rendered {
    render(&stored(&trials(), change)).unwrap()
}

/// Where a text stands, so that the order of a report can be asserted.
fn place(report: &str, text: &str) -> usize {
    report
        .find(text)
        .unwrap_or_else(|| panic!("{text:?} is missing in {report}"))
}

#[test]
fn the_verdict_comes_first_and_every_claim_says_what_was_seen() {
    let Rendered { markdown, html, .. } = rendered(|_| ());
    for report in [&markdown, &html] {
        let verdict = place(report, "FAIL");
        let claim = place(report, "The storm outlives its cause");
        assert!(verdict < claim && claim < place(report, "Retries make it worse."));
        place(
            report,
            "1 of 3 claims held, 1 undecided; 0 of 1 threshold held",
        );
        place(report, "recovery");
        place(report, "Test CPU");
        place(report, "commit 0123456789abcdef");
        place(report, "db.pool.max");
    }
    place(&markdown, "- ✔ **holds**: The storm outlives its cause");
    place(&markdown, "- ✘ **does not hold**: A budget loses nothing");
    place(&markdown, "- ? **undecided**: Nobody waits in vain");
    place(&markdown, "seen: round 1: naive: recovery\\_s = 9 s");
    place(
        &markdown,
        "| fault | naive | 500 | 100 | 400 (timeout) | 20/s |",
    );
}

#[test]
fn what_must_not_be_overlooked_is_above_everything() {
    let quick = rendered(|document| {
        document.quick = true;
        document.verdict = Verdict::Pass;
    });
    for report in [&quick.markdown, &quick.html] {
        assert!(place(report, "NO EVIDENCE") < place(report, "Everything ran."));
        assert!(!report.contains("PASS"), "a smoke run passes nothing");
    }
    let mut invalid = trials();
    invalid[1]
        .validity
        .reasons
        .push("arrivals were released late in after".into());
    let invalid = render(&stored(&invalid, |_| ())).unwrap();
    for report in [&invalid.markdown, &invalid.html] {
        assert!(
            place(report, "INVALID: the load generator")
                < place(report, "say nothing about the service")
        );
        place(
            report,
            "budget, round 1: arrivals were released late in after",
        );
    }
    let mut wrong = trials();
    wrong[1].findings.push(Finding {
        code: "double_charge".into(),
        detail: "1: order 7".into(),
        fails: true,
    });
    let wrong = render(&stored(&wrong, |document| document.verdict = Verdict::Fail)).unwrap();
    for (report, code) in [
        (&wrong.markdown, "double\\_charge"),
        (&wrong.html, "double_charge"),
    ] {
        let found = place(report, &format!("budget, round 1: {code}: 1: order 7"));
        assert!(found < place(report, "Checks found what must not happen"));
    }
    place(
        &wrong.junit,
        r#"<failure message="double_charge: 1: order 7""#,
    );
    let cut = rendered(|document| document.verdict = Verdict::Interrupted);
    place(&cut.html, "INTERRUPTED: the run was cut short");
}

#[test]
fn names_cannot_act_as_markup() {
    let evil = "<script>alert(1)</script>";
    let report = rendered(|document| {
        evil.clone_into(&mut document.title);
        evil.clone_into(&mut document.arms[0].name);
        evil.clone_into(&mut document.claims[0].says);
        evil.clone_into(&mut document.claims[0].observed);
        document
            .series
            .iter_mut()
            .for_each(|row| row.arm = evil.to_owned());
        document.arms[0].rounds[0].events[0].detail = evil.to_owned();
        document.arms[0].rounds[0].phases[1].name = evil.to_owned();
    });
    assert!(!report.html.contains("<script"));
    assert!(!report.markdown.contains("<script"));
    assert!(!report.junit.contains("<script"));
    assert!(
        report
            .charts
            .iter()
            .all(|chart| !chart.svg.contains("<script"))
    );
    assert!(
        report
            .charts
            .iter()
            .all(|chart| !chart.name.contains(['<', '/', '(']))
    );
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let html = rendered(|_| ()).html;
    for outside in ["src=", "href=", "@import", "url(", "<script"] {
        assert!(!html.contains(outside), "{outside}");
    }
    // The only address is the name of the SVG language.
    assert_eq!(
        html.matches("http").count(),
        html.matches("http://www.w3.org/2000/svg").count()
    );
}

#[test]
fn a_phase_without_samples_shows_dashes() {
    let report = rendered(|document| {
        for phase in document
            .arms
            .iter_mut()
            .flat_map(|arm| &mut arm.rounds)
            .flat_map(|round| &mut round.phases)
        {
            silence(phase);
        }
        for row in &mut document.series {
            row.second.p50_ms = None;
            row.second.p99_ms = None;
        }
    });
    place(
        &report.markdown,
        "| before | naive | 0 | 0 | 0 | 0/s | – | – | – | – |",
    );
    for text in [&report.markdown, &report.html]
        .into_iter()
        .chain(report.charts.iter().map(|chart| &chart.svg))
    {
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}

fn silence(phase: &mut PhaseRecord) {
    phase.counts = crate::record::Counts::default();
    phase.goodput = 0.0;
    phase.failures.clear();
    phase.response_ms = Quantiles::default();
}

#[test]
fn nothing_measured_still_renders() {
    let record = stored(&[], |_| ());
    let report = render(&StoredRecord {
        histograms: TrialHistograms::new(),
        ..record
    })
    .unwrap();
    place(&report.markdown, "INCONCLUSIVE");
    place(&report.junit, "not run");
    assert!(report.charts.is_empty());
}

#[test]
fn the_same_record_gives_the_same_bytes() {
    assert!(rendered(|_| ()) == rendered(|_| ()));
}

#[test]
fn charts_are_files_that_the_markdown_shows() {
    let report = rendered(|_| ());
    let names: Vec<&str> = report
        .charts
        .iter()
        .map(|chart| chart.name.as_str())
        .collect();
    for name in [
        "goodput.svg",
        "p99.svg",
        "spectrum.svg",
        "arm-naive-throughput.svg",
        "arm-budget-latency.svg",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert_eq!(report.markdown.matches("](charts/").count(), names.len());
    let goodput = &report.charts[0].svg;
    for seen in [
        ">naive<",
        ">budget<",
        ">offered<",
        "database: latency 50 ms",
        "seconds from the start",
    ] {
        place(goodput, seen);
    }
}

#[test]
fn a_breaker_that_opened_is_drawn_and_one_that_never_did_is_not() {
    let report = rendered(|document| {
        let naive = document.arms.iter_mut().find(|arm| arm.name == "naive");
        let round = &mut naive.unwrap().rounds[0];
        for (at_s, kind) in [(3.0, "breaker_open"), (5.0, "breaker_half_open")] {
            let mut event = round.events[0].clone();
            (event.at_s, event.kind) = (at_s, kind.to_owned());
            round.events.push(event);
        }
    });
    let latency = |arm: &str| {
        let name = format!("arm-{arm}-latency.svg");
        let chart = report.charts.iter().find(|chart| chart.name == name);
        chart.unwrap().svg.clone()
    };
    for state in [">breaker open<", ">breaker half-open<"] {
        assert!(latency("naive").contains(state));
        assert!(!latency("budget").contains(state));
    }
}

#[test]
fn junit_counts_what_is_undecided_as_an_error() {
    let xml = rendered(|_| ()).junit;
    place(&xml, r#"tests="12" skipped="0" failures="2" errors="1""#);
    let quick = rendered(|document| document.quick = true).junit;
    place(&quick, r#"tests="12" skipped="8" failures="0" errors="0""#);
}

#[test]
fn a_sweep_is_drawn_with_its_knee_and_says_why_there_is_no_fit() {
    let arms = ["size_1", "size_2", "size_4", "size_8"];
    let sweep = |goodputs: [f64; 4]| {
        let mut trials: Vec<TrialRecord> =
            arms.iter().map(|arm| fixture::record(arm, 1, 0)).collect();
        for (trial, goodput) in trials.iter_mut().zip(goodputs) {
            trial
                .phases
                .iter_mut()
                .for_each(|phase| phase.goodput = goodput);
        }
        let facts = fixture::facts(&arms, Some(vec![1.0, 2.0, 4.0, 8.0]));
        let decisions = Judge::compile(Vocabulary::default(), &[], &[])
            .unwrap()
            .decide(&trials, false, false);
        let document = RecordDocument::assemble(&facts, &trials, decisions);
        render(&StoredRecord {
            document,
            histograms: TrialHistograms::new(),
        })
        .unwrap()
    };
    let rising = sweep([10.0, 80.0, 90.0, 91.0]);
    place(&rising.charts[0].svg, "knee: 2");
    place(&rising.markdown, "No USL curve is drawn");
    // On the curve of X1 = 10, contention 0.05, coherency 0.05: the peak is at 4.4.
    let peaked = sweep([10.0, 17.391_304, 22.857_142, 19.277_108]);
    place(&peaked.markdown, "peak at 4.36");
    place(&peaked.charts[0].svg, "Universal Scalability Law");
}

#[test]
fn only_full_and_committed_runs_are_evidence() {
    let refused = |change: fn(&mut RecordDocument)| refusal(&stored(&trials(), change).document);
    assert_eq!(refused(|_| ()), None);
    assert_eq!(
        refused(|document| document.verdict = Verdict::Invalid),
        None,
        "an invalid run is shown as invalid"
    );
    assert_eq!(
        refused(|document| document.quick = true),
        Some(Refusal::Quick)
    );
    assert_eq!(
        refused(|document| document.git = None),
        Some(Refusal::NoCommit)
    );
    assert_eq!(
        refused(|document| document.git.as_mut().unwrap().dirty = true),
        Some(Refusal::Dirty)
    );
    assert_eq!(
        refused(|document| document.verdict = Verdict::Interrupted),
        Some(Refusal::Interrupted)
    );
}

#[test]
fn stale_evidence_says_so() {
    let record = stored(&trials(), |_| ());
    let page = |now: Option<String>| {
        let chart_dir = "scenarios/evidence/storm/charts".to_owned();
        render_evidence(&[Evidence {
            record: &record,
            chart_dir,
            scenario_sha256_now: now,
        }])
    };
    let fresh = page(Some(record.document.scenario_sha256.clone()));
    assert!(!fresh.contains("STALE"));
    place(&fresh, "](scenarios/evidence/storm/charts/goodput.svg)");
    place(&page(Some("ff".into())), "STALE");
    place(&page(None), "STALE");
}

#[test]
fn evidence_replaces_itself_and_nothing_else() {
    let first = splice("# Results\n\nWritten by hand.\n", "old");
    let with_tail = format!("{first}\nAlso by hand.\n");
    let second = splice(&with_tail, "new");
    place(&second, "Written by hand.");
    place(&second, "Also by hand.");
    place(&second, "new");
    assert!(!second.contains("old"));
    assert_eq!(
        splice(&second, "new"),
        second,
        "the same evidence leaves the page as it is"
    );
    let empty = splice("", "new");
    assert_eq!(splice(&empty, "new"), empty);
}
