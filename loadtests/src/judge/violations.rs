//! What checkers have found wrong: counted for figures, told as findings.

use std::collections::{BTreeMap, BTreeSet};

use crate::record::Finding;
use crate::scenario::Violation;

/// Of each kind so many are named in its finding; all are counted.
const NAMED: usize = 20;

/// What is wrong, each with its ids, by kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations(BTreeMap<Violation, BTreeSet<String>>);

impl Violations {
    /// How many there are of each of these kinds, 0 included.
    pub fn counts(&self, kinds: impl Iterator<Item = Violation>) -> BTreeMap<Violation, u64> {
        let count = |kind| self.0.get(&kind).map_or(0, |found| found.len() as u64);
        kinds.map(|kind| (kind, count(kind))).collect()
    }

    #[cfg(test)]
    pub(super) fn kinds(self) -> impl Iterator<Item = (Violation, BTreeSet<String>)> {
        self.0.into_iter()
    }

    /// What is not in `earlier`.
    pub fn since(mut self, earlier: &Self) -> Self {
        for (kind, known) in &earlier.0 {
            if let Some(found) = self.0.get_mut(kind) {
                found.retain(|what| !known.contains(what));
            }
        }
        self.0.retain(|_, found| !found.is_empty());
        self
    }

    /// One finding for each kind that occurred. It fails the run unless it was expected.
    pub fn findings(&self, expected: &BTreeSet<Violation>) -> Vec<Finding> {
        let finding = |(kind, found): (&Violation, &BTreeSet<String>)| {
            let named: Vec<&str> = found.iter().take(NAMED).map(String::as_str).collect();
            let more = match found.len().saturating_sub(NAMED) {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            let is_expected = expected.contains(kind);
            let as_expected = if is_expected { ", as expected" } else { "" };
            let (count, named) = (found.len(), named.join("; "));
            Finding {
                code: kind.code().to_owned(),
                detail: format!("{count}{as_expected}: {named}{more}"),
                fails: !is_expected,
            }
        };
        self.0.iter().map(finding).collect()
    }

    pub(super) fn add(&mut self, kind: Violation, what: String) {
        self.0.entry(kind).or_default().insert(what);
    }
}
