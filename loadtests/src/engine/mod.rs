//! Runs the load of a trial in an open model (or a closed one) and tells what became of it.
//!
//! [`schedule`] says when arrivals come, [`pacer`] releases them, [`tickets`] hands them to users,
//! [`pump`] is the users' work inside goose, [`carry`] one arrival's. [`supervise`] holds them
//! together. Users have runtimes of their own ([`crews`]); one that does not come to rest is left behind.
//! Against a machine that stands still for moments there are two of each: see [`placement`].

mod carry;
mod crews;
mod dashboard;
mod error;
mod limits;
mod measurements;
mod pacer;
mod placement;
mod precedence;
mod progress;
mod pump;
mod schedule;
mod supervise;
mod tickets;
mod trial_run;

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::journey::Journeys;
use crate::measure::SampleFile;
use crate::scenario::Trial;

pub use error::EngineError;
pub use measurements::{GeneratorFacts, LoadMeasurements};
pub use progress::{Progress, ProgressSnapshot};
pub use schedule::{Schedule, ScheduledArrival};

/// What a load needs beside its trial.
pub struct EngineInput<'a> {
    pub trial: &'a Trial,
    /// Where the target listens: scheme, host, port.
    pub base_url: &'a str,
    pub journeys: &'a Journeys,
    /// Cancelled: no more arrivals are released, those under way get a moment to end.
    pub stop: CancellationToken,
    /// Called once, when all users are up and just before the first ticket, with the start of the
    /// timeline: faults and scrapes are counted from there.
    pub on_start: Box<dyn FnOnce(Instant) + 'a>,
    pub progress: Arc<Progress>,
    /// Where one line per arrival goes.
    pub samples: Option<Arc<Mutex<SampleFile>>>,
    /// The loopback port on which goose's live dashboard shows this load, if it is to.
    pub live: Option<u16>,
}

/// Runs the load. Blocks the calling thread until it is over: at the latest one deadline and a few
/// seconds after the end of the timeline, whatever the target does.
pub fn run(input: EngineInput<'_>) -> Result<LoadMeasurements, EngineError> {
    supervise::supervise(input)
}
