//! What a trial runs against: private servers of its own, or somebody else's service.
//!
//! Whatever is started here is stopped again, however the harness ends; `keeper` sees to that.
//!
//! | file | job |
//! |---|---|
//! | `lab` | joins the parts of a trial: database, gateway, proxy, service |
//! | `services` | PostgreSQL and Redis alone, for a command |
//! | `run`, `directory`, `account`, `port`, `programs` | what every part stands on |
//! | `launch`, `process`, `process_table`, `keeper` | processes: started, watched, ended |
//! | `postgres`, `redis`, `gateway`, `service`, `balancer`, `proxy` | the parts |
//! | `fleet` | the instances of the service, with their balancer |
//! | `admin_client` | speaks to the parts that can be changed while they run |
//! | `service_check` | the service's opinion of a configuration, before anything is started |
//! | `dataset`, `cluster_cache` | what the database holds, made once and copied |

mod account;
mod admin_client;
mod balancer;
mod cluster_cache;
mod dataset;
mod directory;
mod error;
mod file_limit;
mod fleet;
mod gateway;
pub mod keeper;
mod lab;
mod launch;
mod port;
mod postgres;
mod process;
pub mod process_table;
mod programs;
pub mod proxy;
mod redis;
mod run;
mod service;
mod service_check;
mod services;

use std::collections::BTreeMap;
use std::time::Duration;

pub use account::Account;
pub use directory::Root;
pub use error::EnvironmentError;
pub use file_limit::raise as raise_file_limit;
pub use gateway::{Gateway, GatewayFaultId};
pub use lab::Lab;
pub use process::UnexpectedExit;
pub use programs::{BIN_DIR_VARIABLE, PostgresInstall, Programs, version_of};
pub use redis::Redis;
pub use run::{Notice, Run, Settings};
pub use service_check::{Refusal, refusal};
pub use services::Services;

use crate::scenario::{EnvironmentSpec, Process};

/// A running environment. Dropping it stops everything and removes what it left on disk.
#[derive(Debug)]
pub enum Environment {
    /// Nothing of ours: there is nothing to read back, to disturb or to stop.
    External {
        base_url: String,
    },
    Lab(Box<Lab>),
}

/// Starts what `spec` describes and waits until it is ready.
pub async fn start(
    spec: &EnvironmentSpec,
    settings: &Settings,
) -> Result<Environment, EnvironmentError> {
    match spec {
        EnvironmentSpec::External { base_url } => Ok(Environment::External {
            base_url: base_url.clone(),
        }),
        EnvironmentSpec::Lab(spec) => {
            let lab = Lab::start(spec, settings).await?;
            Ok(Environment::Lab(Box::new(lab)))
        }
    }
}

/// Fails when a program is missing that `spec` needs; to be asked before anything is started.
pub fn check(spec: &EnvironmentSpec, programs: &Programs) -> Result<(), EnvironmentError> {
    match spec {
        EnvironmentSpec::External { .. } => Ok(()),
        EnvironmentSpec::Lab(spec) => Lab::check(spec, programs),
    }
}

impl Environment {
    /// Where the load goes: through the proxy of the client edge if there is one. Without a
    /// trailing slash.
    pub fn base_url(&self) -> String {
        match self {
            Self::External { base_url } => base_url.clone(),
            Self::Lab(lab) => lab.base_url(),
        }
    }

    pub fn lab(&self) -> Option<&Lab> {
        match self {
            Self::External { .. } => None,
            Self::Lab(lab) => Some(lab),
        }
    }

    /// The configuration as the running parts tell it.
    pub async fn effective(&self) -> Result<serde_json::Value, EnvironmentError> {
        match self {
            Self::External { base_url } => Ok(serde_json::json!({ "target": base_url })),
            Self::Lab(lab) => lab.effective().await,
        }
    }

    /// CPU time that each of our own parts has used since its first start.
    pub fn cpu_time(&self) -> BTreeMap<Process, Duration> {
        self.lab().map(Lab::cpu_time).unwrap_or_default()
    }

    /// Parts that ended although nobody asked them to, each told once.
    pub fn take_unexpected_exits(&self) -> Vec<UnexpectedExit> {
        self.lab()
            .map(Lab::take_unexpected_exits)
            .unwrap_or_default()
    }

    /// Stops everything, and returns when nothing is left.
    pub async fn stop(self) {
        // Waiting for processes blocks; the runtime may have but one thread.
        let stopping = tokio::task::spawn_blocking(move || drop(self));
        // It fails only when the runtime is being shut down, which waits for blocking work.
        let _ = stopping.await;
    }
}
