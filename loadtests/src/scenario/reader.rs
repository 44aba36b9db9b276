//! Reads the keys of one table of the file by their types, and complains about the rest.
//!
//! A value that cannot be read is reported and then treated as absent, so that reading goes on
//! to the next mistake.

use super::diagnostic::{Location, Problems, suggestion};
use super::document::{Entry, Node, Table, Value};
use super::values::FromNode;

/// A table that is being read.
pub(super) struct Section<'a> {
    /// As messages call it: `[[phases]]`.
    title: String,
    table: &'a Table,
    at: Location,
    problems: &'a Problems,
    read: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        title: impl Into<String>,
        table: &'a Table,
        at: &Location,
        problems: &'a Problems,
    ) -> Self {
        Self {
            title: title.into(),
            table,
            at: at.clone(),
            problems,
            read: Vec::new(),
        }
    }

    /// `None`, and a problem, when the value is no table.
    pub(super) fn open(
        title: impl Into<String>,
        node: &'a Node,
        problems: &'a Problems,
    ) -> Option<Self> {
        let title = title.into();
        let Value::Table(table) = &node.value else {
            problems.report(
                &node.at,
                format!("{title} must be a table, not {}", node.kind()),
            );
            return None;
        };
        Some(Self::new(title, table, &node.at, problems))
    }

    pub(super) fn at(&self) -> &Location {
        &self.at
    }

    /// The table as it stands, for keys that are not ours to know.
    pub(super) fn to_toml(&self) -> toml::Table {
        self.table.to_toml()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.table.entries.is_empty()
    }

    pub(super) fn problems(&self) -> &'a Problems {
        self.problems
    }

    /// The value of a key as it stands.
    pub(super) fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.read.contains(&key) {
            self.read.push(key);
        }
        self.table.get(key)
    }

    /// A value that may be left out.
    pub(super) fn optional<T: FromNode>(&mut self, key: &'static str) -> Option<T> {
        let node = self.node(key)?;
        T::from_node(node)
            .map_err(|complaint| self.complain(key, node, &complaint))
            .ok()
    }

    /// A value that must be there.
    pub(super) fn required<T: FromNode>(&mut self, key: &'static str, example: &str) -> Option<T> {
        if self.table.get(key).is_none() {
            self.missing(key, example);
        }
        self.optional(key)
    }

    pub(super) fn missing(&self, key: &str, example: &str) {
        self.problems.report(
            &self.at,
            format!("{} needs \"{key}\": {key} = {example}", self.title),
        );
    }

    /// The elements of a list of tables, each opened as a section; absent is empty.
    pub(super) fn sections(&mut self, key: &'static str, title: &str) -> Vec<Section<'a>> {
        let Some(node) = self.node(key) else {
            return Vec::new();
        };
        let Some(elements) = node.array() else {
            self.complain(
                key,
                node,
                &format!("must be a list of tables, not {}", node.kind()),
            );
            return Vec::new();
        };
        elements
            .iter()
            .filter_map(|element| Section::open(title, element, self.problems))
            .collect()
    }

    /// A table within this one; absent is `None`.
    pub(super) fn section(&mut self, key: &'static str, title: &str) -> Option<Section<'a>> {
        let node = self.node(key)?;
        Section::open(title, node, self.problems)
    }

    /// The entries of a table whose keys are the user's own; absent is empty.
    pub(super) fn entries(&mut self, key: &'static str) -> &'a [Entry] {
        let Some(node) = self.node(key) else {
            return &[];
        };
        if let Some(table) = node.table() {
            return &table.entries;
        }
        self.complain(key, node, &format!("must be a table, not {}", node.kind()));
        &[]
    }

    /// The entries of this table but for some; they count as read.
    pub(super) fn others(
        &self,
        known: &'static [&str],
    ) -> impl Iterator<Item = &'a Entry> + use<'a> {
        self.table
            .entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
    }

    /// Reports a problem with the value of a key.
    pub(super) fn complain(&self, key: &str, node: &Node, complaint: &str) {
        self.problems
            .report(&node.at, format!("\"{key}\" in {} {complaint}", self.title));
    }

    /// Reports a problem with the section as a whole.
    pub(super) fn complain_of_all(&self, complaint: &str) {
        self.problems
            .report(&self.at, format!("{} {complaint}", self.title));
    }

    /// Every key must have been asked for by now.
    pub(super) fn close(self) {
        for entry in &self.table.entries {
            if !self.read.contains(&entry.key.as_str()) {
                let hint = suggestion(&entry.key, self.read.iter().copied());
                self.problems.report(
                    &entry.key_at,
                    format!("unknown key \"{}\" in {}{hint}", entry.key, self.title),
                );
            }
        }
    }
}
