//! What was sent, in the form in which readers and other tools want it: seconds and plain words.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::scenario::{Arrivals, LoadModel, Trial};

/// The load of one arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadSummary {
    pub model: Model,
    /// Users of a closed model; the most arrivals in flight of an open one.
    pub users: usize,
    pub attempt_timeout_s: f64,
    pub deadline_s: f64,
    /// Attempts after the first.
    pub retries: u32,
    /// Name to weight.
    pub journeys: BTreeMap<String, f64>,
    pub phases: Vec<PhasePlan>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    Poisson,
    Uniform,
    Closed,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhasePlan {
    pub name: String,
    pub duration_s: f64,
    pub warmup: bool,
    /// Arrivals per second at the start and at the end; without meaning in a closed model.
    pub rate: [f64; 2],
}

impl LoadSummary {
    pub fn of(trial: &Trial) -> Self {
        let (model, users) = match trial.load.model {
            LoadModel::Open {
                arrivals: Arrivals::Poisson,
                users,
            } => (Model::Poisson, users),
            LoadModel::Open {
                arrivals: Arrivals::Uniform,
                users,
            } => (Model::Uniform, users),
            LoadModel::Closed { users } => (Model::Closed, users),
        };
        let phases = trial.phases.iter().map(|phase| PhasePlan {
            name: phase.name.clone(),
            duration_s: phase.duration.as_secs_f64(),
            warmup: phase.warmup,
            rate: [phase.rate.from, phase.rate.to],
        });
        Self {
            model,
            users,
            attempt_timeout_s: trial.load.attempt_timeout.as_secs_f64(),
            deadline_s: trial.load.deadline.as_secs_f64(),
            retries: trial.load.retry.max,
            journeys: trial
                .load
                .journeys
                .iter()
                .map(|journey| (journey.name.clone(), journey.weight))
                .collect(),
            phases: phases.collect(),
        }
    }
}
