//! After the load of a trial: checks the service's books of points, coupons and seats.
//!
//! A check that cannot be made is a finding by itself: nothing unchecked passes for checked.

use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, sleep, timeout};

use super::checks::Checked;
use crate::environment::Lab;
use crate::judge::{self, Violations};
use crate::measure::books;
use crate::record::{Books, Tally};
use crate::scenario::{Trial, Violation};

const READ_LIMIT: Duration = Duration::from_mins(2);
const START_LIMIT: Duration = Duration::from_secs(30);
const TRY_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug, Error)]
enum Unread {
    #[error("the service's books could not be read: {0}")]
    Database(#[from] sqlx::Error),
    #[error("the service's books could not be read in time")]
    TooSlow,
}

/// What was wrong before the trial, in servers that may have seen others.
pub(super) struct BooksCheck {
    url: String,
    before: Result<(Violations, Tally), Unread>,
}

impl BooksCheck {
    /// To be called before the load.
    pub(super) async fn prepare(lab: &Lab) -> Self {
        let url = lab.database_url();
        let before = read(&url).await;
        let before = before.map(|books| (judge::check_books(&books), books.tally()));
        Self { url, before }
    }

    pub(super) async fn compare(self, trial: &Trial) -> Checked {
        let ((before, tally), after) = match (self.before, read(&self.url).await) {
            (Ok(before), Ok(after)) => (before, after),
            (Err(error), _) | (_, Err(error)) => {
                return Checked::undone("books_unchecked", &error);
            }
        };
        if after.are_empty() {
            return Checked::default();
        }
        let found = judge::check_books(&after).since(&before);
        Checked {
            violations: Some(found.counts(Violation::of_books())),
            findings: found.findings(&trial.expects),
            tally: Some(after.tally().since(tally)),
            ..Checked::default()
        }
    }
}

/// A database that was just started again may not be ready at once.
async fn read(url: &str) -> Result<Books, Unread> {
    let start = Instant::now();
    loop {
        match timeout(READ_LIMIT, books::read(url)).await {
            Ok(Ok(books)) => return Ok(books),
            Ok(Err(_)) if start.elapsed() < START_LIMIT => sleep(TRY_EVERY).await,
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(Unread::TooSlow),
        }
    }
}
