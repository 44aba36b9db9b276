//! The mock payment gateway of a trial: started, disturbed while faults hold, and asked in the end
//! what it has charged.
//!
//! It is never started again: its ledger is the witness of what was charged.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::admin_client::{answer, client, patch, read};
use super::error::EnvironmentError;
use super::launch::Output;
use super::process::ServerProcess;
use super::run::{Run, arguments};
use crate::gateway::{Addresses, Charge, LedgerPage};
use crate::scenario::{GatewayBehaviour, GatewayFault};

pub const NAME: &str = "gateway";

const BEHAVIOUR: &str = "/admin/behaviour";
const METERS: &str = "the gateway's meters";
const READY_LIMIT: Duration = Duration::from_secs(20);
/// A ledger of a long trial is large.
const LEDGER_LIMIT: Duration = Duration::from_mins(1);

/// One fault among those that hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GatewayFaultId(u64);

#[derive(Debug)]
pub struct Gateway {
    process: ServerProcess,
    addresses: Addresses,
    /// As the scenario wants it, faults apart.
    standing: GatewayBehaviour,
    faults: Mutex<Faults>,
    client: reqwest::Client,
}

#[derive(Debug, Default)]
struct Faults {
    last_id: u64,
    held: Vec<(GatewayFaultId, GatewayFault)>,
}

impl Gateway {
    /// Starts a gateway and waits until it says where it listens.
    pub async fn start(run: &Run, behaviour: &GatewayBehaviour) -> Result<Self, EnvironmentError> {
        let program = run.programs().mock_gateway()?;
        let directory = run.directory().path();
        let file = directory.join("gateway.toml");
        let written = toml::to_string(behaviour).map_err(|error| EnvironmentError::File {
            what: "writing",
            path: file.clone(),
            source: std::io::Error::other(error),
        })?;
        fs::write(&file, written).map_err(EnvironmentError::file("writing", &file))?;
        let output = directory.join("gateway.out");

        let mut launch = run.launch(NAME, &program);
        launch.arguments = arguments([&"--config", &file]);
        launch.output = Output::File(output.clone());
        let process = run.start(launch)?;
        let listening = async || addresses(&output).is_some();
        process.wait_until_ready(READY_LIMIT, listening).await?;
        let addresses = addresses(&output).ok_or_else(|| EnvironmentError::ReadBack {
            what: "the gateway's addresses",
            reason: format!("{} has changed", output.display()),
        })?;
        Ok(Self {
            process,
            addresses,
            standing: behaviour.clone(),
            faults: Mutex::default(),
            client: client(),
        })
    }

    pub fn process(&self) -> &ServerProcess {
        &self.process
    }

    /// Not through any proxy.
    pub fn address(&self) -> String {
        self.addresses.gateway.to_string()
    }

    pub fn admin_url(&self) -> String {
        format!("http://{}", self.addresses.admin)
    }

    pub fn metrics_url(&self) -> String {
        format!("{}/metrics", self.admin_url())
    }

    /// The behaviour as the running gateway tells it.
    pub async fn effective(&self) -> Result<GatewayBehaviour, EnvironmentError> {
        let url = format!("{}{BEHAVIOUR}", self.admin_url());
        let request = self.client.get(url);
        answer("the gateway's behaviour", request).await
    }

    /// All that was ever charged, cancelled charges too: what a checker compares with the service.
    pub async fn ledger(&self) -> Result<Vec<Charge>, EnvironmentError> {
        let url = format!("http://{}/payments", self.address());
        let request = self.client.get(url).timeout(LEDGER_LIMIT);
        let page: LedgerPage = answer("the gateway's ledger", request).await?;
        Ok(page.items)
    }

    /// How many requests it works on or lets wait, for callers that have gone, too.
    pub async fn under_way(&self) -> Result<u64, EnvironmentError> {
        let unreadable = |error: reqwest::Error| EnvironmentError::ReadBack {
            what: METERS,
            reason: error.to_string(),
        };
        let answer = self
            .client
            .get(self.metrics_url())
            .send()
            .await
            .map_err(unreadable)?;
        let text = answer.text().await.map_err(unreadable)?;
        Ok(meter(&text, "gateway_in_work ")? + meter(&text, "gateway_waiting ")?)
    }

    /// How many payments its callers wait for. It may be asked from a thread without a runtime.
    pub fn payments_awaited(&self) -> Result<u64, EnvironmentError> {
        let text = read(METERS, self.addresses.admin, "/metrics")?;
        meter(&text, "gateway_payments_awaited ")
    }

    /// The fault holds when this returns, for work that waits, too. Several hold together; of two of
    /// one kind the later one.
    pub fn add(&self, fault: GatewayFault) -> Result<GatewayFaultId, EnvironmentError> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.last_id += 1;
        let id = GatewayFaultId(faults.last_id);
        faults.held.push((id, fault));
        let changed = self.set(fault, &faults);
        if changed.is_err() {
            faults.held.retain(|(held, _)| *held != id);
        }
        changed.map(|()| id)
    }

    /// The fault is gone when this returns, and what was there without it is back.
    pub fn remove(&self, id: GatewayFaultId) -> Result<(), EnvironmentError> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(index) = faults.held.iter().position(|(held, _)| *held == id) else {
            return Ok(());
        };
        let (_, fault) = faults.held.remove(index);
        self.set(fault, &faults)
    }

    /// Brings the key that `changed` is about to what it is with the faults that hold.
    fn set(&self, changed: GatewayFault, faults: &Faults) -> Result<(), EnvironmentError> {
        let behaviour = self
            .standing
            .with(faults.held.iter().map(|(_, held)| *held));
        patch(
            "the gateway's changed behaviour",
            self.addresses.admin,
            BEHAVIOUR,
            &key_of(changed, &behaviour),
        )
    }
}

/// The one key that a fault acts on; what somebody changes by hand besides stays.
fn key_of(fault: GatewayFault, behaviour: &GatewayBehaviour) -> Value {
    match fault {
        GatewayFault::Capacity(_) => json!({ "capacity": behaviour.capacity }),
        GatewayFault::Latency(_) => json!({ "latency": behaviour.latency }),
        GatewayFault::Errors(_) => json!({ "error_share": behaviour.error_share }),
        GatewayFault::AnswerLost(_) => {
            json!({ "answer_lost_share": behaviour.answer_lost_share })
        }
        GatewayFault::Declines(_) => json!({ "decline_share": behaviour.decline_share }),
    }
}

/// The value of the series that a line begins with.
fn meter(text: &str, series: &str) -> Result<u64, EnvironmentError> {
    let line = text.lines().find_map(|line| line.strip_prefix(series));
    let number = line.and_then(|rest| rest.trim().parse::<f64>().ok());
    let number = number.ok_or_else(|| EnvironmentError::ReadBack {
        what: METERS,
        reason: format!("there is no {series}"),
    })?;
    Ok(number as u64)
}

/// Its first whole line of output.
fn addresses(output: &Path) -> Option<Addresses> {
    let text = fs::read_to_string(output).ok()?;
    let (line, _) = text.split_once('\n')?;
    serde_json::from_str(line).ok()
}
