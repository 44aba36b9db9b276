//! What the reader of a search's report finds, and where a request's time goes.

use super::place;
use crate::judge::{Judge, Vocabulary};
use crate::record::store::{StoredRecord, TrialHistograms};
use crate::record::{RecordDocument, SearchFacts, TrialRecord, fixture};
use crate::report::{Rendered, render};
use crate::scenario::SearchUnit;

const ARMS: [&str; 5] = [
    "brownout_2s",
    "brownout_6s",
    "brownout_9s",
    "brownout_10s",
    "brownout_20s",
];
const VALUES: [f64; 5] = [2.0, 6.0, 9.0, 10.0, 20.0];

/// Five runs of each value, of which so many recover.
fn searched(held: [usize; 5]) -> Rendered {
    let facts = SearchFacts {
        key: "phases.brownout.duration".to_owned(),
        unit: SearchUnit::Seconds,
        of_arm: "naive".to_owned(),
        until: "after.goodput >= 0.95 * before.goodput".to_owned(),
        runs: 5,
        precision: 1.0,
        values: VALUES.to_vec(),
        arms: ARMS.map(str::to_owned).to_vec(),
    };
    let names = Vocabulary {
        phases: vec!["before".into(), "fault".into(), "after".into()],
        search: Some(facts),
        ..Vocabulary::default()
    };
    let judge = Judge::compile(names, &[], &[]).unwrap();
    let mut trials: Vec<TrialRecord> = Vec::new();
    for (arm, held) in ARMS.iter().zip(held) {
        trials.extend((0..5).map(|run| {
            let hurt_after = if run < held { 0 } else { 20 };
            fixture::record(arm, run as u32 + 1, hurt_after)
        }));
    }
    let decisions = judge.decide(&trials, false, false);
    let document = RecordDocument::assemble(&fixture::facts(&ARMS, None), &trials, decisions);
    let written = serde_json::to_string(&document).unwrap();
    let read: RecordDocument = serde_json::from_str(&written).unwrap();
    assert_eq!(read, document, "a record is read as it was written");
    render(&StoredRecord {
        document,
        histograms: TrialHistograms::new(),
    })
    .unwrap()
}

#[test]
fn a_search_is_told_in_a_sentence_a_chart_and_a_table() {
    let report = searched([5, 5, 4, 1, 0]);
    let sentence = "holds in half of the runs at phases.brownout.duration = 9.5 s (95 % interval: 6 s to 20 s); below that in most runs, above it in few.";
    place(&report.html, sentence);
    place(&report.markdown, &sentence.replace('_', "\\_"));
    place(&report.markdown, "| 9 s | 5 | 4 | 80 % |");
    place(&report.html, "in how many of its runs `after.goodput");
    place(
        &report.markdown,
        "phases.brownout.duration of naive, in steps of 1 s; 5 runs of each value",
    );
    let chart = &report.charts[0];
    assert_eq!(chart.name, "search.svg");
    for seen in [
        "How often it holds, by phases.brownout.duration",
        "crossing between 6 s and 20 s",
        ">9.5 s<",
        "share of 5 runs that hold",
        "half of the runs",
        ">100 %<",
    ] {
        place(&chart.svg, seen);
    }
    let circles = chart.svg.matches("<circle class=\"dot").count();
    let intervals = chart.svg.matches("<path class=\"s s7\"").count();
    assert_eq!((circles, intervals), (5, 5));
}

#[test]
fn timelines_that_differ_do_not_share_a_chart() {
    let report = searched([5, 5, 5, 0, 0]);
    let names: Vec<&str> = report
        .charts
        .iter()
        .map(|chart| chart.name.as_str())
        .collect();
    assert!(!names.contains(&"goodput.svg"), "{names:?}");
    assert!(
        names.contains(&"arm-brownout-9s-throughput.svg"),
        "{names:?}"
    );
}

