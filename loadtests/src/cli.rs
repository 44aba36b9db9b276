//! The command line: its words, and nothing of what they do.

use std::ffi::OsString;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::command::{self, CommandResult, Exit, Failure};
use crate::environment::{Notice, Settings};
use crate::interrupt::{self, Interrupt};
use crate::journey::Journeys;

/// Load tests and resilience experiments in an honest open model.
#[derive(Parser)]
#[command(name = "squall", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs scenarios, or a load given on the command line, and reports.
    Run(Box<command::run::RunArguments>),
    /// Renders reports again from records, without running anything.
    Report(command::report::ReportArguments),
    /// Parses and resolves scenarios, checks every name in them, prints the timeline.
    Validate(command::validate::ValidateArguments),
    /// Lists the scenarios, or with --figures the figures that claims can use.
    List(command::list::ListArguments),
    /// Keeps an environment running until Ctrl-C and prints its addresses.
    ///
    /// They are those of what runs: the service, its admin and metrics pages, the database as the
    /// service and as its owner reach it, the payment gateway and its admin pages where the scenario
    /// has one, Redis where it has one, the fault proxies, and the folder of logs.
    Up {
        /// Whose environment; by default the service's own defaults on a small dataset.
        scenario: Option<String>,
        /// Prints the addresses as one JSON line when everything is ready.
        #[arg(long)]
        json: bool,
    },
    /// Runs a command with a private PostgreSQL and Redis, as `DATABASE_URL` and `REDIS_URL`.
    Services {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Says what is installed, what is missing and what each is for.
    Doctor,
    /// Processes that squall starts for itself.
    #[command(subcommand, hide = true)]
    Internal(command::internal::Internal),
}

impl Cli {
    /// Does what was asked for.
    pub fn run(self, journeys: Journeys, interrupt: &Interrupt) -> CommandResult {
        match self.command {
            Command::Run(arguments) => command::run::run(&arguments, journeys, interrupt),
            Command::Report(arguments) => command::report::report(&arguments),
            Command::Validate(arguments) => command::validate::validate(&arguments, &journeys),
            Command::List(arguments) => command::list::list(&arguments, &journeys),
            Command::Up { scenario, json } => {
                let lab = command::plans::lab_of(scenario.as_deref(), &journeys)?;
                command::up::run(&lab, json, &settings()?)
            }
            Command::Services { command } => exit(command::services::run(&command, &settings()?)),
            Command::Doctor => exit(command::doctor::run()),
            Command::Internal(part) => exit(command::internal::run(part)),
        }
    }
}

fn exit(done: anyhow::Result<ExitCode>) -> CommandResult {
    Ok(Exit::Code(done?))
}

fn settings() -> Result<Settings, Failure> {
    let say = |message: &str| eprintln!("{message}");
    Settings::discover(Notice::new(say)).map_err(|error| Failure::Environment(error.into()))
}

/// The whole `squall` command, with journeys of your own beside the built-in ones.
///
/// Call it from `main` and return what it returns. The work is done on a thread of its own, so that
/// a second Ctrl-C can leave at once: the keeper then stops whatever was started.
pub fn main_with(journeys: Journeys) -> ExitCode {
    let interrupt = interrupt::install();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed standard output cannot be told about it.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let work = thread::Builder::new().name("squall".to_owned()).spawn({
        let interrupt = interrupt.clone();
        move || cli.run(journeys, &interrupt)
    });
    let Ok(work) = work else {
        eprintln!("squall: the operating system gives no more threads");
        return ExitCode::FAILURE;
    };
    while !work.is_finished() {
        if interrupt.leave.is_cancelled() {
            return ExitCode::from(130);
        }
        thread::sleep(Duration::from_millis(50));
    }
    match work.join() {
        Ok(Ok(exit)) => exit.code(),
        Ok(Err(failure)) => {
            eprintln!("squall: {failure}");
            failure.code()
        }
        // The panic has already printed its message.
        Err(_) => ExitCode::FAILURE,
    }
}
