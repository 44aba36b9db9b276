//! The instances of the service, and the balancer in front when there are several.

use std::time::Duration;

use serde_json::Value;

use super::balancer::Balancer;
use super::error::EnvironmentError;
use super::process::ServerProcess;
use super::run::Run;
use super::service::{Service, Surroundings};
use crate::scenario::LabSpec;

#[derive(Debug)]
pub struct Fleet {
    first: Service,
    others: Vec<Service>,
    balancer: Option<Balancer>,
}

impl Fleet {
    /// Starts every instance, then the balancer, and waits until all of them are ready for work.
    pub async fn start(
        run: &Run,
        spec: &LabSpec,
        surroundings: &Surroundings,
    ) -> Result<Self, EnvironmentError> {
        let first = Service::start(run, 1, &spec.service, surroundings).await?;
        let mut others = Vec::new();
        for number in 2..=spec.instances {
            others.push(Service::start(run, number, &spec.service, surroundings).await?);
        }
        let mut fleet = Self {
            first,
            others,
            balancer: None,
        };
        if spec.instances > 1 {
            let addresses: Vec<&str> = fleet.iter().map(Service::address).collect();
            fleet.balancer = Some(Balancer::start(run, &addresses, spec.sticky).await?);
        }
        Ok(fleet)
    }

    /// The one that the faults of a process are about.
    pub fn first(&self) -> &Service {
        &self.first
    }

    pub fn iter(&self) -> impl Iterator<Item = &Service> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Where clients reach the service.
    pub fn address(&self) -> &str {
        self.balancer
            .as_ref()
            .map_or_else(|| self.first.address(), Balancer::address)
    }

    /// The present value of a knob, which is the same in every instance.
    pub fn knob(&self, key: &str) -> Result<Value, EnvironmentError> {
        self.first.knob(key)
    }

    /// In every instance.
    pub fn set_knob(&self, key: &str, value: &Value) -> Result<(), EnvironmentError> {
        self.iter()
            .try_for_each(|service| service.set_knob(key, value))
    }

    /// What all instances have used.
    pub fn cpu_time(&self) -> Duration {
        let times = self.iter().map(|service| service.process().cpu_time());
        times.sum()
    }

    pub fn processes(&self) -> impl Iterator<Item = &ServerProcess> {
        let balancer = self.balancer.iter().map(Balancer::process);
        self.iter().map(Service::process).chain(balancer)
    }
}
