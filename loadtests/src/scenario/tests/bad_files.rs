//! Files that are no scenarios at all.

use std::fs;
use std::path::Path;

use super::{PLAIN, complaints, options};
use crate::scenario::{Plan, catalogue, find};

fn refusal(path: &Path) -> String {
    let message = Plan::from_file(path, &options()).unwrap_err().to_string();
    let folder = path.parent().unwrap().display().to_string();
    message.replace(&format!("{folder}/"), "")
}

#[test]
fn what_cannot_be_read_is_refused_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    fs::create_dir(folder.path().join("folder.toml")).unwrap();
    assert_eq!(
        refusal(&folder.path().join("folder.toml")),
        "folder.toml: is a folder: name a scenario file in it, such as smoke.toml"
    );
    assert_eq!(
        refusal(&folder.path().join("none.toml")),
        "none.toml: there is no such file"
    );
    assert_eq!(
        refusal(&file("empty.toml", b" \n\n")),
        "empty.toml: is empty: a scenario needs at least a name and [[phases]]"
    );
    assert_eq!(
        refusal(&file("latin.toml", b"name = \"x\"\ntitle = \"caf\xe9\"\n")),
        "latin.toml:2:13: is not UTF-8 from here on: save the file as UTF-8"
    );
    assert_eq!(
        refusal(&file("huge.toml", &vec![b'#'; (64 << 10) + 1])),
        "huge.toml: is larger than 64 KiB: that is no scenario"
    );
}

#[test]
fn what_is_no_toml_is_refused_with_its_line() {
    assert_eq!(
        complaints("name = \"x\"\nname = \"y\"\n"),
        ["x.toml:2:1: not valid TOML: duplicate key"]
    );
    assert_eq!(
        complaints("name = \"x\"\n[[phases]\nrate = 5\n"),
        ["x.toml:2:10: not valid TOML: unclosed array table, expected `]`"]
    );
    let found = complaints("name = \nrounds = 3 3\n");
    assert!(
        found.iter().any(|message| message.starts_with("x.toml:1:")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|message| message.starts_with("x.toml:2:")),
        "{found:?}"
    );
}

#[test]
fn comments_alone_are_no_scenario() {
    assert_eq!(
        complaints("# nothing\n"),
        [
            "x.toml:1:1: the scenario needs \"[[phases]]\": at least one with name, duration and rate",
            "x.toml:1:1: the scenario needs \"name\": name = \"my-scenario\"",
        ]
    );
}

#[test]
fn the_catalogue_shows_titles_and_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("b.toml"), PLAIN).unwrap();
    fs::write(folder.path().join("a.toml"), "name = 1\n").unwrap();
    fs::write(folder.path().join("notes.md"), "no scenario").unwrap();
    let entries = catalogue(folder.path(), &options()).unwrap();
    assert_eq!(entries.len(), 2);
    let wrong = entries[0].scenario.as_ref().unwrap_err().to_string();
    assert!(
        wrong.contains("a.toml:1:8: \"name\" in the scenario must be a text, not a number"),
        "{wrong}"
    );
    assert_eq!(entries[1].scenario.as_ref().unwrap().title, "plain");
    assert!(catalogue(&folder.path().join("none"), &options()).is_err());
}

#[test]
fn scenarios_are_found_by_name_and_by_path() {
    assert!(find("smoke").unwrap().ends_with("scenarios/smoke.toml"));
    assert_eq!(
        find("some/where.toml").unwrap(),
        Path::new("some/where.toml")
    );
    let message = find("spyke").unwrap_err().to_string();
    assert_eq!(
        message,
        "scenarios/spyke.toml: there is no such scenario; did you mean \"spike\"?"
    );
}
