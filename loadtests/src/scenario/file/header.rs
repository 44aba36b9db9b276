//! What a scenario says of itself, and how often it is run.

use crate::scenario::reader::Section;
use crate::scenario::values::{Count, Name};

/// The keys above the first section.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) hypothesis: String,
    pub(crate) shows: Vec<String>,
    pub(crate) rounds: u32,
    pub(crate) seed: u64,
}

/// The largest seed: records are read by programs that keep numbers as doubles.
pub(crate) const MAX_SEED: u64 = (1 << 53) - 1;
pub(crate) const MAX_ROUNDS: u64 = 1000;

pub(crate) fn read(root: &mut Section<'_>) -> Header {
    let name = root
        .required::<Name>("name", "\"my-scenario\"")
        .map(|name| name.0);
    let name = name.unwrap_or_default();
    Header {
        title: root.optional("title").unwrap_or_else(|| name.clone()),
        name,
        hypothesis: root.optional("hypothesis").unwrap_or_default(),
        shows: root.optional("shows").unwrap_or_default(),
        rounds: root
            .optional::<Count<1, MAX_ROUNDS>>("rounds")
            .map_or(1, |rounds| rounds.0 as u32),
        seed: root
            .optional::<Count<0, MAX_SEED>>("seed")
            .map_or(1, |seed| seed.0),
    }
}
