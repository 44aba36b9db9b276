//! The service's keys in a scenario: what it refuses is told with its line, before anything starts.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use crate::command::{self, Ended};

const SCENARIO: &str = r#"name = "mine"
[service]
db.pool.max_size = 5
[[phases]]
name = "base"
duration = "1s"
rate = 5
"#;

fn in_folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.toml"), text).unwrap();
    folder
}

/// Every command that would start the service refuses the scenario, with these words.
fn assert_refused(text: &str, words: &[&str]) {
    let folder = in_folder(text);
    for command in ["validate", "run", "up"] {
        let ended = command::run(folder.path(), &[command, "mine.toml"]);
        assert_eq!(ended.code, Some(2), "{command}: {}", ended.all());
        for word in words {
            let complaint = ended.all();
            assert!(
                ended.stderr.contains(word),
                "{command}: {word}: {complaint}"
            );
        }
        assert!(!folder.path().join("out").exists(), "something ran");
    }
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_one() {
    assert_refused(
        &SCENARIO.replace("max_size", "max_sise"),
        &[
            "mine.toml:3:",
            "\"service.db.pool.max_sise\"",
            "did you mean \"max_size\"?",
        ],
    );
    assert_refused(
        &SCENARIO.replace("[service]\ndb.pool", "[service.db.poll]"),
        &["mine.toml:2:"],
    );
}

#[test]
fn a_value_that_the_service_does_not_take_is_told_with_its_line_and_why() {
    assert_refused(
        &SCENARIO.replace("max_size = 5", "acquire_timeout = \"5 parsecs\""),
        &[
            "mine.toml:3:",
            "\"service.db.pool.acquire_timeout\"",
            "5 parsecs",
        ],
    );
    // Not the key's type is wrong, but what it means.
    assert_refused(
        &SCENARIO.replace("max_size = 5", "max_size = 0"),
        &["mine.toml:3:", "\"service.db.pool.max_size\""],
    );
}

#[test]
fn every_arm_and_every_value_of_a_sweep_is_looked_at() {
    let arms =
        "[[arms]]\nname = \"a\"\n[[arms]]\nname = \"b\"\nservice.likes.strategie = \"derived\"\n";
    assert_refused(
        &format!("{SCENARIO}{arms}"),
        &[
            "mine.toml:12:",
            "\"service.likes.strategie\"",
            "\"strategy\"",
        ],
    );
    let sweep = "[sweep]\nkey = \"service.db.pool.max_size\"\nvalues = [4,\n  0]\n";
    assert_refused(
        &format!("{SCENARIO}{sweep}"),
        &["mine.toml:11:", "\"service.db.pool.max_size\""],
    );
}

#[test]
fn a_key_of_the_command_line_is_told_as_the_argument_that_it_was() {
    let folder = in_folder(SCENARIO);
    let wrong = "service.db.pool.max_sise=3";
    let ended = command::run(folder.path(), &["run", "mine.toml", "--env", wrong]);
    assert_eq!(ended.code, Some(2), "{}", ended.all());
    let told = format!("--env {wrong}: unknown key");
    assert!(ended.stderr.contains(&told), "{}", ended.all());
}

#[test]
fn what_the_service_takes_is_valid() {
    let folder = in_folder(SCENARIO);
    let ended = command::run(folder.path(), &["validate", "mine.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(!ended.stderr.contains("not checked"), "{}", ended.all());
}

#[test]
fn without_the_services_program_validate_says_that_its_keys_were_not_checked() {
    let folder = in_folder(&SCENARIO.replace("max_size", "max_sise"));
    let alone = folder.path().join("squall");
    let squall = Path::new(env!("CARGO_BIN_EXE_squall"));
    // A link, because the program is large; it knows itself by the path that it was started by.
    fs::hard_link(squall, &alone)
        .or_else(|_| fs::copy(squall, &alone).map(drop))
        .unwrap();
    let output = std::process::Command::new(&alone)
        .args(["validate", "mine.toml"])
        .env_remove("SQUALL_BIN_DIR")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let ended = Ended {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    for word in ["[service]", "not checked", "target-service was not found"] {
        assert!(ended.stderr.contains(word), "{}", ended.all());
    }
}
