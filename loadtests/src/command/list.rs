//! `squall list`: the scenarios with their one-line titles, or the figures that rules can name.

use clap::Args;

use crate::journey::Journeys;
use crate::record::figures;
use crate::scenario::{self, Options};

use super::output::say;
use super::{CommandResult, Exit, Failure};

/// `squall list`
#[derive(Debug, Args)]
pub struct ListArguments {
    /// Lists the figures that claims and thresholds can name.
    #[arg(long)]
    pub figures: bool,
}

pub fn list(arguments: &ListArguments, journeys: &Journeys) -> CommandResult {
    if arguments.figures {
        print_figures();
        return Ok(Exit::Success);
    }
    let options = Options {
        journeys: journeys.names(),
        ..Options::default()
    };
    let entries = scenario::catalogue(&scenario::scenario_folder(), &options)?;
    let width = entries
        .iter()
        .filter_map(|entry| Some(entry.scenario.as_ref().ok()?.name.len()))
        .max();
    let mut mistakes = Vec::new();
    for entry in &entries {
        match &entry.scenario {
            Ok(summary) => say(format_args!(
                "{:width$}  {}",
                summary.name,
                summary.title,
                width = width.unwrap_or(0)
            )),
            Err(diagnostics) => mistakes.push(diagnostics.to_string()),
        }
    }
    if mistakes.is_empty() {
        Ok(Exit::Success)
    } else {
        Err(Failure::BadInput(mistakes.join("\n")))
    }
}

fn print_figures() {
    let tables = [
        (
            "of a phase (arm.ARM.PHASE.figure), from its arrivals",
            figures::CLIENT,
        ),
        ("of a phase, from the servers", figures::SERVER),
        ("of an arm (arm.ARM.figure)", figures::ARM),
    ];
    for (title, table) in tables {
        say(format_args!("Figures {title}:"));
        for figure in table {
            say(format_args!(
                "  {:24} {:14} {}",
                figure.name,
                figure.unit.label(),
                figure.doc
            ));
        }
        say("");
    }
}
