//! The private servers of a trial, joined: service, database, payment gateway, Redis, and the proxy on the
//! edges between.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::dataset;
use super::error::EnvironmentError;
use super::fleet::Fleet;
use super::gateway::Gateway;
use super::postgres::{Postgres, Purpose, Role};
use super::process::{ServerProcess, UnexpectedExit};
use super::programs::Programs;
use super::proxy::FaultProxy;
use super::redis::{self, Redis};
use super::run::{Run, Settings};
use super::service::Surroundings;
use crate::scenario::{Edge, LabSpec, Process};

#[derive(Debug)]
pub struct Lab {
    spec: LabSpec,
    service: Fleet,
    proxy: Option<FaultProxy>,
    gateway: Option<Gateway>,
    redis: Option<Redis>,
    database: Postgres,
    // Last: its end is the end of everything above.
    run: Run,
}

impl Lab {
    /// Fails when a program is missing that the lab needs.
    pub fn check(spec: &LabSpec, programs: &Programs) -> Result<(), EnvironmentError> {
        programs.postgres()?;
        programs.target_service()?;
        if spec.instances > 1 {
            programs.haproxy()?;
        }
        if spec.gateway.is_some() {
            programs.mock_gateway()?;
        }
        if spec.redis {
            programs.redis()?;
        }
        Ok(())
    }

    pub async fn start(spec: &LabSpec, settings: &Settings) -> Result<Self, EnvironmentError> {
        Self::check(spec, &settings.programs)?;
        let run = Run::open(settings)?;
        let install = run.programs().postgres()?;
        let cluster = dataset::seeded(&run, &install, &spec.dataset, "database").await?;
        cluster.write_back();
        let database = Postgres::start(&run, &install, cluster, Purpose::Trial).await?;
        database.count_statements(&install).await?;
        let gateway = match &spec.gateway {
            Some(behaviour) => Some(Gateway::start(&run, behaviour).await?),
            None => None,
        };
        let redis = if spec.redis {
            Some(Redis::start(&run).await?)
        } else {
            None
        };
        let is_proxied = !spec.edges.is_empty();
        let proxy = is_proxied.then(|| FaultProxy::start(&run)).transpose()?;
        let database_address = on_edge(proxy.as_ref(), spec, Edge::Database, &database.address())?;
        let gateway_address = gateway
            .as_ref()
            .map(|gateway| on_edge(proxy.as_ref(), spec, Edge::Gateway, &gateway.address()))
            .transpose()?;
        let redis_address = redis
            .as_ref()
            .map(|redis| on_edge(proxy.as_ref(), spec, Edge::Redis, &redis.address()))
            .transpose()?;
        let surroundings = Surroundings {
            database: database.url(Role::Service, &database_address),
            gateway: gateway_address.map(|address| format!("http://{address}")),
            redis: redis_address.map(|address| redis::url(&address)),
        };
        let service = Fleet::start(&run, spec, &surroundings).await?;
        on_edge(proxy.as_ref(), spec, Edge::Client, service.address())?;
        Ok(Self {
            spec: spec.clone(),
            service,
            proxy,
            gateway,
            redis,
            database,
            run,
        })
    }

    pub fn base_url(&self) -> String {
        let proxied = self
            .proxy
            .as_ref()
            .and_then(|proxy| proxy.address(Edge::Client));
        let address = proxied.map_or_else(
            || self.service.address().to_owned(),
            |address| address.to_string(),
        );
        format!("http://{address}")
    }

    pub fn service(&self) -> &Fleet {
        &self.service
    }

    pub fn database(&self) -> &Postgres {
        &self.database
    }

