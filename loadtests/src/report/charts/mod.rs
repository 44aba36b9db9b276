//! Which charts a record has, and what is drawn in them.

mod breaker;
mod compared;
mod over_time;
mod search;
mod spectrum;
mod sweep;
mod time_split;

use crate::record::show::number;
use crate::record::store::StoredRecord;

use super::svg::Chart;

/// The charts of a record: those that compare arms, then each arm's own.
#[derive(Debug, Default)]
pub struct Charts {
    pub overview: Vec<Chart>,
    /// By arm, in the record's order; arms that were not run have none.
    pub by_arm: Vec<(String, Vec<Chart>)>,
}

impl Charts {
    pub fn iter(&self) -> impl Iterator<Item = &Chart> {
        self.overview
            .iter()
            .chain(self.by_arm.iter().flat_map(|(_, charts)| charts))
    }

    pub fn of_arm(&self, arm: &str) -> &[Chart] {
        self.by_arm
            .iter()
            .find(|(name, _)| name == arm)
            .map_or(&[], |(_, charts)| charts)
    }
}

pub fn of(record: &StoredRecord) -> Charts {
    let document = &record.document;
    let measured = document.arms.iter().filter(|arm| !arm.rounds.is_empty());
    let mut overview = sweep::charts(document);
    overview.extend(search::chart(document));
    // The timelines of a search's arms may differ, so that they cannot share one axis of time.
    if document.search.is_none() && measured.clone().count() > 1 {
        overview.extend(compared::charts(document));
    }
    overview.extend(time_split::chart(document));
    overview.extend(spectrum::chart(record));
    let by_arm = measured
        .map(|arm| (arm.name.clone(), over_time::of_arm(document, arm)))
        .collect();
    Charts { overview, by_arm }
}

/// Milliseconds with the unit that reads best.
fn millis(value: f64) -> String {
    if value >= 1000.0 {
        format!("{} s", number(value / 1000.0))
    } else {
        format!("{} ms", number(value))
    }
}

/// A file name: letters, digits, hyphens.
fn slug(name: &str) -> String {
    name.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect()
}
