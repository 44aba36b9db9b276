//! Why a load could not be run at all.

use thiserror::Error;

use crate::journey::JourneyError;
use crate::journey::http::TargetError;

#[derive(Debug, Error)]
pub enum EngineError {
    #[error(transparent)]
    Journeys(#[from] JourneyError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("[load] headers: {0:?} is no header")]
    Header(String),
    #[error("the HTTP client could not be made: {0}")]
    Client(#[from] reqwest::Error),
    #[error("the generator's threads could not be started: {0}")]
    Threads(#[from] std::io::Error),
    #[error("goose could not be started: {0}")]
    Goose(String),
    #[error("of {users} users not all came up within {seconds} s")]
    UsersDidNotComeUp { users: usize, seconds: u64 },
    #[error("the thread that folds samples panicked")]
    Collector,
}
