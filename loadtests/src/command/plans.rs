//! From scenario names to plans whose rules are compiled: every mistake surfaces here, before anything starts.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::journey::Journeys;
use crate::judge::{ClaimText, Judge, RuleError, ThresholdText, Vocabulary};
use crate::record::{SearchFacts, SweepFacts};
use crate::scenario::{
    self, Diagnostics, EnvironmentSpec, JourneyDefinition, LabSpec, LoadSpec, Options, Plan,
    Search, WeightedJourney,
};

use super::Failure;

/// A plan and the rules that its records will be judged by.
pub struct Prepared {
    pub plan: Plan,
    pub judge: Judge,
}

/// Resolves one scenario by its name or path.
pub fn from_name(name: &str, options: &Options) -> Result<Prepared, Failure> {
    let file = scenario::find(name)?;
    prepare(Plan::from_file(&file, options)?)
}

/// Compiles the rules of a plan and checks every name in them.
pub fn prepare(plan: Plan) -> Result<Prepared, Failure> {
    let claims: Vec<ClaimText<'_>> = plan
        .claims
        .iter()
        .map(|claim| ClaimText {
            says: &claim.says,
            check: &claim.check,
        })
        .collect();
    let thresholds: Vec<ThresholdText<'_>> = plan
        .thresholds
        .iter()
        .map(|threshold| ThresholdText {
            arm: threshold.arm.as_deref(),
            phase: threshold.phase.as_deref(),
            rule: &threshold.rule,
        })
        .collect();
    let judge = Judge::compile(vocabulary(&plan), &claims, &thresholds)
        .map_err(|errors| rule_errors(&plan, &errors))?;
    Ok(Prepared { plan, judge })
}

/// What the rules may name. Arms that were left out on the command line keep their names: a claim
/// about them has no samples, which makes it inconclusive and not wrong.
fn vocabulary(plan: &Plan) -> Vocabulary {
    let phases = plan
        .arms
        .first()
        .map(|arm| arm.phases.as_slice())
        .unwrap_or_default();
    let names = |warmup: bool| {
        phases
            .iter()
            .filter(|phase| phase.warmup == warmup)
            .map(|phase| phase.name.clone())
            .collect()
    };
    let run = plan.arms.iter().map(|arm| &arm.name);
    let arms = run.chain(&plan.left_out).cloned();
    Vocabulary {
        arms: arms.collect(),
        phases: names(false),
        warmups: names(true),
        sweep: plan.sweep.as_ref().map(|sweep| SweepFacts {
            key: sweep.key.clone(),
            values: sweep.values.clone(),
        }),
        search: plan.search.as_ref().map(search_facts),
        payments: plan.arms.iter().any(|arm| has_gateway(&arm.environment)),
        steps: plan.arms.first().and_then(|arm| step_names(&arm.load)),
    }
}

fn has_gateway(environment: &EnvironmentSpec) -> bool {
    matches!(environment, EnvironmentSpec::Lab(lab) if lab.gateway.is_some())
}

fn search_facts(search: &Search) -> SearchFacts {
    SearchFacts {
        key: search.key.clone(),
        unit: search.unit,
        of_arm: search.of_arm.clone(),
        until: search.until.clone(),
        runs: search.runs,
        precision: search.precision,
        values: search.values.clone(),
        arms: search.arms.iter().map(|arm| arm.name.clone()).collect(),
    }
}

/// The steps' names, when all of them are written in the scenario.
fn step_names(load: &LoadSpec) -> Option<Vec<String>> {
    let definition = |journey: &WeightedJourney| {
        load.definitions
            .iter()
            .find(|definition| definition.name == journey.name)
    };
    let definitions: Option<Vec<&JourneyDefinition>> =
        load.journeys.iter().map(definition).collect();
    let steps = definitions?
        .into_iter()
        .flat_map(|definition| &definition.steps);
    Some(steps.map(|step| step.name.clone()).collect())
}

/// The servers of a scenario's first arm, checked as for a run; without a scenario, the defaults.
pub fn lab_of(scenario: Option<&str>, journeys: &Journeys) -> Result<LabSpec, Failure> {
    let options = Options {
        journeys: journeys.names(),
        ..Options::default()
    };
    let prepared = from_name(scenario.unwrap_or("smoke"), &options)?;
    super::validate::check(&prepared, journeys)?;
    match prepared
        .plan
        .arms
        .into_iter()
        .next()
        .map(|arm| arm.environment)
    {
        Some(EnvironmentSpec::Lab(lab)) => Ok(lab),
        _ => Err(Failure::BadInput(format!(
            "{}: its load goes to a service that squall does not start; name a scenario without [target] base_url",
            scenario.unwrap_or_default()
        ))),
    }
}

fn rule_errors(plan: &Plan, errors: &[RuleError]) -> Failure {
    let mut message = String::new();
    for error in errors {
        let (at, error): (_, &dyn std::fmt::Display) = match error {
            RuleError::Until(error) => {
                let at = plan.search.as_ref().map(|search| &search.until_at);
                let at = at.map_or_else(String::new, |at| format!("{at}: "));
                let _ = writeln!(message, "{at}{error}");
                continue;
            }
            RuleError::Claim { index, error } => (&plan.claims[*index].at, error),
            RuleError::Threshold { index, error } => (&plan.thresholds[*index].at, error),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(message, "{at}: {error}");
    }
    Failure::BadInput(message.trim_end().to_owned())
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::BadInput(diagnostics.to_string())
    }
}

/// Where a run's records go when its user does not say.
pub fn default_out(name: &str) -> PathBuf {
    let now = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
    PathBuf::from("out").join(format!("{name}-{now}"))
}
