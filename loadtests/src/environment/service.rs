//! An instance of the target service.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::Value;
use toml::Table;

use super::admin_client::{answer, block_on, client};
use super::error::EnvironmentError;
use super::launch::Output;
use super::port;
use super::process::ServerProcess;
use super::run::{Run, arguments};

pub const NAME: &str = "service";

const READY_LIMIT: Duration = Duration::from_secs(30);

/// The knob that says where the service dies on purpose.
pub const FAULT_POINT: &str = "outbox.fault";
/// A service that dies instead of answering has ended by then.
const ARMED_LIMIT: Duration = Duration::from_secs(2);

/// Where the instance listens, as it says itself in its first line of output.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Addresses {
    pub service: String,
    pub admin: String,
}

#[derive(Debug)]
pub struct Service {
    process: ServerProcess,
    addresses: Addresses,
    client: reqwest::Client,
}

impl Service {
    /// Starts an instance with `config` on these surroundings, and waits until it is ready for work. The
    /// numbers of instances side by side differ.
    pub async fn start(
        run: &Run,
        number: u32,
        config: &Table,
        surroundings: &Surroundings,
    ) -> Result<Self, EnvironmentError> {
        let files = run.directory().path().join(format!("{NAME}-{number}"));
        let program = run.programs().target_service()?;
        port::start_on_free(async |port| {
            let config = with_addresses(config, surroundings, port, port::free()?);
            Self::start_with(run, &program, &files, &config).await
        })
        .await
    }

    /// `files` becomes the name of each of its files, with an extension.
    async fn start_with(
        run: &Run,
        program: &Path,
        files: &Path,
        config: &Table,
    ) -> Result<Self, EnvironmentError> {
        let file = files.with_extension("toml");
        fs::write(&file, config.to_string()).map_err(EnvironmentError::file("writing", &file))?;
        let output = files.with_extension("out");
        // Of an earlier try, whose addresses were others.
        let _ = fs::remove_file(&output);

        let mut launch = run.launch(NAME, program);
        launch.arguments = arguments([&"serve", &"--config", &file]);
        launch.output = Output::File(output.clone());
        launch.log = files.with_extension("log");
        let process = run.start(launch)?;
        let listening = async || addresses(&output).is_some();
        process
            .wait_until_ready(READY_LIMIT, listening)
            .await
            .map_err(refused_configuration)?;
        let addresses = addresses(&output).ok_or_else(|| EnvironmentError::ReadBack {
            what: "the service's addresses",
            reason: format!("{} has changed", output.display()),
        })?;
        let service = Self {
            process,
            addresses,
            client: client(),
        };
        service.wait_until_ready().await?;
        Ok(service)
    }

    /// Waits until it and what it depends on are ready for work.
    pub async fn wait_until_ready(&self) -> Result<(), EnvironmentError> {
        let url = format!("{}/readyz", self.url());
        let is_ready = async || match self.client.get(&url).send().await {
            Ok(answer) => answer.status().is_success(),
            Err(_) => false,
        };
        self.process.wait_until_ready(READY_LIMIT, is_ready).await
    }

    /// Starts it again on the same addresses, without waiting until it is ready.
    pub fn start_again(&self) -> Result<(), EnvironmentError> {
        self.process.spawn().map(drop)
    }

    /// Asks it to finish what it has begun and to end; kills it when that takes longer than `limit`.
    pub fn shut_down(&self, limit: Duration) {
        self.process.terminate(Signal::SIGTERM, limit);
    }

    pub fn process(&self) -> &ServerProcess {
        &self.process
    }

    pub fn address(&self) -> &str {
        &self.addresses.service
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.addresses.service)
    }

    pub fn metrics_url(&self) -> String {
        format!("{}/metrics", self.url())
    }

    pub fn admin_url(&self) -> String {
        format!("http://{}", self.addresses.admin)
    }

    /// The configuration as the running instance tells it, without where the lab has put it.
    pub async fn effective(&self) -> Result<Value, EnvironmentError> {
        let url = format!("{}/admin/config", self.admin_url());
        let mut config: Value =
            answer("the service's configuration", self.client.get(&url)).await?;
        for path in PLACES {
            let (sections, key) = path.rsplit_once('/').unwrap_or_default();
            let section = config.pointer_mut(sections).and_then(Value::as_object_mut);
            if let Some(section) = section {
                section.remove(key);
            }
        }
        Ok(config)
    }

    /// The present value of a setting that may change while the service runs.
    pub fn knob(&self, key: &str) -> Result<Value, EnvironmentError> {
        let knobs: Value = block_on(answer(
            "the service's knobs",
            self.client.get(self.knobs_url()),
        ))?;
        knobs
            .get(key)
            .cloned()
            .ok_or_else(|| EnvironmentError::NoKnob {
                key: key.to_owned(),
                known: knobs
                    .as_object()
                    .into_iter()
                    .flat_map(|knobs| knobs.keys().cloned())
                    .collect(),
            })
    }

    /// The new value holds for every request that begins after this returns.
    pub fn set_knob(&self, key: &str, value: &Value) -> Result<(), EnvironmentError> {
        let change = self
            .client
            .patch(self.knobs_url())
            .json(&serde_json::json!({ key: value }));
        block_on(answer::<Value>("the changed knobs", change)).map(drop)
    }

    /// From now on it dies when an event comes to `point`, which may be before this returns.
    pub fn arm(&self, point: &str) -> Result<(), EnvironmentError> {
        self.process.let_end();
        let armed = self.set_knob(FAULT_POINT, &point.into());
        if armed.is_err() && self.process.wait_until_ended(ARMED_LIMIT) {
            return Ok(());
        }
        if armed.is_err() {
            // Dead by now after all, or to be told as a surprise.
            let _ = self.process.let_go_on();
        }
        armed
    }

    /// It is not to die any more. Where it has died already, the moment.
    pub fn disarm(&self) -> Result<Option<Instant>, EnvironmentError> {
        if self.process.is_running() {
            let disarmed = self.set_knob(FAULT_POINT, &"none".into());
            if disarmed.is_err() && !self.process.wait_until_ended(ARMED_LIMIT) {
                let _ = self.process.let_go_on();
                disarmed?;
            }
        }
        match self.process.let_go_on() {
            Ok(()) => Ok(None),
            Err(ended_at) => Ok(ended_at),
        }
    }

    fn knobs_url(&self) -> String {
        format!("{}/admin/knobs", self.admin_url())
    }
}

