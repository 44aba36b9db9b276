//! Rows of a table in JSON, each on a line of its own.
//!
//! A record has a row for every second of every trial: one figure to a line would make nine tenths of the
//! file of them, and neither a reader nor a diff would find anything else.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::to_raw_value;

pub(super) fn serialize<T: Serialize, S: Serializer>(
    rows: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        rows.iter()
            .map(to_raw_value)
            .collect::<Result<Vec<_>, _>>()
            .map_err(S::Error::custom)?,
    )
}
