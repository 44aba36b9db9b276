//! What can go wrong while an environment is started or kept; every message names the fix.

use std::io;
use std::path::PathBuf;

use super::keeper::KeeperError;
use super::proxy::ProxyError;

#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    #[error(
        "{program} was not found ({searched}); it comes with {package}: install that, or see `./squall doctor`"
    )]
    MissingProgram {
        program: String,
        searched: String,
        package: &'static str,
    },
    #[error(
        "PostgreSQL refuses to run as root and there is no user `postgres` or `nobody` to run it as: \
         create one, or run Squall as an ordinary user"
    )]
    NoAccount,
    #[error(
        "only {available_mb} MB are free in {directory}, {needed_mb} MB are needed: \
         free some space, or set XDG_CACHE_HOME to a directory on another disk"
    )]
    NoSpace {
        directory: PathBuf,
        available_mb: u64,
        needed_mb: u64,
    },
    #[error("{what} {path}: {source}")]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "{directory} belongs to another user: remove it, or set XDG_CACHE_HOME to a directory of your own"
    )]
    ForeignDirectory { directory: PathBuf },
    #[error("{program} could not be started: {source}")]
    Spawn { program: String, source: io::Error },
    #[error("{program} failed ({status}):\n{output}")]
    Failed {
        program: String,
        status: String,
        output: String,
    },
    #[error("{server} ended while it was starting ({status}); its log ends with:\n{log}")]
    DiedAtStart {
        server: &'static str,
        status: String,
        log: String,
    },
    #[error("{server} was not ready within {waited_s} s; its log ends with:\n{log}")]
    NotReady {
        server: &'static str,
        waited_s: u64,
        log: String,
    },
    #[error("the service refuses its configuration, table [service] of the scenario:\n{log}")]
    ServiceConfig { log: String },
    #[error("no free TCP port was found on 127.0.0.1 after {tries} tries")]
    NoPort { tries: u32 },
    #[error("PostgreSQL: {doing}: {source}")]
    Database {
        doing: &'static str,
        source: sqlx::Error,
    },
    #[error("Redis: {doing}: {reason}")]
    Redis { doing: &'static str, reason: String },
    #[error("{what} could not be read back: {reason}")]
    ReadBack { what: &'static str, reason: String },
    #[error("the service has no knob `{key}`; it has {}", known.join(", "))]
    NoKnob { key: String, known: Vec<String> },
    #[error("a runtime could not be started: {0}")]
    Runtime(io::Error),
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

impl EnvironmentError {
    /// Whether the scenario is at fault, and not the machine.
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::ServiceConfig { .. } | Self::NoKnob { .. })
    }

    pub(super) fn file(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { what, path, source }
    }
}
