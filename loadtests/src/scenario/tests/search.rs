//! `[search]`: the values that it may try, and what is refused.

use std::time::Duration;

use serde_json::json;

use super::{PLAIN, complaints, complaints_about, options, plan_of, try_plan};
use crate::scenario::{EnvironmentSpec, LoadModel, Options, Plan, SearchUnit, timeline};

const SEARCH: &str = r#"[search]
key = "phases.burst.duration"
low = "2s"
high = "10s"
precision = "1s"
until = "burst.goodput >= 1"
"#;

fn searched(section: &str) -> Plan {
    plan_of(&format!("{PLAIN}{section}"))
}

#[test]
fn every_value_from_the_lowest_to_the_highest_is_settled_before_the_start() {
    let plan = searched(SEARCH);
    let search = plan.search.as_ref().unwrap();
    assert_eq!(
        search.values,
        [2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    );
    assert_eq!((search.unit, search.runs), (SearchUnit::Seconds, 5));
    assert_eq!(search.of_arm, "default");
    let lengths: Vec<Duration> = search
        .arms
        .iter()
        .map(|arm| arm.phases[1].duration)
        .collect();
    let wanted: Vec<Duration> = (2..=10).map(Duration::from_secs).collect();
    assert_eq!(lengths, wanted);
    assert_eq!(search.arms[7].name, "burst_9s");
    assert_eq!(
        json!(search.arms[7].overrides),
        json!({ "phases.burst.duration": "9s" })
    );
    let ends: Vec<&str> = plan.arms.iter().map(|arm| arm.name.as_str()).collect();
    assert_eq!(ends, ["burst_2s", "burst_10s"]);
}

#[test]
fn numbers_keep_their_kind_and_the_last_step_may_be_shorter() {
    let whole = searched(
        "[service]\ndb.pool.max_size = 4\n[search]\nkey = \"service.db.pool.max_size\"\nlow = 1\nhigh = 6\nprecision = 2\nuntil = \"burst.ok > 0\"\n",
    );
    let search = whole.search.unwrap();
    assert_eq!(search.values, [1.0, 3.0, 5.0, 6.0]);
    assert_eq!(search.arms[3].name, "max_size_6");
    let EnvironmentSpec::Lab(lab) = &search.arms[3].environment else {
        panic!("a lab");
    };
    assert_eq!(lab.service["db"]["pool"]["max_size"].as_integer(), Some(6));
    let real = searched(
        "[search]\nkey = \"phases.burst.rate.to\"\nlow = 0.1\nhigh = 1\nprecision = 0.3\nuntil = \"burst.ok > 0\"\n",
    );
    let search = real.search.unwrap();
    assert_eq!(search.values, [0.1, 0.4, 0.7, 1.0]);
    assert_eq!(search.arms[1].name, "to_0_4");
    let fine = searched(
        "[search]\nkey = \"load.users\"\nlow = 10\nhigh = 500\nuntil = \"burst.ok > 0\"\n",
    );
    let search = fine.search.unwrap();
    assert_eq!(
        search.values.len(),
        17,
        "a sixteenth of the range by default"
    );
    assert!(matches!(
        search.arms[16].load.model,
        LoadModel::Open { users: 500, .. }
    ));
}

#[test]
fn it_is_about_one_arm_with_what_sets_that_arm_apart() {
    let arms = "[[arms]]\nname = \"calm\"\n[[arms]]\nname = \"naive\"\nload.deadline = \"9s\"\nload.attempt_timeout = \"1s\"\n";
    let of = |arm: &str, options: &Options| {
        let text = format!("{PLAIN}{arms}{SEARCH}{arm}");
        try_plan(&text, options).map(|plan| {
            let search = plan.search.unwrap();
            let deadline = search.arms[0].load.deadline;
            (search.of_arm, deadline, plan.left_out)
        })
    };
    let first = of("", &options()).unwrap();
    assert_eq!(
        (first.0.as_str(), first.2),
        ("calm", vec!["naive".to_owned()])
    );
    let named = of("arm = \"naive\"\n", &options()).unwrap();
    assert_eq!(
        (named.0.as_str(), named.1),
        ("naive", Duration::from_secs(9))
    );
    let asked = |arms: &[&str]| Options {
        arms: arms.iter().map(|arm| (*arm).to_owned()).collect(),
        ..options()
    };
    assert_eq!(
        of("arm = \"naive\"\n", &asked(&["calm"])).unwrap().0,
        "calm"
    );
    assert_eq!(
        of("", &asked(&["calm", "naive"])).unwrap_err(),
        ["--arm calm --arm naive: a search is about one arm: name one"]
    );
    assert_eq!(
        of("arm = \"naiv\"\n", &options()).unwrap_err(),
        [
            "x.toml:22:7: \"arm\" in [search] is \"naiv\", and there is no such arm; did you mean \"naive\"?"
        ]
    );
}

/// Each replaces something of the search, and is told with its line and a way out.
fn check(cases: &[(&str, &str, &str)]) {
    for (from, to, message) in cases {
        assert!(SEARCH.contains(from), "{from}");
        let found = complaints_about(&SEARCH.replace(from, to));
        assert!(found[0].starts_with(message), "{to}: {found:#?}");
    }
}

#[test]
fn a_range_goes_up_in_steps_of_its_own_type() {
    check(&[
        (
            "\"10s\"",
            "\"2s\"",
            "x.toml:13:8: \"high\" in [search] is \"2s\", which is not above \"low\" (\"2s\")",
        ),
        (
            "\"10s\"",
            "\"1s\"",
            "x.toml:13:8: \"high\" in [search] is \"1s\", which is not above",
        ),
        (
            "\"10s\"",
            "10",
            "x.toml:13:8: \"high\" in [search] and \"low\" must be of one type",
        ),
        (
            "\"10s\"",
            "true",
            "x.toml:13:8: \"high\" in [search] must be a number or a duration such as \"500ms\", not a boolean",
        ),
        (
            "\"2s\"",
            "\"2\"",
            "x.toml:12:7: \"low\" in [search] is \"2\", which has no unit: write \"2ms\" or \"2s\"",
        ),
        (
            "\"1s\"",
            "1",
            "x.toml:14:13: \"precision\" in [search] must be a duration, as \"low\" and \"high\" are",
        ),
        (
            "\"1s\"",
            "\"0s\"",
            "x.toml:14:13: \"precision\" in [search] must be above 0",
        ),
        (
            "\"1s\"",
            "\"1ms\"",
            "x.toml:14:13: \"precision\" in [search] makes 8000 steps",
        ),
        (
            "\"1s\"",
            "\"9s\"",
            "x.toml:14:13: \"precision\" in [search] is larger than the range",
        ),
    ]);
}

#[test]
fn a_key_that_cannot_be_varied_is_refused() {
    check(&[
        (
            "phases.burst.duration",
            "phases.birst.duration",
            "x.toml:11:7: there is no \"birst\" in phases; did you mean \"burst\"?",
        ),
        (
            "phases.burst.duration",
            "phases.burst.durration",
            "x.toml:11:7: \"key\" in [search] is \"phases.burst.durration\", which a search cannot vary: it varies a number or duration that an arm may set",
        ),
        (
            "phases.burst.duration",
            "environment.dataset.posts",
            "x.toml:11:7: \"key\" in [search] is \"environment.dataset.posts\", which a search cannot vary",
        ),
        (
            "phases.burst.duration",
            "load.dedline",
            "x.toml:11:7: unknown key \"dedline\" in [load]; did you mean \"deadline\"?",
        ),
        (
            "phases.burst.duration",
            "phases..duration",
            "x.toml:11:7: \"key\" in [search] is \"phases..duration\", which is no dotted path",
        ),
        (
            "phases.burst.duration",
            "phases.burst.rate",
            "x.toml:12:7: \"rate\" in [[phases]] must be a number or { from = 10, to = 500 }, not a text",
        ),
    ]);
}

#[test]
fn a_search_is_complete_and_stands_alone() {
    check(&[
        (
            "until =",
            "untill =",
            "x.toml:10:1: [search] needs \"until\": until = \"after.goodput >= 0.95 * before.goodput\"",
        ),
        (
            "until =",
            "runs = 4\nuntil =",
            "x.toml:15:8: \"runs\" in [search] is 4: it must be between 5 and 100",
        ),
        (
            "low = \"2s\"\n",
            "",
            "x.toml:10:1: [search] needs \"low\": low = \"2s\"",
        ),
        (
            "[search]",
            "[sweep]\nkey = \"service.x\"\nvalues = [1, 2]\n[search]",
            "x.toml:13:1: [search] and \"sweep\" exclude each other",
        ),
        (
            "[search]",
            "[[thresholds]]\nrule = \"p99<1s\"\n[search]",
            "x.toml:12:1: [search] and \"thresholds\" exclude each other",
        ),
    ]);
    let rounds = complaints(&format!("rounds = 3\n{PLAIN}{SEARCH}"));
    assert!(
        rounds[0].starts_with("x.toml:11:1: [search] and \"rounds\" exclude each other"),
        "{rounds:?}"
    );
}

#[test]
fn what_is_wrong_with_one_end_is_told_once() {
    let zero = SEARCH.replace("\"2s\"", "\"0s\"");
    assert_eq!(
        complaints_about(&zero),
        ["x.toml:12:7: \"duration\" in [[phases]] is 0: it must be longer"]
    );
    let days = SEARCH
        .replace("\"10s\"", "\"48h\"")
        .replace("\"1s\"", "\"1h\"");
    assert_eq!(
        complaints_about(&days),
        ["x.toml:13:8: \"duration\" in [[phases]] is \"48h\": the longest is 24h"]
    );
}

#[test]
fn a_quick_search_runs_each_value_once_and_briefly() {
    let quick = Options {
        quick: true,
        ..options()
    };
    let plan = try_plan(&format!("{PLAIN}{SEARCH}"), &quick).unwrap();
    let search = plan.search.unwrap();
    assert_eq!(search.runs, 1);
    for arm in &search.arms {
        let length: Duration = arm.phases.iter().map(|phase| phase.duration).sum();
        assert!(length < Duration::from_secs(1), "{length:?}");
    }
}

#[test]
fn rounds_on_the_command_line_are_the_runs_of_each_value() {
    let with = |rounds| {
        let options = Options {
            rounds: Some(rounds),
            ..options()
        };
        try_plan(&format!("{PLAIN}{SEARCH}"), &options)
    };
    assert_eq!(with(9).unwrap().search.unwrap().runs, 9);
    let few = with(4).unwrap_err();
    assert!(
        few[0].starts_with("--rounds 4: a search runs each value at least 5 times"),
        "{few:?}"
    );
}

#[test]
fn the_timeline_says_how_many_trials_and_how_long_at_most() {
    let text = timeline(&searched(SEARCH));
    for line in [
        "looks for the phases.burst.duration at which `burst.goodput >= 1` holds in half of the runs of default: \
         from 2s to 10s, in steps of 1s",
        "at most 5 values x 5 runs = 25 trials of at most 20s: at most 500s of load",
    ] {
        assert!(text.contains(line), "{line}\nin\n{text}");
    }
}
