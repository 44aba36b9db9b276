//! `squall run`: trials chosen by a strategy, records written after each, verdict and report at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;

use crate::interrupt::Interrupt;
use crate::journey::Journeys;
use crate::lab::{Lab, LabError, LabSettings};
use crate::measure::SampleFile;
use crate::record::store::{RecordStore, StoreError};
use crate::record::{
    ArmFacts, Decisions, Machine, RecordDocument, RepeatedTrial, RunFacts, SweepFacts, TrialRecord,
    Verdict,
};
use crate::scenario::{Arm, Options, Plan, UrlLoad};
use crate::strategy;
use crate::units;

use super::plans::{self, Prepared};
use super::progress::{Display, say_verdict};
use super::{CommandResult, Exit, Failure, git, live, validate};

/// `squall run`
#[derive(Debug, Args)]
pub struct RunArguments {
    /// Names in scenarios/, paths of scenario files, or one URL.
    #[arg(required = true, value_name = "SCENARIO|URL")]
    pub what: Vec<String>,
    /// Runs only this arm; may be given several times.
    #[arg(long = "arm", value_name = "NAME")]
    pub arms: Vec<String>,
    /// Repetitions of every arm, interleaved.
    #[arg(long, value_name = "N")]
    pub rounds: Option<u32>,
    /// Trials in which the generator was at fault are run again, so often in the whole run at most; the
    /// record says which and why.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub repeat_invalid: usize,
    /// The source of every random draw.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where records and reports go; with several scenarios each gets a folder of its name there.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Sends the load to this service instead of one of our own.
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// Overrides a key of the scenario, such as `service.db.pool.max_size=20`.
    #[arg(long = "env", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Shortens every phase: a smoke run of seconds, and no evidence.
    #[arg(long)]
    pub quick: bool,
    /// Serves goose's live dashboard while the load runs, and says where.
    #[arg(long)]
    pub live: bool,
    /// Keeps the servers' folders (logs, data) when the run is over.
    #[arg(long)]
    pub keep: bool,
    /// Writes one line per arrival to this file: CSV, or JSON lines for `.jsonl`.
    #[arg(long, value_name = "FILE")]
    pub samples: Option<PathBuf>,
    #[command(flatten)]
    pub url: UrlArguments,
}

/// What a load without a scenario file is made of.
#[derive(Debug, Args)]
#[command(next_help_heading = "With a URL")]
pub struct UrlArguments {
    /// Arrivals per second.
    #[arg(long, value_name = "N")]
    pub rate: Option<f64>,
    /// How long, such as 30s.
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    pub duration: Option<Duration>,
    #[arg(long, value_name = "METHOD")]
    pub method: Option<String>,
    /// `Name: value`, sent with every request; may be given several times.
    #[arg(long = "header", value_name = "HEADER")]
    pub headers: Vec<String>,
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,
    /// A rule such as `p99<50ms`, in goose's syntax; may be given several times.
    #[arg(long = "threshold", value_name = "RULE")]
    pub thresholds: Vec<String>,
}

/// Runs every scenario that was named; the gravest verdict is the command's.
pub fn run(arguments: &RunArguments, journeys: Journeys, interrupt: &Interrupt) -> CommandResult {
    let journeys = Arc::new(journeys);
    let prepared = prepare(arguments, &journeys)?;
    for scenario in &prepared {
        validate::check(scenario, &journeys)?;
    }
    let outs: Vec<PathBuf> = prepared
        .iter()
        .map(|scenario| {
            let name = &scenario.plan.name;
            out_folder(arguments.out.as_deref(), name, prepared.len())
        })
        .collect();
    for out in &outs {
        RecordStore::check(out).map_err(not_kept)?;
    }
    if let Some(samples) = &arguments.samples {
        check_samples(samples, prepared.len())?;
    }
    let settings = LabSettings {
        keep: arguments.keep,
        samples: arguments.samples.clone(),
        live: arguments.live.then(live::choose_port).transpose()?,
    };
    let mut verdicts = Vec::new();
    for (scenario, out) in prepared.iter().zip(&outs) {
        let mut lab = Lab::new(
            &scenario.judge,
            Arc::clone(&journeys),
            settings.clone(),
            interrupt.stop.clone(),
        )
        .map_err(lab_failure)?;
        let repeats = arguments.repeat_invalid;
        verdicts.push(run_one(scenario, &mut lab, out, repeats, interrupt)?);
        if interrupt.stop.is_cancelled() {
            break;
        }
    }
    Ok(Exit::Judged(
        verdicts.into_iter().max().unwrap_or(Verdict::Inconclusive),
    ))
}

