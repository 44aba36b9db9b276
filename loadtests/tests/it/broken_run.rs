//! A run whose servers fail in the middle: what was measured before is reported.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::command;
use crate::playground::{Place, settings};

const SCENARIO: &str = "name = \"mine\"\n[environment]\ndataset = { members = 100, posts = 300 }\n\
                        [[phases]]\nname = \"base\"\nduration = \"1s\"\nrate = 5\n";

/// Runs the scenario with a service that does `at_serve` first, in the words of a shell, when it is to serve.
fn run(place: &Place, scenario: &str, at_serve: &str, more: &[&str]) -> (Output, Value) {
    fs::create_dir(place.path("bin")).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'serve '*) {at_serve} ;; esac\nexec '{real}' \"$@\"\n",
        real = settings().programs.target_service().unwrap().display(),
    );
    let service = place.path("bin").join("target-service");
    fs::write(&service, script).unwrap();
    fs::set_permissions(&service, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(place.path("mine.toml"), scenario).unwrap();

    let arguments = [&["run", "mine.toml", "--out", "out"][..], more].concat();
    let output = command::squall(&place.path(""), &arguments)
        .env("SQUALL_BIN_DIR", place.path("bin"))
        .env("XDG_CACHE_HOME", place.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let record = command::record(&place.path("out"));
    (output, record)
}

#[test]
fn a_service_that_starts_only_once_leaves_the_report_of_the_first_trial() {
    let place = Place::new();
    let only_once = format!("mkdir '{}' || exit 1", place.path("served").display());
    let (output, record) = run(&place, SCENARIO, &only_once, &["--rounds", "2"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(command::phases(&record).len(), 1, "{record}");
    assert_eq!(record["verdict"], "interrupted", "half a run shows nothing");
    for file in ["report.md", "report.html", "junit.xml"] {
        let text = fs::read_to_string(place.path("out").join(file));
        assert!(text.is_ok_and(|text| text.contains("mine")), "{file}");
    }
}

/// With a closed load: a busy machine is to make no run invalid.
const STEADY: &str = "name = \"mine\"\n[environment]\ndataset = { members = 100, posts = 300 }\n\
                      [load]\nclosed = { users = 1 }\n\
                      [[phases]]\nname = \"base\"\nduration = \"8s\"\nFAULTS\n";

fn assert_fails_by(code: &str, (output, record): &(Output, Value)) {
    let findings = record["arms"][0]["rounds"][0]["findings"].as_array();
    let found = findings.unwrap().iter().find(|found| found["code"] == code);
    assert!(
        found.is_some_and(|found| found["fails"] == true),
        "{record}"
    );
    assert_eq!(
        (output.status.code(), &record["verdict"]),
        (Some(3), &"fail".into()),
        "{output:?}"
    );
}

#[test]
fn a_run_whose_service_dies_in_the_middle_fails() {
    let scenario = STEADY.replace("FAULTS", "");
    // The shell becomes the service, under the same number.
    let dies = "( sleep 4; kill -9 $$ ) &";
    let ran = run(&Place::new(), &scenario, dies, &[]);
    assert_fails_by("process_died", &ran);
}

#[test]
fn a_run_whose_fault_cannot_be_brought_about_fails() {
    let faults =
        "faults = [{ on = \"service\", kind = \"knob\", key = \"db.no_such\", value = 1 }]";
    let scenario = STEADY.replace("8s", "1s").replace("FAULTS", faults);
    let ran = run(&Place::new(), &scenario, ":", &[]);
    assert_fails_by("fault_failed", &ran);
}