#[test]
fn a_search_without_a_boundary_says_so_and_marks_none() {
    let report = searched([5, 5, 5, 5, 5]);
    place(
        &report.html,
        "there is no boundary to be found between them",
    );
    place(
        &report.markdown,
        "**INCONCLUSIVE** · The search found no boundary.",
    );
    let chart = &report.charts[0].svg;
    assert!(!chart.contains("class=\"mark\"") && !chart.contains("class=\"interval\""));
}

fn with_split(split: impl Fn(&str, &str) -> Vec<(&'static str, f64)>) -> Rendered {
    let mut trials = vec![
        fixture::record("naive", 1, 9),
        fixture::record("budget", 1, 2),
    ];
    for trial in &mut trials {
        for phase in &mut trial.phases {
            for (part, millis) in split(&trial.trial.arm, &phase.name) {
                phase
                    .server
                    .insert(format!("split_{part}_ms"), Some(millis));
            }
        }
    }
    let judge = Judge::compile(Vocabulary::default(), &[], &[]).unwrap();
    let decisions = judge.decide(&trials, false, false);
    let facts = fixture::facts(&["naive", "budget"], None);
    render(&StoredRecord {
        document: RecordDocument::assemble(&facts, &trials, decisions),
        histograms: TrialHistograms::new(),
    })
    .unwrap()
}

fn chart<'a>(report: &'a Rendered, name: &str) -> Option<&'a str> {
    let found = report.charts.iter().find(|chart| chart.name == name);
    found.map(|chart| chart.svg.as_str())
}

#[test]
fn a_requests_time_is_stacked_by_where_it_goes() {
    let report = with_split(|arm, phase| match (arm, phase) {
        ("naive", "fault") => vec![
            ("pool_wait", 800.0),
            ("sql", 40.0),
            ("gateway", 1_500.0),
            ("own", 10.0),
        ],
        _ => vec![
            ("pool_wait", 0.0),
            ("sql", 2.0),
            ("gateway", 60.0),
            ("own", 1.0),
        ],
    });
    let svg = chart(&report, "time-split.svg").unwrap();
    for seen in [
        "Where a request's time goes",
        "waiting for a database connection: 800 ms",
        "gateway: 1.5 s",
        ">2.35 s<",
        ">63 ms<",
        ">fault<",
        ">budget<",
    ] {
        place(svg, seen);
    }
    assert!(!svg.contains(">warm<"), "a warm-up is not judged");
    place(&report.markdown, "time-split.svg");
    place(&report.markdown, "| split\\_gateway\\_ms |");
}

#[test]
fn without_those_figures_there_is_no_such_chart() {
    let report = with_split(|_, _| Vec::new());
    assert_eq!(chart(&report, "time-split.svg"), None);
    // One part alone is still worth showing, and what is missing takes no room.
    let report = with_split(|_, phase| {
        if phase == "after" {
            vec![("sql", 3.0)]
        } else {
            vec![]
        }
    });
    let svg = chart(&report, "time-split.svg").unwrap();
    place(svg, ">3 ms<");
    assert!(!svg.contains("gateway</text>"), "nothing was spent there");
    assert!(!svg.contains(">before<"));
}

#[test]
fn every_part_of_a_requests_time_has_a_colour_of_its_own() {
    let parts = ["pool_wait", "sql", "gateway", "redis", "own"];
    let report = with_split(|_, _| parts.iter().map(|part| (*part, 3.0)).collect());
    let svg = chart(&report, "time-split.svg").unwrap();
    let mut colours: Vec<&str> = (0..parts.len())
        .map(|part| {
            let rule = &svg[place(svg, &format!(".b{part}{{fill:"))..];
            let colour = &rule[rule.find(':').unwrap()..rule.find('}').unwrap()];
            place(svg, &format!("<rect class=\"b{part}\""));
            colour
        })
        .collect();
    colours.sort_unstable();
    colours.dedup();
    assert_eq!(colours.len(), parts.len(), "{colours:?}");
}