fn prepare(arguments: &RunArguments, journeys: &Journeys) -> Result<Vec<Prepared>, Failure> {
    let options = Options {
        quick: arguments.quick,
        seed: arguments.seed,
        rounds: arguments.rounds,
        arms: arguments.arms.clone(),
        target: arguments.target.clone(),
        env: arguments.overrides.clone(),
        journeys: journeys.names(),
    };
    match arguments.what.as_slice() {
        [url] if url.contains("://") => {
            let plan = Plan::from_url(&url_load(url, &arguments.url)?, &options)?;
            Ok(vec![plans::prepare(plan)?])
        }
        names if arguments.url.is_empty() => {
            names.iter().map(|name| plans::from_name(name, &options)).collect()
        }
        _ => Err(Failure::BadInput(
            "--rate, --duration, --method, --header, --body and --threshold belong to a URL; a scenario file says these itself"
                .to_owned(),
        )),
    }
}

fn url_load(url: &str, arguments: &UrlArguments) -> Result<UrlLoad, Failure> {
    let missing = |option: &str| {
        Failure::BadInput(format!(
            "a load on a URL needs {option}, as in: squall run {url} --rate 200 --duration 30s"
        ))
    };
    Ok(UrlLoad {
        url: url.to_owned(),
        rate: arguments.rate.ok_or_else(|| missing("--rate"))?,
        duration: arguments.duration.ok_or_else(|| missing("--duration"))?,
        method: arguments.method.clone().unwrap_or_else(|| "GET".to_owned()),
        headers: arguments.headers.clone(),
        body: arguments.body.clone(),
        thresholds: arguments.thresholds.clone(),
    })
}

impl UrlArguments {
    fn is_empty(&self) -> bool {
        self.rate.is_none()
            && self.duration.is_none()
            && self.method.is_none()
            && self.headers.is_empty()
            && self.body.is_none()
            && self.thresholds.is_empty()
    }
}

fn out_folder(asked: Option<&Path>, name: &str, scenarios: usize) -> PathBuf {
    match asked {
        Some(dir) if scenarios > 1 => dir.join(name),
        Some(dir) => dir.to_owned(),
        None => plans::default_out(name),
    }
}

/// The file is written anew for each scenario, so that a second one would wipe out the first.
fn check_samples(path: &Path, scenarios: usize) -> Result<(), Failure> {
    if scenarios > 1 {
        return Err(Failure::BadInput(
            "--samples writes the arrivals of one scenario: name one scenario, or leave it out"
                .to_owned(),
        ));
    }
    SampleFile::check(path).map_err(|error| Failure::BadInput(error.to_string()))
}

