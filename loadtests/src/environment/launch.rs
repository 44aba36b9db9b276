//! How a server process is started, the first time and every time after.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::account::Account;
use super::error::EnvironmentError;
use super::keeper::{RUN_MARK, StopBy};

const LOG_LINES_SHOWN: usize = 15;

#[derive(Debug, Clone)]
pub struct Launch {
    /// As messages and events call it.
    pub name: &'static str,
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub variables: Vec<(&'static str, OsString)>,
    pub account: Account,
    pub stop_by: StopBy,
    pub run_directory: PathBuf,
    /// Its working directory, which its account can enter.
    pub directory: PathBuf,
    pub log: PathBuf,
    /// Where its standard output goes.
    pub output: Output,
}

#[derive(Debug, Clone)]
pub enum Output {
    /// The log.
    Log,
    /// A file of its own.
    File(PathBuf),
    /// Standard input and output are pipes to the harness.
    Pipes,
}

impl Launch {
    /// The command of one start.
    pub fn command(&self) -> Result<Command, EnvironmentError> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env(RUN_MARK, &self.run_directory)
            .current_dir(&self.directory)
            .process_group(0)
            .stdin(Stdio::null())
            .stderr(append(&self.log)?);
        match &self.output {
            Output::Log => command.stdout(append(&self.log)?),
            Output::File(path) => command.stdout(append(path)?),
            Output::Pipes => command.stdin(Stdio::piped()).stdout(Stdio::piped()),
        };
        self.account.apply(&mut command);
        Ok(command)
    }

    /// The end of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log)
    }
}

fn append(path: &Path) -> Result<File, EnvironmentError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(EnvironmentError::file("opening", path))
}

/// The last lines of a log, or what stands in its place.
fn tail(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..];
    if shown.is_empty() {
        "(it is empty)".to_owned()
    } else {
        shown.join("\n")
    }
}
