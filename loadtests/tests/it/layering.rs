//! The layers of the harness hold: no module imports upwards, siblings only where the table says so.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The table of `lib.rs`: module, layer, and the siblings it may use.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("main", 6, &[]),
    ("cli", 5, &["command"]),
    ("command", 5, &[]),
    ("strategy", 4, &["lab"]),
    ("lab", 4, &[]),
    ("engine", 3, &[]),
    ("gateway", 2, &[]),
    ("environment", 2, &["gateway"]),
    ("fault", 2, &["environment"]),
    ("measure", 2, &[]),
    ("journey", 2, &["measure"]),
    ("judge", 2, &[]),
    ("report", 2, &["judge"]),
    ("record", 1, &["scenario"]),
    ("scenario", 1, &[]),
    ("interrupt", 0, &[]),
    ("stats", 0, &[]),
    ("units", 0, &[]),
];

/// Modules that must stay free of effects: their functions depend on their arguments alone.
const PURE: &[&str] = &["judge", "report", "stats", "units"];
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "tokio::",
    "reqwest::",
];

#[test]
fn no_module_imports_upwards() {
    let broken: Vec<String> = sources()
        .iter()
        .flat_map(|(file, module, text)| {
            forbidden_edges(module, text)
                .into_iter()
                .map(move |edge| format!("{}: {edge}", file.display()))
        })
        .collect();
    assert!(broken.is_empty(), "upward edges:\n{}", broken.join("\n"));
}

#[test]
fn judge_and_report_are_pure() {
    let broken: Vec<String> = sources()
        .iter()
        .filter(|(_, module, _)| PURE.contains(&module.as_str()))
        .flat_map(|(file, _, text)| {
            let code = without_tests(text);
            EFFECTS
                .iter()
                .filter(|effect| {
                    code.lines()
                        .any(|line| !is_comment(line) && line.contains(**effect))
                })
                .map(|effect| format!("{}: {effect}", file.display()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(
        broken.is_empty(),
        "effects in pure modules:\n{}",
        broken.join("\n")
    );
}

#[test]
fn every_module_is_in_the_table() {
    let known: Vec<&str> = LAYERS.iter().map(|(module, ..)| *module).collect();
    let unknown: Vec<String> = sources()
        .into_iter()
        .map(|(_, module, _)| module)
        .filter(|module| !known.contains(&module.as_str()))
        .collect();
    assert!(
        unknown.is_empty(),
        "not in the table of layers: {unknown:?}"
    );
}

#[test]
fn an_upward_edge_is_found_in_each_way_of_writing_it() {
    let found = |module, text| forbidden_edges(module, text).len();
    assert_eq!(found("judge", "use crate::engine::run;"), 1);
    assert_eq!(found("judge", "fn f() { crate::lab::Lab::new() }"), 1);
    assert_eq!(
        found("scenario", "use crate::{units, record::Event, cli};"),
        2
    );
    assert_eq!(found("report", "use crate::judge::Verdict;"), 0);
    assert_eq!(found("judge", "use crate::report::Page;"), 1);
    assert_eq!(found("judge", "// see crate::engine"), 0);
}

/// Every source file with the top-level module that it belongs to.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    files
        .into_iter()
        .filter_map(|file| {
            let first = file.strip_prefix(&root).ok()?.components().next()?;
            let module = Path::new(first.as_os_str())
                .file_stem()?
                .to_str()?
                .to_owned();
            let text = fs::read_to_string(&file).ok()?;
            (module != "lib" && module != "bin").then_some((file, module, text))
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn forbidden_edges(module: &str, text: &str) -> Vec<String> {
    let layers: BTreeMap<&str, (u8, &[&str])> = LAYERS
        .iter()
        .map(|(name, layer, siblings)| (*name, (*layer, *siblings)))
        .collect();
    let Some((own_layer, siblings)) = layers.get(module) else {
        return Vec::new();
    };
    imported_modules(text)
        .into_iter()
        .filter(|imported| imported != module)
        .filter(|imported| match layers.get(imported.as_str()) {
            Some((layer, _)) => layer >= own_layer && !siblings.contains(&imported.as_str()),
            // An item of the crate's root: re-exports for users, not for ourselves.
            None => true,
        })
        .map(|imported| format!("{module} -> {imported}"))
        .collect()
}

/// The top-level modules named after `crate::`, alone or in braces.
fn imported_modules(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !is_comment(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut modules = Vec::new();
    for after in code.split("crate::").skip(1) {
        match after.strip_prefix('{') {
            Some(group) => modules.extend(first_names_of_group(group)),
            None => modules.push(identifier(after)),
        }
    }
    modules
}

fn first_names_of_group(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut at_name = true;
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => at_name = true,
            c if at_name && !c.is_whitespace() => {
                names.push(identifier(&group[at..]));
                at_name = false;
            }
            _ => {}
        }
    }
    names
}

fn identifier(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}
