//! A run whose servers fail in the middle: what was measured before is reported.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::command;
use crate::playground::{Place, settings};

const SCENARIO: &str = "name = \"mine\"\n[environment]\ndataset = { members = 100, posts = 300 }\n\
                        [[phases]]\nname = \"base\"\nduration = \"1s\"\nrate = 5\n";

#[test]
fn a_service_that_starts_only_once_leaves_the_report_of_the_first_trial() {
    let place = Place::new();
    fs::create_dir(place.path("bin")).unwrap();
    // The real one; when it has served once, it fails.
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *'serve '*) mkdir '{served}' || exit 1 ;; esac\nexec '{real}' \"$@\"\n",
        served = place.path("served").display(),
        real = settings().programs.target_service().unwrap().display(),
    );
    let service = place.path("bin").join("target-service");
    fs::write(&service, script).unwrap();
    fs::set_permissions(&service, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(place.path("mine.toml"), SCENARIO).unwrap();

    let arguments = ["run", "mine.toml", "--rounds", "2", "--out", "out"];
    let output = command::squall(&place.path(""), &arguments)
        .env("SQUALL_BIN_DIR", place.path("bin"))
        .env("XDG_CACHE_HOME", place.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let out = place.path("out");
    let record = command::record(&out);
    assert_eq!(command::phases(&record).len(), 1, "{record}");
    assert_eq!(record["verdict"], "interrupted", "half a run shows nothing");
    for file in ["report.md", "report.html", "junit.xml"] {
        let text = fs::read_to_string(out.join(file));
        assert!(text.is_ok_and(|text| text.contains("mine")), "{file}");
    }
}