/// The variable by which a program of the service learns its database.
pub fn database_variable(url: &str) -> (&'static str, OsString) {
    ("TARGET_SERVICE__DB__URL", url.into())
}

/// What an instance depends on: the addresses that it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    pub database: String,
    /// `None`: the lab has no payment gateway, and the service hears of none.
    pub gateway: Option<String>,
    /// `None`: the lab has no Redis, and the service hears of none.
    pub redis: Option<String>,
}

/// What the lab decides, and no scenario: pointers into the configuration.
const PLACES: [&str; 5] = [DATABASE, GATEWAY, REDIS, LISTEN, ADMIN];
const DATABASE: &str = "/db/url";
const GATEWAY: &str = "/payment/gateway/url";
const REDIS: &str = "/redis/url";
const LISTEN: &str = "/http/listen";
const ADMIN: &str = "/admin/listen";

/// The scenario's configuration with what only the lab can know. The ports stay the same over
/// restarts, so that clients find the service again.
pub(super) fn with_addresses(
    config: &Table,
    surroundings: &Surroundings,
    port: u16,
    admin: u16,
) -> Table {
    let mut config = config.clone();
    put(&mut config, DATABASE, &surroundings.database);
    if let Some(url) = &surroundings.gateway {
        put(&mut config, GATEWAY, url);
    }
    if let Some(url) = &surroundings.redis {
        put(&mut config, REDIS, url);
    }
    put(&mut config, LISTEN, &format!("127.0.0.1:{port}"));
    put(&mut config, ADMIN, &format!("127.0.0.1:{admin}"));
    config
}

/// As [`put`], by the key's dotted name.
pub(super) fn put_key(config: &mut Table, key: &str, value: &str) {
    put(config, &format!("/{}", key.replace('.', "/")), value);
}

fn put(config: &mut Table, path: &str, value: &str) {
    let (sections, key) = path.rsplit_once('/').unwrap_or_default();
    let mut table = config;
    for section in sections.split('/').skip(1) {
        let section = table.entry(section).or_insert_with(|| Table::new().into());
        // A section that is no table is left for the service to refuse.
        let Some(inner) = section.as_table_mut() else {
            return;
        };
        table = inner;
    }
    table.insert(key.to_owned(), value.into());
}

/// Its first whole line of output.
fn addresses(output: &PathBuf) -> Option<Addresses> {
    let text = fs::read_to_string(output).ok()?;
    let (line, _) = text.split_once('\n')?;
    serde_json::from_str(line).ok()
}

/// An instance that ends with the status of bad usage has refused its configuration.
fn refused_configuration(error: EnvironmentError) -> EnvironmentError {
    match error {
        EnvironmentError::DiedAtStart { status, log, .. } if status == "exit status: 2" => {
            EnvironmentError::ServiceConfig { log }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_lab_knows_goes_beside_what_the_scenario_says() {
        let config: Table = "db.pool.max_size = 7\npayment.gateway.pool = 3"
            .parse()
            .unwrap();
        let mut surroundings = Surroundings {
            database: "postgres://there".to_owned(),
            gateway: None,
            redis: None,
        };
        let without = with_addresses(&config, &surroundings, 1, 2);
        assert_eq!(without["db"]["pool"]["max_size"].as_integer(), Some(7));
        assert_eq!(without["db"]["url"].as_str(), Some("postgres://there"));
        assert_eq!(without["http"]["listen"].as_str(), Some("127.0.0.1:1"));
        assert_eq!(without["admin"]["listen"].as_str(), Some("127.0.0.1:2"));
        assert_eq!(without["payment"], config["payment"]);
        assert!(!without.contains_key("redis"));

        surroundings.gateway = Some("http://there".to_owned());
        surroundings.redis = Some("redis://there/".to_owned());
        let with = with_addresses(&config, &surroundings, 1, 2);
        let gateway = &with["payment"]["gateway"];
        assert_eq!(gateway["url"].as_str(), Some("http://there"));
        assert_eq!(gateway["pool"].as_integer(), Some(3));
        assert_eq!(with["redis"]["url"].as_str(), Some("redis://there/"));
    }

    #[test]
    fn only_the_status_of_bad_usage_blames_the_scenario() {
        let died = |status: &str| EnvironmentError::DiedAtStart {
            server: NAME,
            status: status.to_owned(),
            log: "unknown key `poll`".to_owned(),
        };
        let refused = refused_configuration(died("exit status: 2"));
        assert!(refused.is_bad_input());
        assert!(refused.to_string().contains("unknown key `poll`"));
        assert!(!refused_configuration(died("signal: 9 (SIGKILL)")).is_bad_input());
    }
}
