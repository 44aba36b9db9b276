//! `[search]`: at which value of a key something stops holding. The values that may be tried are
//! settled here, before anything runs: steps of the precision from the lowest to the highest.

mod range;

use serde::{Deserialize, Serialize};

use crate::scenario::diagnostic::Location;
use crate::scenario::document::Node;
use crate::scenario::overlay::Override;
use crate::scenario::reader::Section;
use crate::scenario::values::{Count, Name};

use self::range::{Kind, Quantity, range};
use super::arms::{self, ArmDraft};

/// Runs of each value. Fewer than five cannot show that a value holds more often than not: three of
/// three, or four of four, is what chance brings about now and then.
pub(crate) const FEWEST_RUNS: u64 = 5;
const MOST_RUNS: u64 = 100;

/// In what the values of a searched key are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchUnit {
    Seconds,
    Number,
}

/// A search as it is written, with every value that it may try.
#[derive(Debug)]
pub(crate) struct SearchDraft {
    pub(crate) key: String,
    pub(crate) unit: SearchUnit,
    pub(crate) until: String,
    pub(crate) until_at: Location,
    pub(crate) arm: Option<(String, Location)>,
    pub(crate) runs: u32,
    /// Durations in seconds.
    pub(crate) precision: f64,
    /// Ascending, at least two.
    pub(crate) values: Vec<SearchValue>,
}

/// A value that may be tried.
#[derive(Debug)]
pub(crate) struct SearchValue {
    /// Durations in seconds.
    pub(crate) number: f64,
    name: String,
    replacement: Override,
}

impl SearchValue {
    /// The searched arm at this value.
    pub(crate) fn laid_over(&self, arm: &ArmDraft) -> ArmDraft {
        let mut overrides = arm.overrides.clone();
        overrides.push(self.replacement.clone());
        ArmDraft {
            name: self.name.clone(),
            overrides,
            ..arm.clone()
        }
    }
}

/// `None`: the scenario has no search, or one that cannot be read.
pub(crate) fn read(root: &mut Section<'_>) -> Option<SearchDraft> {
    let mut section = root.section("search", "[search]")?;
    for (other, instead) in [
        (
            "sweep",
            "a sweep runs all of its values, a search chooses among them",
        ),
        (
            "thresholds",
            "a search is to find where limits break; say with a claim where that may be, as in search(\"low\") >= 5",
        ),
        (
            "rounds",
            "\"runs\" in [search] says how often each value is run",
        ),
    ] {
        if root.node(other).is_some() {
            section.complain_of_all(&format!("and \"{other}\" exclude each other: {instead}"));
        }
    }
    let key = section.required::<String>("key", "\"phases.burst.duration\"");
    let low = section.required::<Quantity>("low", "\"2s\"");
    let high = section.required::<Quantity>("high", "\"20s\"");
    let precision = section.optional::<Quantity>("precision");
    let until = section.required::<String>("until", "\"after.goodput >= 0.95 * before.goodput\"");
    let arm = section.optional::<Name>("arm");
    let runs = section.optional::<Count<FEWEST_RUNS, MOST_RUNS>>("runs");
    let place = |section: &mut Section<'_>, key| {
        let node = section.node(key);
        node.map_or_else(|| section.at().clone(), |node| node.at.clone())
    };
    let arm_at = place(&mut section, "arm");
    let until_at = place(&mut section, "until");
    let range = range(&mut section, low, high, precision);
    let path = key.as_deref().and_then(|key| path(&mut section, key));
    let low_at = place(&mut section, "low");
    let high_at = place(&mut section, "high");
    let key_at = place(&mut section, "key");
    section.close();
    let (key, path, range) = (key?, path?, range?);
    let value = |grains: i128| {
        let node = Node {
            at: if grains == range.high {
                &high_at
            } else {
                &low_at
            }
            .clone(),
            value: range.kind.value(grains),
        };
        SearchValue {
            number: range.kind.number(grains),
            name: arm_name(&path, &node),
            replacement: Override {
                path: path.clone(),
                at: key_at.clone(),
                node,
            },
        }
    };
    Some(SearchDraft {
        values: range.all().map(value).collect(),
        unit: match range.kind {
            Kind::Span => SearchUnit::Seconds,
            Kind::Whole | Kind::Real => SearchUnit::Number,
        },
        precision: range.kind.number(range.step),
        key,
        until: until?,
        until_at,
        arm: arm.map(|arm| (arm.0, arm_at)),
        runs: runs.map_or(FEWEST_RUNS as u32, |runs| runs.0 as u32),
    })
}

/// The key's segments, when a search may vary it: what arms may set, and how much load comes for
/// how long.
fn path(section: &mut Section<'_>, key: &str) -> Option<Vec<String>> {
    let path: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
    let segments: Vec<&str> = path.iter().map(String::as_str).collect();
    let verdict = match segments.as_slice() {
        parts if parts.contains(&"") => Err(format!(
            "is \"{key}\", which is no dotted path such as phases.burst.duration"
        )),
        ["load", _, ..] | ["phases", _, "duration"] | ["phases", _, "rate", ..] => Ok(()),
        _ => arms::check_path(&path).map_err(|_| {
            format!(
                "is \"{key}\", which a search cannot vary: it varies a number or duration that an arm may set \
                 (service.* and others), or load.*, phases.NAME.duration or phases.NAME.rate"
            )
        }),
    };
    let node = section.node("key")?;
    match verdict {
        Ok(()) => Some(path),
        Err(complaint) => {
            section.complain("key", node, &complaint);
            None
        }
    }
}

/// `phases.brownout.duration` and `9s` give `brownout_9s`, `service.x.max_size` and 4 `max_size_4`.
fn arm_name(path: &[String], node: &Node) -> String {
    let called = match path {
        [phases, phase, _] if phases == "phases" => phase,
        _ => &path[path.len() - 1],
    };
    let json = node.to_json();
    let text = json
        .as_str()
        .map_or_else(|| json.to_string(), str::to_owned);
    arms::arm_name(called, &text)
}
