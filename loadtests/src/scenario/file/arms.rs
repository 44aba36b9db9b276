//! `[[arms]]` and `[sweep]`: variants of the scenario, run on the same load, data and draws.

use std::collections::BTreeSet;

use crate::scenario::diagnostic::{Location, suggestion};
use crate::scenario::document::{Node, Value};
use crate::scenario::names;
use crate::scenario::overlay::Override;
use crate::scenario::reader::Section;
use crate::scenario::values::{FromNode, Name};
use crate::scenario::violation::Violation;

use super::environment::one_of;

/// What arms may set below `load`: how clients wait and try again, never how many come.
const CLIENT_POLICIES: [&str; 5] = [
    "retry",
    "keys",
    "attempt_timeout",
    "deadline",
    "client_timeout",
];
const ALTERABLE: [&str; 5] = ["service", "gateway", "environment", "load", "phases"];

/// The only arm of a scenario that names none.
pub(crate) const DEFAULT_ARM: &str = "default";

/// An arm that has not been laid over the scenario yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct ArmDraft {
    pub(crate) name: String,
    pub(crate) overrides: Vec<Override>,
    pub(crate) expects: BTreeSet<Violation>,
    /// Where it says so, if it does.
    pub(crate) expects_at: Option<Location>,
}

/// The key that a sweep varies.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Dotted path, as in the file.
    pub key: String,
    /// Durations in seconds; one per arm, in the file's order.
    pub values: Vec<f64>,
    /// The arms' names, beside `values`.
    pub arms: Vec<String>,
}

/// The arms of a scenario, and the sweep that they come from where they do.
pub(crate) fn read(root: &mut Section<'_>) -> (Vec<ArmDraft>, Option<Sweep>) {
    let sections = root.sections("arms", "[[arms]]");
    let sweep = root.section("sweep", "[sweep]");
    if let (false, Some(sweep)) = (sections.is_empty(), &sweep) {
        sweep.complain_of_all("and [[arms]] exclude each other: a sweep makes the arms");
    }
    if let Some((sweep, drafts)) = sweep.and_then(read_sweep) {
        return (drafts, Some(sweep));
    }
    let places: Vec<Location> = sections
        .iter()
        .map(|section| section.at().clone())
        .collect();
    let drafts: Vec<Option<ArmDraft>> = sections.into_iter().map(read_arm).collect();
    let named = drafts
        .iter()
        .zip(&places)
        .filter_map(|(draft, at)| Some((draft.as_ref()?.name.as_str(), at)));
    names::report_repeated("arm", named, root.problems());
    let mut drafts: Vec<ArmDraft> = drafts.into_iter().flatten().collect();
    if drafts.is_empty() {
        drafts.push(ArmDraft {
            name: DEFAULT_ARM.to_owned(),
            ..ArmDraft::default()
        });
    }
    (drafts, None)
}

fn read_arm(mut section: Section<'_>) -> Option<ArmDraft> {
    let name = section.required::<Name>("name", "\"with_pool\"");
    let expects = section.optional::<Vec<Violation>>("expects");
    let expects_at = section.node("expects").map(|node| node.at.clone());
    let mut overrides = Vec::new();
    for replacement in section
        .others(&["name", "expects"])
        .flat_map(Override::flatten)
    {
        match check_path(&replacement.path) {
            Ok(()) => overrides.push(replacement),
            Err(complaint) => section.problems().report(&replacement.at, complaint),
        }
    }
    Some(ArmDraft {
        name: name?.0,
        overrides,
        expects: expects.into_iter().flatten().collect(),
        expects_at,
    })
}

/// Whether an arm may set this.
pub(crate) fn check_path(path: &[String]) -> Result<(), String> {
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["service" | "gateway", ..]
        | ["environment", "edges", ..]
        | ["environment", "instances" | "sticky"]
        | ["phases", _, "faults"] => Ok(()),
        ["load", policy, ..] if CLIENT_POLICIES.contains(policy) => Ok(()),
        [root, ..] if !ALTERABLE.contains(root) => Err(format!(
            "unknown key \"{root}\" in [[arms]]{}",
            suggestion(root, ALTERABLE)
        )),
        _ => Err(format!(
            "an arm cannot set \"{}\": arms run the same load on the same data, and may differ in service.*, gateway.*, \
             environment.edges.*, environment.instances, environment.sticky, phases.NAME.faults and load.{}",
            segments.join("."),
            CLIENT_POLICIES.join(", load.")
        )),
    }
}

fn read_sweep(mut section: Section<'_>) -> Option<(Sweep, Vec<ArmDraft>)> {
    let key = section.required::<String>("key", "\"service.db.pool.max_size\"");
    let values = section.required::<Vec<SweepValue>>("values", "[1, 2, 4, 8, 16, 32]");
    let key_node = section.node("key");
    let value_nodes = section.node("values").and_then(Node::array);
    let (problems, at) = (section.problems(), section.at().clone());
    section.close();
    let (key, values, key_node, value_nodes) = (key?, values?, key_node?, value_nodes?);
    let path: Vec<String> = key.split('.').map(str::to_owned).collect();
    if let Err(complaint) = check_path(&path) {
        problems.report(&key_node.at, complaint.replace("[[arms]]", "[sweep]"));
    }
    if values.len() < 2 {
        problems.report(&at, "[sweep] needs at least two values: one is no sweep");
    }
    let last = path.last().map_or("", String::as_str);
    let drafts: Vec<ArmDraft> = values
        .iter()
        .zip(value_nodes)
        .map(|(value, node)| ArmDraft {
            name: arm_name(last, &value.text),
            overrides: vec![Override {
                path: path.clone(),
                at: node.at.clone(),
                node: node.clone(),
            }],
            ..ArmDraft::default()
        })
        .collect();
    let named = drafts
        .iter()
        .zip(value_nodes)
        .map(|(draft, node)| (draft.name.as_str(), &node.at));
    names::report_repeated("arm", named, problems);
    let sweep = Sweep {
        key,
        values: values.iter().map(|value| value.number).collect(),
        arms: drafts.iter().map(|draft| draft.name.clone()).collect(),
    };
    Some((sweep, drafts))
}

/// `max_size` and `5` give `max_size_5`, `factor` and `0.5` give `factor_0_5`.
pub(crate) fn arm_name(key: &str, value: &str) -> String {
    let value = value.replace('-', "minus_");
    format!("{key}_{value}").replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

impl FromNode for Violation {
    fn from_node(node: &Node) -> Result<Self, String> {
        one_of(node, &Self::ALL.map(|kind| (kind.code(), kind)))
    }
}

/// A number or duration, so that it has a place on an axis.
struct SweepValue {
    number: f64,
    text: String,
}

impl FromNode for SweepValue {
    fn from_node(node: &Node) -> Result<Self, String> {
        match &node.value {
            Value::Text(text) => {
                let duration = std::time::Duration::from_node(node)?;
                Ok(Self {
                    number: duration.as_secs_f64(),
                    text: text.clone(),
                })
            }
            _ => Ok(Self {
                number: f64::from_node(node)?,
                text: node.to_json().to_string(),
            }),
        }
    }
}
