//! What can be wrong with journeys before anything starts.

use thiserror::Error;

#[derive(Debug, Error, PartialEq, Eq)]
pub enum JourneyError {
    #[error("there is no journey {name:?}; there are {known}, and those that [[journeys]] defines")]
    Unknown { name: String, known: String },
    #[error(
        "the journey {0:?} needs the members and posts of the lab's own dataset; \
         for another service write [[journeys]] with its paths"
    )]
    NeedsDataset(String),
    #[error(
        "the journey {0:?} pays, and this scenario has no gateway: add [gateway], which may be empty"
    )]
    NeedsGateway(String),
    #[error("journey {journey:?}, step {step:?}: {part} {problem}")]
    Template {
        journey: String,
        step: String,
        part: &'static str,
        problem: String,
    },
    #[error("journey {journey:?}, step {step:?}: {problem}")]
    Step {
        journey: String,
        step: String,
        problem: String,
    },
    #[error("the load has no journeys with a weight above 0")]
    Empty,
    #[error("journey {0:?} is a goose scenario without transactions")]
    EmptyScenario(String),
}
