//! Replaces values of a scenario by their dotted path: what arms, sweeps and `--env` do.
//!
//! A value written as `{ ... }` replaces what was there as a whole; dotted keys and `[headers]`
//! only reach the keys that they spell out. Elements of lists are addressed by their name.

use serde_json::Map;

use super::diagnostic::{Location, Problems, suggestion};
use super::document::{Entry, Node, Table, Value, parse_value};
use super::names::in_claims;

/// A value and the place in the scenario that it takes.
#[derive(Debug, Clone)]
pub(super) struct Override {
    pub(super) path: Vec<String>,
    pub(super) at: Location,
    pub(super) node: Node,
}

impl Override {
    /// The values below a key, with the whole path of each.
    pub(super) fn flatten(entry: &Entry) -> Vec<Self> {
        let mut found = Vec::new();
        collect(entry, &mut Vec::new(), &mut found);
        found
    }

    pub(super) fn key(&self) -> String {
        self.path.join(".")
    }
}

fn collect(entry: &Entry, path: &mut Vec<String>, found: &mut Vec<Override>) {
    path.push(entry.key.clone());
    match &entry.node.value {
        Value::Table(table) if !table.inline => {
            for entry in &table.entries {
                collect(entry, path, found);
            }
        }
        _ => found.push(Override {
            path: path.clone(),
            at: entry.key_at.clone(),
            node: entry.node.clone(),
        }),
    }
    path.pop();
}

/// Reads the `KEY=VALUE`s of the command line: `service.db.pool.max_size=20`.
pub(super) fn from_arguments(arguments: &[String], problems: &Problems) -> Vec<Override> {
    arguments
        .iter()
        .filter_map(|argument| from_argument(argument, problems))
        .collect()
}

fn from_argument(argument: &str, problems: &Problems) -> Option<Override> {
    let at = Location::whole(format!("--env {argument}"));
    let split = argument.split_once('=');
    let Some((key, value)) =
        split.filter(|(key, _)| key.split('.').all(|segment| !segment.trim().is_empty()))
    else {
        problems.report(
            &at,
            "is not KEY=VALUE, such as --env service.db.pool.max_size=20",
        );
        return None;
    };
    let path: Vec<String> = key
        .split('.')
        .map(|segment| segment.trim().to_owned())
        .collect();
    if path[0] == "target" {
        problems.report(
            &at,
            "where load may go is written in the scenario file only; --target says which service",
        );
        return None;
    }
    let node = parse_value(value.trim(), &at);
    Some(Override { path, at, node })
}

/// Puts a value in its place; tables on the way are made where they are missing.
pub(super) fn apply(root: &mut Table, replacement: &Override, problems: &Problems) {
    place(root, &replacement.path, replacement, problems);
}

fn place(table: &mut Table, path: &[String], replacement: &Override, problems: &Problems) {
    let [key, rest @ ..] = path else {
        return;
    };
    if table.get(key).is_none() {
        let node = Node {
            at: replacement.at.clone(),
            value: Value::Table(Table::default()),
        };
        table.entries.push(Entry {
            key: key.clone(),
            key_at: replacement.at.clone(),
            node,
        });
    }
    let Some(entry) = table.entries.iter_mut().find(|entry| entry.key == *key) else {
        return;
    };
    if rest.is_empty() {
        entry.key_at = replacement.at.clone();
        entry.node = replacement.node.clone();
        return;
    }
    let node = &mut entry.node;
    let kind = node.kind();
    match &mut node.value {
        Value::Table(table) => place(table, rest, replacement, problems),
        Value::Array(elements) => match element(elements, rest) {
            Ok(table) => place(table, &rest[1..], replacement, problems),
            Err(hint) => problems.report(
                &replacement.at,
                format!("there is no \"{}\" in {key}{hint}", rest[0]),
            ),
        },
        _ => {
            let message = format!(
                "\"{}\" leads into {key}, which is {kind} and has no keys",
                replacement.key()
            );
            problems.report(&replacement.at, message);
        }
    }
}

/// The element of a list that has this name; `Err`: what it could be instead.
fn element<'a>(elements: &'a mut [Node], path: &[String]) -> Result<&'a mut Table, String> {
    let name_of = |node: &Node| Some(node.table()?.get("name")?.text()?.to_owned());
    let wanted = in_claims(&path[0]);
    let known: Vec<String> = elements.iter().filter_map(name_of).collect();
    let found = elements
        .iter_mut()
        .find(|node| name_of(node).is_some_and(|name| in_claims(&name) == wanted));
    match (found.map(|node| &mut node.value), path.len()) {
        (Some(Value::Table(table)), 2..) => Ok(table),
        (Some(_), _) => Err(format!(
            " that could be replaced as a whole: add a key, such as {}.name",
            path[0]
        )),
        (None, _) => Err(suggestion(&path[0], known.iter().map(String::as_str))),
    }
}

/// Path to value, as records keep it.
pub(super) fn to_json<'a>(
    overrides: impl IntoIterator<Item = &'a Override>,
) -> Map<String, serde_json::Value> {
    overrides
        .into_iter()
        .map(|replacement| (replacement.key(), replacement.node.to_json()))
        .collect()
}
