//! What the command line answers to what people type: the exit code, the message, and what is kept.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::command::{self, Ended};

const SCENARIO: &str = r#"
name = "mine"
title = "A scenario of my own"
[target]
base_url = "http://127.0.0.1:9"
[load]
client_timeout = "500ms"
journeys = { front = 1 }
[[journeys]]
name = "front"
steps = [{ method = "GET", path = "/" }]
[[phases]]
name = "base"
duration = "1s"
rate = 20
"#;

/// Writes a changed scenario and runs a command on it.
fn on_scenario(command: &str, change: impl Fn(&str) -> String) -> (TempDir, Ended) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.toml"), change(SCENARIO)).unwrap();
    let ended = command::run(folder.path(), &[command, "mine.toml"]);
    (folder, ended)
}

/// Expects bad input, and these words in the message.
fn assert_refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(2), "{}", ended.all());
    for word in words {
        assert!(
            ended.stderr.contains(word),
            "no {word:?} in: {}",
            ended.all()
        );
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.all());
}

#[test]
fn a_typo_is_named_with_its_line_and_the_nearest_key() {
    let (_folder, ended) = on_scenario("run", |text| text.replace("duration =", "durration ="));
    assert_refused(&ended, &["mine.toml:14", "durration", "duration"]);
}

#[test]
fn rate_zero_a_wrong_unit_and_twice_the_same_name_are_refused() {
    for (from, to, word) in [
        ("rate = 20", "rate = 0", "rate"),
        ("\"1s\"", "\"1 parsec\"", "parsec"),
        (
            "[[phases]]",
            "[[phases]]\nname = \"base\"\nduration = \"1s\"\nrate = 1\n[[phases]]",
            "base",
        ),
    ] {
        let (_folder, ended) = on_scenario("validate", |text| text.replace(from, to));
        assert_refused(&ended, &["mine.toml:", word]);
    }
}

#[test]
fn a_claim_about_what_does_not_exist_is_refused_before_anything_runs() {
    for (check, word) in [
        ("arm.defualt.base.goodput > 1.0", "defualt"),
        ("arm.default.bse.goodput > 1.0", "bse"),
        ("arm.default.base.godput > 1.0", "godput"),
        ("arm.default.base.goodput +", "mine.toml"),
        ("arm.default.base.goodput", "mine.toml"),
    ] {
        let claim = format!("[[claims]]\nsays = \"something\"\ncheck = \"{check}\"\n");
        let (folder, ended) = on_scenario("run", |text| format!("{text}{claim}"));
        assert_refused(&ended, &["mine.toml:", word]);
        assert!(!folder.path().join("out").exists(), "something ran");
    }
}

#[test]
fn load_on_a_foreign_host_is_refused_with_the_line_to_add() {
    let (_folder, ended) = on_scenario("run", |text| {
        text.replace("http://127.0.0.1:9", "http://192.0.2.7:80")
    });
    assert_refused(&ended, &["192.0.2.7:80", "allow"]);
}

#[test]
fn a_folder_a_missing_file_and_an_unknown_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("scenario.toml")).unwrap();
    for (name, word) in [
        ("scenario.toml", "folder"),
        ("./nowhere.toml", "nowhere.toml"),
        ("spkie", "spike"),
    ] {
        assert_refused(&command::run(folder.path(), &["run", name]), &[word]);
    }
}

#[test]
fn a_hint_names_every_scenario_once_where_the_scenarios_are() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let ended = command::run(&checkout, &["validate", "nothing-like-any-of-them"]);
    assert_refused(&ended, &["pool-size"]);
    assert_eq!(
        ended.stderr.matches("pool-size").count(),
        1,
        "{}",
        ended.all()
    );
}

#[test]
fn a_url_has_nothing_to_validate_and_the_message_says_how_to_run_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = "http://127.0.0.1:9/";
    let ended = command::run(folder.path(), &["validate", url]);
    assert_refused(
        &ended,
        &["no scenario file", &format!("squall run {url} --rate")],
    );
}

#[test]
fn a_setting_that_the_service_does_not_know_is_the_scenarios_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "run",
        "smoke",
        "--quick",
        "--env",
        "service.db.pool.max_sise=3",
        "--out",
        "out",
    ];
    assert_refused(&command::run(folder.path(), &arguments), &["max_sise"]);
}

