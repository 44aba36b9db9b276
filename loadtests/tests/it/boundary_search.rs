//! A search from its scenario file to its report, against a server that answers six at a time and
//! turns the seventh away.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::command;
use crate::engine_support::{Server, answer};

const SCENARIO: &str = r#"
name = "turned-away"
title = "From how many users on somebody is turned away"
[target]
base_url = "BASE_URL"
[load]
closed = { users = 1 }
client_timeout = "5s"
journeys = { front = 1 }
[[journeys]]
name = "front"
steps = [{ method = "GET", path = "/" }]
[[phases]]
name = "only"
duration = "200ms"
[search]
key = "load.closed.users"
low = 4
high = 9
precision = 1
until = "only.failed == 0"
[[claims]]
says = "Six are served, seven are not"
check = 'search("low") == 6 && search("high") == 7 && search("crossing") == 6.5'
"#;

const PLACES: usize = 6;

/// Holds each request long enough for all users to be there at once.
fn server() -> Server {
    let inside = Arc::new(AtomicUsize::new(0));
    Server::start(move |_, _| {
        let others = inside.fetch_add(1, Ordering::SeqCst);
        thread::sleep(Duration::from_millis(20));
        inside.fetch_sub(1, Ordering::SeqCst);
        answer(if others < PLACES { 200 } else { 503 }, "", "")
    })
}

#[test]
fn a_search_finds_where_a_server_begins_to_turn_users_away() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let text = SCENARIO.replace("BASE_URL", &server.base_url);
    fs::write(folder.path().join("x.toml"), text).unwrap();

    let ended = command::run(folder.path(), &["validate", "x.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let promised = "at most 5 values x 5 runs = 25 trials of at most 0.2s";
    assert!(ended.stdout.contains(promised), "{}", ended.all());
    assert_eq!(server.count(), 0, "validate sends nothing");

    let ended = command::run(folder.path(), &["run", "x.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let sentence = "holds in half of the runs at load.closed.users = 6.5 (95 % interval: 6 to 7)";
    assert!(ended.stderr.contains(sentence), "{}", ended.all());

    let out = folder.path().join("out");
    let record = command::record(&out);
    command::assert_accounts_balance(&record);
    assert_eq!(
        (&record["schema"], &record["verdict"]),
        (&json!(1), &json!("pass"))
    );
    let search = &record["search"];
    assert_eq!(search["key"], "load.closed.users");
    assert_eq!(search["until"], "only.failed == 0");
    assert_eq!(
        search["crossing"],
        json!({ "value": 6.5, "low": 6.0, "high": 7.0 })
    );
    let points = search["points"].as_array().unwrap();
    for point in points {
        let held = if point["value"].as_f64() < Some(6.5) {
            5
        } else {
            0
        };
        assert_eq!(
            (&point["runs"], &point["held"]),
            (&json!(5), &json!(held)),
            "{point}"
        );
    }
    // Every tried value is an arm with its five runs, and with the value that it ran with.
    let arms = record["arms"].as_array().unwrap();
    let names = |all: &[Value], key: &str| -> Vec<Value> {
        all.iter().map(|one| one[key].clone()).collect()
    };
    assert_eq!(names(arms, "name"), names(points, "arm"));
    for (arm, point) in arms.iter().zip(points) {
        assert_eq!(arm["rounds"].as_array().unwrap().len(), 5);
        assert_eq!(arm["load"]["users"].as_f64(), point["value"].as_f64());
    }
    for file in ["report.md", "report.html", "charts/search.svg"] {
        let text = fs::read_to_string(out.join(file)).unwrap();
        assert!(text.contains("load.closed.users"), "{file}");
        assert!(!text.contains("NaN"), "{file}");
    }
}

#[test]
fn a_quick_search_is_over_soon_and_decides_nothing() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let text = SCENARIO
        .replace("BASE_URL", &server.base_url)
        .replace("== 6.5", "< 0.0");
    fs::write(folder.path().join("x.toml"), text).unwrap();
    let ended = command::run(folder.path(), &["run", "x.toml", "--quick", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let record = command::record(&folder.path().join("out"));
    for point in record["search"]["points"].as_array().unwrap() {
        assert_eq!(point["runs"], 1, "{point}");
    }
    assert_eq!(record["quick"], true);
}

#[test]
fn a_mistake_in_a_search_is_bad_input_with_its_line() {
    for (from, to, words) in [
        (
            "high = 9",
            "high = 3",
            [
                "x.toml:19:8",
                "\"high\" in [search] is 3, which is not above",
            ],
        ),
        (
            "only.failed",
            "olny.failed",
            ["x.toml:21:9", "did you mean \"only\"?"],
        ),
        (
            "closed.users",
            "closed.usrs",
            ["x.toml:17:7", "did you mean \"users\"?"],
        ),
        (
            "search(\"low\")",
            "arm.users_4.only.ok",
            ["x.toml:24:9", "can only speak of search"],
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = SCENARIO.replace("BASE_URL", "http://127.0.0.1:9");
        fs::write(folder.path().join("x.toml"), text.replace(from, to)).unwrap();
        let ended = command::run(folder.path(), &["run", "x.toml"]);
        assert_eq!(ended.code, Some(2), "{}", ended.all());
        for word in words {
            assert!(ended.stderr.contains(word), "no {word} in {}", ended.all());
        }
        assert!(!folder.path().join("out").exists(), "something ran");
    }
}
