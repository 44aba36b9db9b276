//! Journeys: what one arrival does.
//!
//! All are goose transactions: those that come with squall, those written in TOML, and people's
//! own. What an arrival is and has come to lives in [`arrival`], beside the goose user that
//! carries it, so that nothing of one arrival reaches the next.

mod arrival;
mod builtin;
mod cookies;
mod definition;
mod draws;
mod error;
mod journeys;
mod own;
mod paying;
mod population;
mod prepared;
mod registering;
mod request;
mod retry;
mod retry_budget;
mod run_context;
mod step;
mod template;
mod told;
mod written;

pub mod http;

pub use arrival::{Assignment, Ending, begin, conclude, in_hand, warm_up, with_user};
pub use draws::{DrawKey, Draws};
pub use error::JourneyError;
pub use journeys::Journeys;
pub use prepared::{Prepared, PreparedJourney};
pub use request::{Answer, Request};
pub use run_context::RunContext;
pub use step::step;
pub use told::ToldLog;