#[test]
fn options_that_do_not_fit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| command::run(folder.path(), arguments);
    assert_refused(&run(&["run", "http://127.0.0.1:9/"]), &["--rate"]);
    assert_refused(&run(&["run", "smoke", "--rate", "5"]), &["--rate"]);
    assert_refused(&run(&["run", "smoke", "--arm", "defualt"]), &["defualt"]);
    assert_refused(&run(&["rnu", "smoke"]), &["rnu"]);
    assert_refused(&run(&["report", "nowhere"]), &["nowhere"]);
}

#[test]
fn a_dead_target_fails_every_arrival_and_does_not_stretch_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let url = format!("http://127.0.0.1:{}/", closed_port());
    let arguments = [
        "run",
        &url,
        "--rate",
        "50",
        "--duration",
        "2s",
        "--threshold",
        "p99<500ms",
        "--out",
        "out",
    ];
    let ended = command::run(folder.path(), &arguments);
    let record = command::record(&folder.path().join("out"));
    command::assert_accounts_balance(&record);
    let phase = command::phases(&record)[0];
    assert_eq!(phase["failed"], phase["offered"], "{phase}");
    assert_eq!(phase["failures"]["connect"], phase["offered"], "{phase}");
    let expected = if record["verdict"] == "invalid" { 5 } else { 3 };
    assert_eq!(ended.code, Some(expected), "{}", ended.all());
    // Timeline, one deadline, and ample time for a busy machine: what must not happen is hanging.
    assert!(started.elapsed() < Duration::from_secs(40));
}

#[test]
fn a_target_that_never_answers_well_is_no_pass_although_nothing_was_claimed() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{}/", closed_port());
    let arguments = ["run", &url, "--rate", "20", "--duration", "1s"];
    let ended = command::run(folder.path(), &arguments);
    assert_eq!(ended.code, Some(5), "{}", ended.all());
}

#[test]
fn an_interrupted_run_keeps_and_reports_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let url = answering_server();
    let arguments = [
        "run",
        &url,
        "--rate",
        "50",
        "--duration",
        "60s",
        "--out",
        "out",
    ];
    let mut child = command::squall(folder.path(), &arguments).spawn().unwrap();
    thread::sleep(Duration::from_secs(4));
    kill(
        Pid::from_raw(i32::try_from(child.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130));
    let out = folder.path().join("out");
    let record = command::record(&out);
    assert_eq!(record["verdict"], "interrupted");
    command::assert_accounts_balance(&record);
    assert!(command::phases(&record)[0]["ok"].as_u64().unwrap() > 0);
    assert!(
        fs::read_to_string(out.join("report.md"))
            .unwrap()
            .to_lowercase()
            .contains("interrupted")
    );
}

#[test]
fn samples_hold_one_line_per_arrival() {
    let folder = tempfile::tempdir().unwrap();
    let url = answering_server();
    let arguments = [
        "run",
        &url,
        "--rate",
        "50",
        "--duration",
        "2s",
        "--samples",
        "all.csv",
        "--out",
        "out",
    ];
    let ended = command::run(folder.path(), &arguments);
    let record = command::record(&folder.path().join("out"));
    let offered = command::phases(&record)[0]["offered"].as_u64().unwrap();
    let lines = fs::read_to_string(folder.path().join("all.csv"))
        .unwrap()
        .lines()
        .count() as u64;
    assert_eq!(
        lines,
        offered + 1,
        "a heading and a line each: {}",
        ended.all()
    );
    assert!(
        !ended.stdout.contains("launched"),
        "goose speaks in between: {}",
        ended.all()
    );
}

#[test]
fn list_shows_every_scenario_with_its_title() {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let folder = tempfile::tempdir().unwrap();
    let ended = command::run(folder.path(), &["list"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    let files = fs::read_dir(scenarios)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let names = files.filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
    for name in names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()) {
        assert!(
            ended.stdout.lines().any(|line| line.starts_with(&name)),
            "{name}: {}",
            ended.all()
        );
    }
}

/// A port of loopback on which nothing listens.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// A server that answers everything with 200, one thread per connection, until the test ends.
fn answering_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut request = [0; 4096];
                while stream.read(&mut request).is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = command::squall(folder.path(), &["list", "--figures"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert_eq!(said, "");
}
