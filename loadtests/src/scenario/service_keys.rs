//! Where each key of the service's configuration was written.
//!
//! Which keys there are only the service knows. When it refuses one, this tells which line of the
//! scenario, or which argument, the key came from.

use super::diagnostic::Location;
use super::document::{Table, Value};

/// The keys of `[service]` with an arm's and the command line's laid over them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceKeys {
    places: Vec<(String, Location)>,
}

impl ServiceKeys {
    pub(super) fn of(service: &Table) -> Self {
        let mut keys = Self::default();
        keys.collect("", service);
        keys
    }

    fn collect(&mut self, above: &str, table: &Table) {
        for entry in &table.entries {
            let path = if above.is_empty() {
                entry.key.clone()
            } else {
                format!("{above}.{}", entry.key)
            };
            if let Value::Table(inner) = &entry.node.value {
                self.collect(&path, inner);
            }
            self.places.push((path, entry.key_at.clone()));
        }
    }

    /// Where a key such as `db.pool.max_size` was written, or else what it would stand in. `None`
    /// when it has nothing to do with what was written.
    pub fn place(&self, key: &str) -> Option<&Location> {
        let mut wanted = key;
        loop {
            if let Some((_, at)) = self.places.iter().find(|(path, _)| path == wanted) {
                return Some(at);
            }
            wanted = wanted.rsplit_once('.')?.0;
        }
    }
}
