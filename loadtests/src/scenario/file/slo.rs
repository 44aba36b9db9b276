//! `[slo]`: what counts as recovered, where the level before the disturbance is not the measure.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::scenario::reader::Section;
use crate::scenario::values::{Share, Span};

/// A second is good when all that is given here holds in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// The 99th percentile of the response time is at most this.
    pub p99: Option<Duration>,
    /// At least this share of the offered arrivals is answered successfully.
    pub success: Option<f64>,
}

pub(crate) fn read(root: &mut Section<'_>) -> Option<Slo> {
    let mut section = root.section("slo", "[slo]")?;
    let p99 = section.optional::<Span>("p99").map(|span| span.0);
    let success = section.optional::<Share>("success").map(|share| share.0);
    if section.is_empty() {
        section.complain_of_all("is empty: it takes p99 = \"500ms\", success = 0.99, or both");
    }
    section.close();
    Some(Slo { p99, success })
}
