//! What each command does. Only here do errors become messages for people, and outcomes exit codes.

use std::process::ExitCode;

use crate::environment::EnvironmentError;
use crate::judge::exit_code;
use crate::record::Verdict;

pub mod doctor;
mod git;
pub mod internal;
pub mod list;
mod live;
mod output;
pub(crate) mod plans;
mod progress;
pub mod report;
pub mod run;
mod service_keys;
pub mod services;
pub mod up;
pub mod validate;

/// How a command that did its work ended, or why it could not.
pub type CommandResult = Result<Exit, Failure>;

/// The work was done; this is what came of it.
#[derive(Debug, Clone, Copy)]
pub enum Exit {
    /// Everything held, or nothing was to be judged.
    Success,
    /// A run was judged.
    Judged(Verdict),
    /// The exit code of a command that was run for its user, or that a command chose itself.
    Code(ExitCode),
}

/// The work could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What the user wrote cannot be run; the message says where, what, and the fix.
    #[error("{0}")]
    BadInput(String),
    /// A server did not start, a file could not be written.
    #[error("{0:#}")]
    Environment(#[from] anyhow::Error),
    #[error("interrupted")]
    Interrupted,
}

impl Exit {
    pub fn code(self) -> ExitCode {
        match self {
            Self::Success => ExitCode::SUCCESS,
            Self::Judged(verdict) => ExitCode::from(exit_code(&[verdict], false)),
            Self::Code(code) => code,
        }
    }
}

impl Failure {
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Environment(_) => 1,
            Self::BadInput(_) => 2,
            Self::Interrupted => 130,
        })
    }
}

/// A configuration that the service refuses is the scenario's mistake, not the machine's.
fn environment_failure(error: EnvironmentError) -> Failure {
    if error.is_bad_input() {
        Failure::BadInput(error.to_string())
    } else {
        Failure::Environment(error.into())
    }
}
