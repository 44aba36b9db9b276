//! After the load of a trial: waits until everybody has been told of what has happened, then compares what
//! clients heard, the service's rows and the mails that the mail server has taken.
//!
//! A comparison that cannot be made is a finding by itself: nothing unchecked passes for checked.

use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::time::{sleep, timeout};

use super::checks::Checked;
use crate::environment::Lab;
use crate::judge;
use crate::measure::deliveries::{self, Before};
use crate::record::{DELIVERED, Event};
use crate::scenario::{Trial, Violation};

/// Between two looks at what is missing.
const LOOK_EVERY: Duration = Duration::from_millis(200);
const GATHER_LIMIT: Duration = Duration::from_mins(2);

#[derive(Debug, Error)]
enum Unchecked {
    #[error("the rows of members, events and mails could not be read: {0}")]
    Rows(#[from] sqlx::Error),
    #[error("the rows of members, events and mails could not be read in time")]
    TooSlow,
}

/// Where a trial's registrations and events begin, in servers that may have seen others.
pub(super) struct DeliveryCheck {
    url: String,
    before: Result<Before, Unchecked>,
    heal: Duration,
}

impl DeliveryCheck {
    /// To be called before the load.
    pub(super) async fn prepare(lab: &Lab) -> Self {
        let url = lab.database_url();
        Self {
            before: deliveries::before(&url).await.map_err(Unchecked::from),
            heal: lab.heal(),
            url,
        }
    }

    /// `zero` is the start of the timeline, `told` the addresses of those who heard that they are registered.
    pub(super) async fn compare(self, trial: &Trial, told: Vec<String>, zero: Instant) -> Checked {
        let before = match self.before {
            Ok(before) => before,
            Err(error) => return Checked::undone("deliveries_unchecked", &error),
        };
        let calm = heal_for(self.heal, &self.url, &before).await;
        let read = timeout(GATHER_LIMIT, deliveries::read(&self.url, &before, told)).await;
        let deliveries = match read.map(|read| read.map_err(Unchecked::from)) {
            Ok(Ok(deliveries)) => deliveries,
            Ok(Err(error)) => return Checked::undone("deliveries_unchecked", &error),
            Err(_) => return Checked::undone("deliveries_unchecked", &Unchecked::TooSlow),
        };
        if deliveries.are_empty() {
            return Checked::default();
        }
        let violations = judge::check_deliveries(&deliveries);
        Checked {
            violations: Some(violations.counts(Violation::of_deliveries())),
            findings: violations.findings(&trial.expects),
            deliveries: Some(judge::count_deliveries(&deliveries)),
            delivered: calm.map(|calm| delivered(calm.saturating_duration_since(zero))),
            ..Checked::default()
        }
    }
}

fn delivered(after: Duration) -> Event {
    Event {
        at_s: after.as_secs_f64(),
        kind: DELIVERED.to_owned(),
        detail: "everybody has been told of what has happened".to_owned(),
        in_flight: None,
    }
}

/// Until nothing is missing any more, at most so long. `None`: something is missing still, which is for the
/// comparison to find.
async fn heal_for(heal: Duration, url: &str, before: &Before) -> Option<Instant> {
    let calm = async {
        loop {
            let looked = Instant::now();
            // A database that does not answer has not healed.
            if let Ok(0) = deliveries::missing(url, before).await {
                return looked;
            }
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(heal, calm).await.ok()
}
