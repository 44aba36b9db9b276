//! `[[claims]]` and `[[thresholds]]`: what is said of the figures. Here they are text with a place;
//! whoever judges them knows their language and the names in them.

use crate::scenario::diagnostic::Location;
use crate::scenario::reader::Section;

/// A boolean expression over the arms' figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub says: String,
    pub check: String,
    /// Where `check` is written.
    pub at: Location,
}

/// A rule on the figures of an arm, in goose's syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    /// As written; `None`: every arm, each by itself.
    pub arm: Option<String>,
    /// As written; `None`: all judged phases together.
    pub phase: Option<String>,
    pub rule: String,
    /// Where `rule` is written.
    pub at: Location,
}

pub(crate) fn read_claims(root: &mut Section<'_>) -> Vec<Claim> {
    let sections = root.sections("claims", "[[claims]]");
    sections.into_iter().filter_map(read_claim).collect()
}

fn read_claim(mut section: Section<'_>) -> Option<Claim> {
    let says = section.required::<String>("says", "\"The pool shields the database\"");
    let check =
        section.required::<String>("check", "\"arm.a.burst.goodput > arm.b.burst.goodput\"");
    let at = place_of("check", &mut section);
    section.close();
    Some(Claim {
        says: says?,
        check: check?,
        at,
    })
}

pub(crate) fn read_thresholds(root: &mut Section<'_>) -> Vec<Threshold> {
    let sections = root.sections("thresholds", "[[thresholds]]");
    sections.into_iter().filter_map(read_threshold).collect()
}

fn read_threshold(mut section: Section<'_>) -> Option<Threshold> {
    let arm = section.optional::<String>("arm");
    let phase = section.optional::<String>("phase");
    let rule = section.required::<String>("rule", "\"p99<500ms\"");
    let at = place_of("rule", &mut section);
    section.close();
    Some(Threshold {
        arm,
        phase,
        rule: rule?,
        at,
    })
}

fn place_of(key: &'static str, section: &mut Section<'_>) -> Location {
    section
        .node(key)
        .map_or_else(|| section.at().clone(), |node| node.at.clone())
}
