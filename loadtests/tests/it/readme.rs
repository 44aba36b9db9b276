//! What README shows works as it stands there.

use std::fs;

use crate::command;

const README: &str = include_str!("../../../README.md");
const EXAMPLE: &str = include_str!("../../examples/own_journeys.rs");

/// The blocks of README in this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let blocks = README.split(fence.as_str()).skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

/// Another test runs the example.
#[test]
fn the_rust_block_is_the_example() {
    let rust = blocks("rust");
    let [block] = rust.as_slice() else {
        panic!("{rust:?}")
    };
    let code = EXAMPLE.find("use std::").unwrap();
    assert_eq!(*block, &EXAMPLE[code..]);
}

#[test]
fn the_scenario_in_ten_lines_has_no_more_and_validates() {
    let toml = blocks("toml");
    let scenario = toml.iter().find(|block| block.contains("phases")).unwrap();
    assert!(scenario.lines().count() <= 10, "{scenario}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("checkout.toml"), scenario).unwrap();
    let ended = command::run(folder.path(), &["validate", "checkout.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.all());
    assert!(ended.stdout.contains("burst"), "{}", ended.all());
}
