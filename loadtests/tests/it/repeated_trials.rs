//! Trials in which the generator was at fault are run again where that is asked for, and told of.

use std::fs;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::command;
use crate::engine_support::{Server, answer};

/// USERS users for about ten that would be needed.
const SCENARIO: &str = r#"
name = "users"
title = "A target that takes 100 ms"
[target]
base_url = "BASE_URL"
[load]
users = USERS
client_timeout = "1s"
journeys = { get = 1 }
[[journeys]]
name = "get"
steps = [{ method = "GET", path = "/" }]
[[phases]]
name = "steady"
duration = "1s"
rate = 100
"#;

/// The exit code and the record.
fn run(users: &str, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let server = Server::start(|_, _| {
        thread::sleep(Duration::from_millis(100));
        answer(200, "", "")
    });
    let folder = tempfile::tempdir().unwrap();
    let text = SCENARIO.replace("BASE_URL", &server.base_url);
    fs::write(folder.path().join("x.toml"), text.replace("USERS", users)).unwrap();
    let always = ["run", "x.toml", "--out", "out"];
    let ended = command::run(folder.path(), &[&always, arguments].concat());
    let out = folder.path().join("out");
    let report = fs::read_to_string(out.join("report.md")).unwrap();
    (ended.code, command::record(&out), report)
}

#[test]
fn an_invalid_trial_is_run_again_as_often_as_asked_and_the_record_says_why() {
    let (code, record, report) = run("2", &["--repeat-invalid", "2"]);
    assert_eq!(code, Some(5), "{record}");
    let repeated = record["repeated"].as_array().unwrap();
    assert_eq!(repeated.len(), 2, "{repeated:?}");
    for trial in repeated {
        assert_eq!(
            (&trial["arm"], &trial["round"]),
            (&"default".into(), &1.into())
        );
        let reasons = trial["reasons"].to_string();
        assert!(reasons.contains("free user"), "{reasons}");
    }
    let rounds = record["arms"][0]["rounds"].as_array().unwrap();
    assert_eq!((rounds.len(), &rounds[0]["order"]), (1, &2.into()));
    assert!(report.contains("run again"), "{report}");
}

#[test]
fn unless_asked_nothing_is_run_again() {
    let (code, record, report) = run("2", &[]);
    assert_eq!(code, Some(5), "{record}");
    assert_eq!(record["repeated"], Value::Null);
    assert_eq!(record["arms"][0]["rounds"][0]["order"], 0);
    assert!(!report.contains("run again"), "{report}");
}
