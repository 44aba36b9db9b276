//! `squall validate`: everything that can be wrong with a scenario, without running it.

use clap::Args;

use crate::environment::{self, Programs};
use crate::fault;
use crate::journey::Journeys;
use crate::scenario::{self, EnvironmentSpec, Options};
use crate::strategy::{Rounds, Strategy as _};

use super::plans::{self, Prepared};
use super::{CommandResult, Exit, Failure};

/// `squall validate`
#[derive(Debug, Args)]
pub struct ValidateArguments {
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
}

/// Checks every scenario and prints its timeline; all mistakes of all files come out together.
pub fn validate(arguments: &ValidateArguments, journeys: &Journeys) -> CommandResult {
    let mut mistakes = Vec::new();
    let options = Options {
        journeys: journeys.names(),
        ..Options::default()
    };
    for name in &arguments.scenarios {
        let checked = plans::from_name(name, &options)
            .and_then(|prepared| check(&prepared, journeys).map(|()| prepared));
        match checked {
            Ok(prepared) => println!("{}", scenario::timeline(&prepared.plan)),
            Err(Failure::BadInput(message)) => mistakes.push(message),
            Err(other) => return Err(other),
        }
    }
    if mistakes.is_empty() {
        Ok(Exit::Success)
    } else {
        Err(Failure::BadInput(mistakes.join("\n")))
    }
}

/// What every corner of the plan needs: programs, faults that its environment can have, journeys
/// that its target can serve.
pub fn check(prepared: &Prepared, journeys: &Journeys) -> Result<(), Failure> {
    let programs = Programs::discover().map_err(anyhow::Error::from)?;
    for trial in Rounds::new(&prepared.plan).extremes() {
        environment::check(&trial.environment, &programs).map_err(super::environment_failure)?;
        if let EnvironmentSpec::Lab(lab) = &trial.environment {
            fault::check(&trial.faults, lab)
                .map_err(|error| Failure::BadInput(error.to_string()))?;
        }
        journeys
            .prepare(&trial)
            .map_err(|error| Failure::BadInput(format!("{}: {error}", prepared.plan.name)))?;
    }
    Ok(())
}
