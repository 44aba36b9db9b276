//! All journeys that a scenario can name.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use goose::goose::{Scenario, Transaction, TransactionFunction};

use crate::scenario::{EnvironmentSpec, Trial};

use super::builtin::{BUILT_IN, built_in, pays};
use super::definition;
use super::error::JourneyError;
use super::own::OwnJourney;
use super::population::Population;
use super::prepared::{Prepared, PreparedJourney};

/// The built-in journeys and your own goose transactions; the scenario's `[[journeys]]` come on top.
///
/// A name is looked up first among the scenario's `[[journeys]]`, then among your own, then among
/// the built-in ones.
#[derive(Clone, Default)]
pub struct Journeys {
    own: BTreeMap<String, Own>,
}

#[derive(Clone)]
enum Own {
    Transaction(Transaction),
    Scenario(Scenario),
}

impl fmt::Debug for Journeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journeys")
            .field("own", &self.own.keys())
            .finish()
    }
}

impl Journeys {
    /// The built-in ones alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// A goose transaction as a journey: `Journeys::new().transaction("browse", transaction!(browse))`.
    /// Each arrival calls it once, with a goose user of its own.
    pub fn transaction(mut self, name: impl Into<String>, transaction: Transaction) -> Self {
        self.own.insert(name.into(), Own::Transaction(transaction));
        self
    }

    /// A goose scenario as a journey of its name: each arrival passes once through its transactions.
    pub fn scenario(mut self, scenario: Scenario) -> Self {
        self.own
            .insert(scenario.name.to_string(), Own::Scenario(scenario));
        self
    }

    /// Name and description of each built-in journey.
    pub fn built_in() -> &'static [(&'static str, &'static str)] {
        &BUILT_IN
    }

    /// Finds and checks what a trial's load names; this is all that can be wrong with journeys, so
    /// that after it a load can start.
    pub fn prepare(&self, trial: &Trial) -> Result<Prepared, JourneyError> {
        let mut total = 0.0;
        let mut prepared = Prepared {
            journeys: Vec::new(),
            cumulative: Vec::new(),
            population: None,
        };
        for weighted in trial
            .load
            .journeys
            .iter()
            .filter(|weighted| weighted.weight > 0.0)
        {
            let function = self.find(&weighted.name, trial)?;
            prepared.journeys.push(PreparedJourney {
                name: Arc::from(weighted.name.as_str()),
                function,
            });
            total += weighted.weight;
            prepared.cumulative.push(total);
        }
        if prepared.journeys.is_empty() {
            return Err(JourneyError::Empty);
        }
        if let EnvironmentSpec::Lab(lab) = &trial.environment {
            prepared.population = Some(Population::of(&lab.dataset));
        }
        Ok(prepared)
    }

    fn find(&self, name: &str, trial: &Trial) -> Result<TransactionFunction, JourneyError> {
        if let Some(definition) = trial
            .load
            .definitions
            .iter()
            .find(|definition| definition.name == name)
        {
            return definition::prepare(definition);
        }
        match self.own.get(name) {
            Some(Own::Transaction(transaction)) => {
                return Ok(OwnJourney::transaction(transaction).into_function());
            }
            Some(Own::Scenario(scenario)) => {
                return Ok(OwnJourney::scenario(scenario)?.into_function());
            }
            None => {}
        }
        let function = built_in(name).ok_or_else(|| JourneyError::Unknown {
            name: name.to_owned(),
            known: self.known().join(", "),
        })?;
        match &trial.environment {
            EnvironmentSpec::Lab(lab) if pays(name) && lab.gateway.is_none() => {
                Err(JourneyError::NeedsGateway(name.to_owned()))
            }
            EnvironmentSpec::Lab(_) => Ok(function),
            EnvironmentSpec::External { .. } => Err(JourneyError::NeedsDataset(name.to_owned())),
        }
    }

    /// The journeys that exist as code.
    pub fn names(&self) -> Vec<String> {
        self.known().into_iter().map(str::to_owned).collect()
    }

    fn known(&self) -> Vec<&str> {
        let built_in = BUILT_IN.iter().map(|(name, _)| *name);
        self.own
            .keys()
            .map(String::as_str)
            .chain(built_in)
            .collect()
    }
}
