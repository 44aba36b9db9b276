//! `squall up`: keeps an environment running until Ctrl-C, for use by hand.

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::environment::{self, Environment, Lab, Settings};
use crate::scenario::{Edge, EnvironmentSpec, LabSpec};

use super::output::say;
use super::{CommandResult, Exit, Failure};

/// Starts the environment, says where everything listens (with `json`: in one line of JSON, once
/// all is ready), and stops it at Ctrl-C.
pub fn run(spec: &LabSpec, json: bool, settings: &Settings) -> CommandResult {
    let spec = EnvironmentSpec::Lab(spec.clone());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("a runtime for the environment")?;
    runtime.block_on(async {
        let signals = "waiting for signals";
        let mut interrupt = signal(SignalKind::interrupt()).context(signals)?;
        let mut terminate = signal(SignalKind::terminate()).context(signals)?;
        let ends = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        tokio::pin!(ends);
        let environment = tokio::select! {
            environment = environment::start(&spec, settings) => {
                environment.map_err(super::environment_failure)?
            }
            () = &mut ends => return Err(Failure::Interrupted),
        };
        announce(&environment, json);
        ends.await;
        environment.stop().await;
        // An interrupt is how this command is meant to end.
        Ok(Exit::Success)
    })
}

fn announce(environment: &Environment, json: bool) {
    let Some(lab) = environment.lab() else { return };
    let addresses = addresses(lab, &environment.base_url());
    if json {
        say(&addresses);
        return;
    }
    for (name, address) in addresses.as_object().into_iter().flatten() {
        match address {
            Value::String(address) => say(format_args!("{name:<14} {address}")),
            Value::Object(proxies) => {
                for (edge, address) in proxies {
                    say(format_args!(
                        "{:<14} {}",
                        format!("{edge} proxy"),
                        address.as_str().unwrap_or("")
                    ));
                }
            }
            _ => {}
        }
    }
    say("Ctrl-C stops everything.");
}

fn addresses(lab: &Lab, service: &str) -> Value {
    let proxies: serde_json::Map<String, Value> = [
        ("client", Edge::Client),
        ("database", Edge::Database),
        ("redis", Edge::Redis),
        ("gateway", Edge::Gateway),
    ]
    .into_iter()
    .filter_map(|(name, edge)| {
        let address = lab.proxy()?.address(edge)?;
        Some((name.to_owned(), address.to_string().into()))
    })
    .collect();
    let mut addresses = json!({
        "service": service,
        "admin": lab.service().first().admin_url(),
        "metrics": lab.service().first().metrics_url(),
        "database": lab.service_database_url(),
        "database_admin": lab.database_url(),
        "proxies": proxies,
        "directory": lab.directory(),
    });
    if let Some(gateway) = lab.gateway() {
        addresses["gateway"] = format!("http://{}", gateway.address()).into();
        addresses["gateway_admin"] = gateway.admin_url().into();
    }
    for (number, instance) in (2..).zip(lab.service().iter().skip(1)) {
        addresses[format!("admin_{number}")] = instance.admin_url().into();
        addresses[format!("metrics_{number}")] = instance.metrics_url().into();
    }
    if let Some((redis, url)) = lab.redis().zip(lab.service_redis_url()) {
        addresses["redis"] = url.into();
        addresses["redis_direct"] = redis.url().into();
    }
    addresses
}
