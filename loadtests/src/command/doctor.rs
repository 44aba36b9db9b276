//! `squall doctor`: what is installed, what is missing, and what each is for.

use std::path::PathBuf;
use std::process::ExitCode;

use super::output::say;
use crate::environment::{Account, EnvironmentError, Programs, Root, raise_file_limit, version_of};

/// A database of a million posts with its working space.
const COMFORTABLE_SPACE: u64 = 5 << 30;
/// What a pool of 10,000 users takes with some room.
const COMFORTABLE_FILES: u64 = 20_000;

/// One line of the answer.
struct Item {
    name: &'static str,
    purpose: &'static str,
    /// What was found, or what is wrong and how to mend it.
    state: Result<String, String>,
}

/// Prints the state of this machine; fails when something is missing that most commands need.
pub fn run() -> anyhow::Result<ExitCode> {
    let items = examine(&Programs::discover()?);
    for item in &items {
        let (mark, text) = match &item.state {
            Ok(found) => ("ok     ", found),
            Err(wrong) => ("MISSING", wrong),
        };
        say(format_args!("{mark}  {:<16} {}", item.name, item.purpose));
        say(format_args!("         {:<16} {text}", ""));
    }
    let complete = items.iter().all(|item| item.state.is_ok());
    Ok(if complete {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn examine(programs: &Programs) -> Vec<Item> {
    let account = Account::unprivileged();
    vec![
        Item {
            name: "cargo",
            purpose: "builds Squall and the service",
            state: version_of(&PathBuf::from("cargo"))
                .ok_or_else(|| "install it from https://rustup.rs".to_owned()),
        },
        Item {
            name: "postgres",
            purpose: "the service's database: run, up, services, test",
            state: told(programs.postgres())
                .map(|found| format!("{} in {}", found.version, found.bin.display())),
        },
        Item {
            name: "redis-server",
            purpose: "caches and locks: run and up with [redis], services, test",
            state: told(programs.redis()).map(|found| {
                let version = version_of(&found).unwrap_or_default();
                format!("{} ({version})", found.display())
            }),
        },
        Item {
            name: "haproxy",
            purpose: "several instances of the service: run, up, of scenarios with more than one; test",
            state: told(programs.haproxy()).map(|found| found.display().to_string()),
        },
        Item {
            name: "target-service",
            purpose: "the service under load: run, up",
            state: told(programs.target_service()).map(|found| found.display().to_string()),
        },
        Item {
            name: "mock-gateway",
            purpose: "the payment provider: run, up, of scenarios with [gateway]",
            state: told(programs.mock_gateway()).map(|found| found.display().to_string()),
        },
        Item {
            name: "account",
            purpose: "whom the servers run as: PostgreSQL refuses root",
            state: told(account).map(|account| {
                let whose = if account.is_own() {
                    "your own"
                } else {
                    "another, because you are root"
                };
                whose.to_owned()
            }),
        },
        Item {
            name: "disk",
            purpose: "cached databases and the directories of runs",
            state: told(account_space()),
        },
        Item {
            name: "open files",
            purpose: "each connection of the load takes one",
            state: files(),
        },
    ]
}

fn account_space() -> Result<String, EnvironmentError> {
    let root = Root::open(Account::unprivileged()?)?;
    root.require_space(COMFORTABLE_SPACE)?;
    Ok(format!("enough is free in {}", root.path().display()))
}

fn files() -> Result<String, String> {
    match raise_file_limit() {
        Ok(limit) if limit >= COMFORTABLE_FILES => Ok(format!("up to {limit}")),
        Ok(limit) => Err(format!(
            "at most {limit}: raise the hard limit (ulimit -Hn) for scenarios with thousands of users"
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn told<T>(found: Result<T, EnvironmentError>) -> Result<T, String> {
    found.map_err(|error| error.to_string())
}
