//! What every environment stands on: a directory, an account, and a keeper that ends it.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::account::Account;
use super::directory::{Root, RunDirectory};
use super::error::EnvironmentError;
use super::keeper::{Keeper, KeeperEntry, Order, StopBy};
use super::launch::{Launch, Output};
use super::process::ServerProcess;
use super::programs::Programs;

const POLL: Duration = Duration::from_millis(5);

/// Says what is being waited for, when that may take long.
#[derive(Clone)]
pub struct Notice(Arc<dyn Fn(&str) + Send + Sync>);

impl Notice {
    pub fn new(say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(say))
    }

    pub fn silent() -> Self {
        Self::new(|_| ())
    }

    pub fn say(&self, message: &str) {
        (self.0)(message);
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notice")
    }
}

/// How environments are started, apart from what they consist of.
#[derive(Debug, Clone)]
pub struct Settings {
    pub programs: Programs,
    /// Keep logs, configuration and data of the servers after the end.
    pub keep: bool,
    /// Where data is cached and runs have their directories; by default in the user's cache.
    pub root: Option<PathBuf>,
    pub notice: Notice,
}

impl Settings {
    pub fn discover(notice: Notice) -> Result<Self, EnvironmentError> {
        Ok(Self {
            programs: Programs::discover()?,
            keep: false,
            root: None,
            notice,
        })
    }
}

/// Dropping it stops everything that was started in it, and removes its directory.
#[derive(Debug)]
pub struct Run {
    // Dropped first: the directory stays locked until it is removed.
    keeper: Keeper,
    directory: RunDirectory,
    root: Root,
    account: Account,
    settings: Settings,
}

impl Run {
    pub fn open(settings: &Settings) -> Result<Self, EnvironmentError> {
        let account = Account::unprivileged()?;
        let root = match &settings.root {
            Some(path) => Root::at(path.clone(), account)?,
            None => Root::open(account)?,
        };
        let keeper = Keeper::start(settings.programs.harness())?;
        let directory = RunDirectory::create(&root, settings.keep)?;
        keeper.entry().enter(Order::Directory {
            path: directory.path().to_path_buf(),
            remove: !settings.keep,
        })?;
        Ok(Self {
            keeper,
            directory,
            root,
            account,
            settings: settings.clone(),
        })
    }

    pub fn keeper(&self) -> KeeperEntry {
        self.keeper.entry()
    }

    pub fn root(&self) -> &Root {
        &self.root
    }

    pub fn directory(&self) -> &RunDirectory {
        &self.directory
    }

    /// The account of servers that refuse root.
    pub fn account(&self) -> Account {
        self.account
    }

    pub fn programs(&self) -> &Programs {
        &self.settings.programs
    }

    pub fn say(&self, message: &str) {
        self.settings.notice.say(message);
    }

    /// A launch under the harness's own account, to be refined by the caller.
    pub fn launch(&self, name: &'static str, program: &Path) -> Launch {
        Launch {
            name,
            program: program.to_path_buf(),
            arguments: Vec::new(),
            variables: Vec::new(),
            account: Account::OWN,
            stop_by: StopBy::Kill,
            run_directory: self.directory.path().to_path_buf(),
            directory: self.directory.path().to_path_buf(),
            log: self.directory.path().join(format!("{name}.log")),
            output: Output::Log,
        }
    }

    /// Starts a server.
    pub fn start(&self, launch: Launch) -> Result<ServerProcess, EnvironmentError> {
        Ok(ServerProcess::start(launch, self.keeper())?.0)
    }

    /// Runs a program to its end; its output is part of the error when it fails.
    pub async fn complete(&self, launch: Launch) -> Result<(), EnvironmentError> {
        let program = launch.program.display().to_string();
        let process = self.start(launch)?;
        process.expect_exit();
        while process.is_running() {
            tokio::time::sleep(POLL).await;
        }
        let status = process.last_status();
        if process.has_succeeded() {
            return Ok(());
        }
        Err(EnvironmentError::Failed {
            program,
            status,
            output: process.log_tail(),
        })
    }
}

/// Arguments of mixed types as a program takes them.
pub fn arguments<const N: usize>(items: [&dyn AsRef<std::ffi::OsStr>; N]) -> Vec<OsString> {
    items
        .iter()
        .map(|item| item.as_ref().to_os_string())
        .collect()
}