fn run_one(
    scenario: &Prepared,
    lab: &mut Lab<'_>,
    out: &Path,
    repeats: usize,
    interrupt: &Interrupt,
) -> Result<Verdict, Failure> {
    let Prepared { plan, judge } = scenario;
    let facts = facts(plan);
    let store = RecordStore::create(out).map_err(not_kept)?;
    let mut strategy = strategy::of(plan, judge);
    let mut display = Display::new(plan, strategy.expected());
    let mut trials: Vec<TrialRecord> = Vec::new();
    let mut repeated: Vec<RepeatedTrial> = Vec::new();
    let mut broken = None;
    while let Some(mut trial) = strategy.next(&trials) {
        // Its place among all that were run, so that its ids are unlike those of any other.
        trial.order += repeated.len() as u32;
        if interrupt.stop.is_cancelled() {
            break;
        }
        let progress = Arc::default();
        let running = display.trial(&trial, Arc::clone(&progress));
        let record = match lab.run(&trial, &progress) {
            Ok(record) => record,
            Err(LabError::Interrupted) => break,
            Err(error) => {
                broken = Some(lab_failure(error));
                break;
            }
        };
        running.finish(&record);
        // Whether it is run again depends on the generator alone, and never on what the service did.
        if !record.validity.is_valid() && !record.interrupted && repeated.len() < repeats {
            repeated.push(RepeatedTrial::of(&record));
            display.expect_another();
            continue;
        }
        store.write_trial(&record).map_err(not_kept)?;
        trials.push(record);
        let so_far = judge.decide(&trials, plan.quick, interrupt.stop.is_cancelled());
        write(&store, &facts, &trials, &repeated, so_far)?;
    }
    let broken = match broken {
        // Nothing was measured: there is nothing to report.
        Some(failure) if trials.is_empty() => return Err(failure),
        broken => broken,
    };
    // A run that broke off has not shown what it was to show, whatever its first trials say.
    let cut_short = broken.is_some() || interrupt.stop.is_cancelled();
    let decisions = judge.decide(&trials, plan.quick, cut_short);
    let document = write(&store, &facts, &trials, &repeated, decisions)?;
    super::report::write_reports(&store).with_context(|| {
        format!(
            "the record is kept, but not its report: make room, then `squall report {}`",
            out.display()
        )
    })?;
    say_verdict(&document, store.dir());
    match broken {
        Some(failure) => Err(failure),
        None => Ok(document.verdict),
    }
}

fn write(
    store: &RecordStore,
    facts: &RunFacts,
    trials: &[TrialRecord],
    repeated: &[RepeatedTrial],
    decisions: Decisions,
) -> Result<RecordDocument, Failure> {
    let mut document = RecordDocument::assemble(facts, trials, decisions);
    document.repeated = repeated.to_vec();
    store.write_document(&document).map_err(not_kept)?;
    Ok(document)
}

fn facts(plan: &Plan) -> RunFacts {
    RunFacts {
        scenario: plan.name.clone(),
        scenario_sha256: plan.sha256.clone(),
        title: plan.title.clone(),
        hypothesis: plan.hypothesis.clone(),
        shows: plan.shows.clone(),
        git: git::state(),
        seed: plan.seed,
        quick: plan.quick,
        started_at: Timestamp::now(),
        machine: Machine::here(),
        arms: arms(plan)
            .iter()
            .map(|arm| ArmFacts {
                name: arm.name.clone(),
                overrides: arm.overrides.clone(),
            })
            .collect(),
        sweep: plan.sweep.as_ref().map(|sweep| SweepFacts {
            key: sweep.key.clone(),
            values: sweep.values.clone(),
        }),
    }
}

/// Of a search, every value that it may try; its record keeps those that it does.
fn arms(plan: &Plan) -> &[Arm] {
    match &plan.search {
        Some(search) => &search.arms,
        None => &plan.arms,
    }
}

/// A folder that cannot be is the user's slip; a disk that is full or read-only is the machine's.
fn not_kept(error: StoreError) -> Failure {
    match error {
        StoreError::NotAFolder { .. } => Failure::BadInput(error.to_string()),
        error @ StoreError::Io { .. } => Failure::Environment(anyhow::anyhow!(
            "what is measured cannot be kept: {error}; \
             make room or allow writing there, or name another folder with --out"
        )),
        other => Failure::Environment(other.into()),
    }
}

fn lab_failure(error: LabError) -> Failure {
    match error {
        LabError::Environment(error) => super::environment_failure(error),
        LabError::Interrupted => Failure::Interrupted,
        LabError::Samples(error) => Failure::BadInput(error.to_string()),
        other => Failure::Environment(other.into()),
    }
}