    pub fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }

    pub fn redis(&self) -> Option<&Redis> {
        self.redis.as_ref()
    }

    /// As the service connects, proxy included.
    pub fn service_redis_url(&self) -> Option<String> {
        let redis = self.redis.as_ref()?;
        let proxied = self
            .proxy
            .as_ref()
            .and_then(|proxy| proxy.address(Edge::Redis));
        Some(proxied.map_or_else(|| redis.url(), |address| redis::url(&address.to_string())))
    }

    /// How long open payments may take to become final.
    pub fn heal(&self) -> Duration {
        self.spec.heal
    }

    pub fn proxy(&self) -> Option<&FaultProxy> {
        self.proxy.as_ref()
    }

    /// Of every instance and of the gateway, not through any proxy.
    pub fn metrics_urls(&self) -> Vec<(Process, String)> {
        let instances = self
            .service
            .iter()
            .map(|service| (Process::Service, service.metrics_url()));
        let gateway = self.gateway.iter();
        instances
            .chain(gateway.map(|gateway| (Process::Gateway, gateway.metrics_url())))
            .collect()
    }

    /// As superuser and not through any proxy: for the server's counters, also when the service has
    /// taken all connections.
    pub fn database_url(&self) -> String {
        self.database.url(Role::Superuser, &self.database.address())
    }

    /// As the service connects, proxy included.
    pub fn service_database_url(&self) -> String {
        let proxied = self
            .proxy
            .as_ref()
            .and_then(|proxy| proxy.address(Edge::Database));
        let address =
            proxied.map_or_else(|| self.database.address(), |address| address.to_string());
        self.database.url(Role::Service, &address)
    }

    /// Logs, configuration and data of this lab's servers.
    pub fn directory(&self) -> &Path {
        self.run.directory().path()
    }

    pub async fn effective(&self) -> Result<serde_json::Value, EnvironmentError> {
        let edges: BTreeMap<Edge, serde_json::Value> = self
            .spec
            .edges
            .iter()
            .map(|(edge, conditions)| {
                let latency_ms = crate::units::millis(conditions.latency);
                (*edge, json!({ "latency_ms": latency_ms }))
            })
            .collect();
        let mut effective = json!({
            "service": self.service.first().effective().await?,
            "instances": self.spec.instances,
            "database": self.database.effective().await?,
            "dataset": self.spec.dataset,
            "edges": edges,
        });
        if let Some(gateway) = &self.gateway {
            effective["gateway"] = json!(gateway.effective().await?);
        }
        if let Some(redis) = &self.redis {
            effective["redis"] = redis.effective()?;
        }
        Ok(effective)
    }

    pub fn cpu_time(&self) -> BTreeMap<Process, Duration> {
        let gateway = self.gateway.as_ref().map(Gateway::process);
        let redis = self.redis.as_ref().map(Redis::process);
        [
            (Process::Service, self.service.cpu_time()),
            (Process::Database, self.database.process().cpu_time()),
        ]
        .into_iter()
        .chain(gateway.map(|process| (Process::Gateway, process.cpu_time())))
        .chain(redis.map(|process| (Process::Redis, process.cpu_time())))
        .collect()
    }

    pub fn take_unexpected_exits(&self) -> Vec<UnexpectedExit> {
        let mut exits: Vec<UnexpectedExit> = self
            .processes()
            .flat_map(ServerProcess::take_unexpected_exits)
            .collect();
        exits.sort_by_key(|exit| exit.at);
        exits
    }

    fn processes(&self) -> impl Iterator<Item = &ServerProcess> {
        let proxy = self.proxy.as_ref().map(FaultProxy::process);
        self.service
            .processes()
            .chain([self.database.process()])
            .chain(proxy)
            .chain(self.gateway.as_ref().map(Gateway::process))
            .chain(self.redis.as_ref().map(Redis::process))
    }
}

/// Where callers of `edge` reach what listens at `upstream`: through a proxy if the edge has one.
fn on_edge(
    proxy: Option<&FaultProxy>,
    spec: &LabSpec,
    edge: Edge,
    upstream: &str,
) -> Result<String, EnvironmentError> {
    let (Some(proxy), Some(conditions)) = (proxy, spec.edges.get(&edge)) else {
        return Ok(upstream.to_owned());
    };
    let address: SocketAddr = upstream.parse().map_err(|_| EnvironmentError::ReadBack {
        what: "an address",
        reason: format!("{upstream} is not IP:PORT"),
    })?;
    Ok(proxy.open(edge, address, *conditions)?.to_string())
}
