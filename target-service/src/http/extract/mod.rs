//! Extractors whose refusals are problem documents.

mod context;
mod fields;
mod in_order;
mod json;
mod path;
mod query;

pub use json::{BodyLimits, Json};
pub use path::Path;
pub use query::Query;
