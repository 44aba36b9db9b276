//! `squall validate`: everything that can be wrong with a scenario, without running it.

use clap::Args;

use crate::environment::{self, Programs};
use crate::fault;
use crate::journey::Journeys;
use crate::scenario::{self, EnvironmentSpec, Options};
use crate::strategy;

use super::output::say;
use super::plans::{self, Prepared};
use super::service_keys::{self, Checked};
use super::{CommandResult, Exit, Failure};

/// `squall validate`
#[derive(Debug, Args)]
pub struct ValidateArguments {
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
}

/// Checks every scenario and prints its timeline; all mistakes of all files come out together.
pub fn validate(arguments: &ValidateArguments, journeys: &Journeys) -> CommandResult {
    let programs = Programs::discover().map_err(anyhow::Error::from)?;
    let mut mistakes = Vec::new();
    let options = Options {
        journeys: journeys.names(),
        ..Options::default()
    };
    for name in &arguments.scenarios {
        let checked = scenario_of(name, &options).and_then(|prepared| {
            check_plan(&prepared, journeys)?;
            let keys = service_keys::check(&prepared.plan, &programs)?;
            Ok((prepared, keys))
        });
        match checked {
            Ok((prepared, keys)) => {
                say(scenario::timeline(&prepared.plan));
                if let Checked::No(reason) = keys {
                    eprintln!("{name}: the keys of [service] were not checked: {reason}");
                }
            }
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

fn scenario_of(name: &str, options: &Options) -> Result<Prepared, Failure> {
    if name.contains("://") {
        return Err(Failure::BadInput(format!(
            "{name}: a URL needs no scenario file, so there is nothing to validate; \
             run it with: squall run {name} --rate 200 --duration 30s"
        )));
    }
    plans::from_name(name, options)
}

/// Everything that a run needs: a plan without mistakes, the programs, and a service that takes the
/// configurations that are meant for it.
pub fn check(prepared: &Prepared, journeys: &Journeys) -> Result<(), Failure> {
    check_plan(prepared, journeys)?;
    let programs = Programs::discover().map_err(anyhow::Error::from)?;
    for trial in strategy::of(&prepared.plan, &prepared.judge).extremes() {
        environment::check(&trial.environment, &programs).map_err(super::environment_failure)?;
    }
    service_keys::check(&prepared.plan, &programs).map(drop)
}

/// Every corner of the plan: faults that its environment can have, journeys that its target can
/// serve.
fn check_plan(prepared: &Prepared, journeys: &Journeys) -> Result<(), Failure> {
    for trial in strategy::of(&prepared.plan, &prepared.judge).extremes() {
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
