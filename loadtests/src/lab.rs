//! Runs one trial: the only place where environment, faults, engine and measurement meet.

mod books;
mod checks;
mod deliveries;
mod payments;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::engine::{self, EngineError, EngineInput, LoadMeasurements, Progress};
use crate::environment::{self, Environment, EnvironmentError, Notice, Settings};
use crate::fault::{FaultLog, Schedule};
use crate::journey::Journeys;
use crate::judge::{self, GeneratorAccount, Judge};
use crate::measure::scrape::{self, Readings, Sources};
use crate::measure::{SampleFile, SampleFileError, breakers, cpu, server};
use crate::record::figures::{self, Part};
use crate::record::{Event, Finding, TrialRecord};
use crate::scenario::{EnvironmentSpec, Lifetime, Process, Trial};

use self::checks::{Checked, Checks, Heard};

#[derive(Debug, Error)]
pub enum LabError {
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Samples(#[from] SampleFileError),
    #[error("the thread that drives the load panicked")]
    Panicked,
    #[error("the runtime that controls the trial could not be started: {0}")]
    Runtime(std::io::Error),
    #[error("interrupted before the load began")]
    Interrupted,
}

/// How trials are run, apart from what they are.
#[derive(Debug, Clone, Default)]
pub struct LabSettings {
    /// Keep the servers' folders.
    pub keep: bool,
    /// One line per arrival goes here.
    pub samples: Option<PathBuf>,
    /// The port of goose's live dashboard, if there is to be one.
    pub live: Option<u16>,
}

/// Runs trials one after another, and keeps environments that outlive one trial.
pub struct Lab<'a> {
    judge: &'a Judge,
    journeys: Arc<Journeys>,
    servers: Settings,
    samples: Option<Arc<Mutex<SampleFile>>>,
    live: Option<u16>,
    stop: CancellationToken,
    /// Faults and scrapes run here, apart from the load.
    control: Runtime,
    kept: HashMap<String, Arc<Environment>>,
}

impl<'a> Lab<'a> {
    pub fn new(
        judge: &'a Judge,
        journeys: Arc<Journeys>,
        settings: LabSettings,
        stop: CancellationToken,
    ) -> Result<Self, LabError> {
        let say = |message: &str| eprintln!("{message}");
        let mut servers = Settings::discover(Notice::new(say))?;
        servers.keep = settings.keep;
        let samples = settings
            .samples
            .map(|path| SampleFile::create(&path))
            .transpose()?;
        let samples = samples.map(|file| Arc::new(Mutex::new(file)));
        let control = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("squall-control")
            .enable_all()
            .build()
            .map_err(LabError::Runtime)?;
        Ok(Self {
            judge,
            journeys,
            servers,
            samples,
            live: settings.live,
            stop,
            control,
            kept: HashMap::new(),
        })
    }

    /// Runs a trial from the start of its servers to its record; `progress` tells how it stands.
    pub fn run(
        &mut self,
        trial: &Trial,
        progress: &Arc<Progress>,
    ) -> Result<TrialRecord, LabError> {
        let environment = self.environment(trial)?;
        let effective = self.control.block_on(environment.effective())?;
        let checks = environment.lab().map(Checks::prepare);
        let checks = checks.map(|checks| self.control.block_on(checks));
        let started_at = Timestamp::now();
        let mut observed = self.observe(trial, &environment, progress)?;
        let checked = self.checked(trial, checks, &mut observed);
        let exits = environment.take_unexpected_exits();
        if trial_owns(trial) {
            self.control.block_on(stop(environment));
        }
        let record = self.record(trial, started_at, effective, observed, checked);
        Ok(with_exits(record, exits))
    }

    /// The environment that the trial's lifetime gives it: its own, or one that is kept.
    fn environment(&mut self, trial: &Trial) -> Result<Arc<Environment>, LabError> {
        let key = match &trial.environment {
            EnvironmentSpec::Lab(lab) => match lab.lifetime {
                Lifetime::Trial => None,
                Lifetime::Arm => Some(trial.arm.clone()),
                Lifetime::Run => Some(String::new()),
            },
            EnvironmentSpec::External { .. } => None,
        };
        if let Some(kept) = key.as_ref().and_then(|key| self.kept.get(key)) {
            return Ok(Arc::clone(kept));
        }
        let started = self.control.block_on(async {
            tokio::select! {
                started = environment::start(&trial.environment, &self.servers) => Some(started),
                () = self.stop.cancelled() => None,
            }
        });
        let environment = Arc::new(started.ok_or(LabError::Interrupted)??);
        if let Some(key) = key {
            self.kept.insert(key, Arc::clone(&environment));
        }
        Ok(environment)
    }

    /// Load, faults and scrapes, side by side on one timeline.
    fn observe(
        &self,
        trial: &Trial,
        environment: &Arc<Environment>,
        progress: &Arc<Progress>,
    ) -> Result<Observed, LabError> {
        let (begin, began) = oneshot::channel();
        let base_url = environment.base_url();
        let ended = CancellationToken::new();
        thread::scope(|scope| {
            let load = scope.spawn(|| {
                let _end = ended.clone().drop_guard();
                engine::run(EngineInput {
                    trial,
                    base_url: &base_url,
                    journeys: &self.journeys,
                    stop: self.stop.clone(),
                    on_start: Box::new(|zero| {
                        // Nobody listens only when the trial has been given up.
                        let _ = begin.send(zero);
                    }),
                    progress: Arc::clone(progress),
                    samples: self.samples.clone(),
                    live: self.live,
                })
            });
            let (zero, readings, faults) = self.control.block_on(async {
                match began.await {
                    Ok(zero) => {
                        let disturbed = self.disturb_and_read(trial, environment, zero, &ended);
                        let (readings, faults) = disturbed.await;
                        (Some(zero), readings, faults)
                    }
                    Err(_) => (None, Readings::default(), FaultLog::default()),
                }
            });
            let load = load.join().map_err(|_| LabError::Panicked)??;
            Ok(Observed {
                zero,
                load,
                readings,
                faults,
            })
        })
    }

    /// Checks what the trial leaves, unless its user has no time for that.
    fn checked(
        &self,
        trial: &Trial,
        checks: Option<Checks<'_>>,
        observed: &mut Observed,
    ) -> Checked {
        let load = &mut observed.load;
        let (Some(checks), Some(zero), false) = (checks, observed.zero, load.interrupted) else {
            return Checked::default();
        };
        let compared = checks.compare(trial, Heard::take_from(load), zero);
        let compared = self.stop.run_until_cancelled(compared);
        self.control.block_on(compared).unwrap_or_default()
    }

    async fn disturb_and_read(
        &self,
        trial: &Trial,
        environment: &Arc<Environment>,
        zero: Instant,
        ended: &CancellationToken,
    ) -> (Readings, FaultLog) {
        let faults = Schedule::start(environment, &trial.faults, zero);
        let cpu_seconds = || cpu_seconds(environment);
        let lab = environment.lab();
        let sources = Sources {
            metrics: lab.map(metrics_pages).unwrap_or_default(),
            database: lab.map(environment::Lab::database_url),
            redis: lab.and_then(|lab| lab.redis().map(environment::Redis::address)),
            cpu_seconds: &cpu_seconds,
        };
        let readings = scrape::watch(
            sources,
            zero,
            edges(trial),
            figures::reads_metric,
            ended.clone(),
        )
        .await;
        // Waiting for threads blocks; nothing else runs here by now.
        let log = tokio::task::block_in_place(|| faults.finish());
        (readings, log)
    }

    fn record(
        &self,
        trial: &Trial,
        started_at: Timestamp,
        effective: serde_json::Value,
        observed: Observed,
        checked: Checked,
    ) -> TrialRecord {
        let Observed {
            load,
            readings,
            faults,
            ..
        } = observed;
        let mut phases = load.phases;
        let mut incomplete: BTreeMap<String, BTreeSet<&'static str>> = BTreeMap::new();
        if matches!(trial.environment, EnvironmentSpec::Lab(_)) {
            for (index, phase) in phases.iter_mut().enumerate() {
                phase.server = server::of_phase(&readings, index);
                incomplete.insert(phase.name.clone(), server::incomplete(&readings, index));
            }
        }
        let mut seconds = load.seconds;
        for second in &mut seconds {
            second.server = server::of_second(&readings, second.second);
        }
        let account = GeneratorAccount {
            incomplete,
            ..load.generator.account()
        };
        let missing_samples = load.generator.missing_samples().map(|reason| Finding {
            code: SAMPLES_INCOMPLETE.to_owned(),
            detail: format!("the file of --samples lacks arrivals: {reason}"),
            fails: false,
        });
        let needed = self.judge.needed_server_figures(&trial.arm);
        let validity = judge::assess(&trial.load.model, &phases, &account, &needed);
        TrialRecord {
            trial: trial.clone(),
            started_at,
            interrupted: load.interrupted,
            effective,
            phases,
            histograms: load.histograms,
            seconds,
            events: events(
                trial,
                faults
                    .events
                    .into_iter()
                    .chain(breakers::transitions(&readings))
                    .chain(checked.healed)
                    .chain(checked.delivered),
            ),
            findings: faults
                .findings
                .into_iter()
                .chain(checked.findings)
                .chain(missing_samples)
                .collect(),
            violations: checked.violations,
            payments_tried: checked.tried,
            deliveries: checked.deliveries,
            tally: checked.tally,
            validity,
        }
    }
}

impl Drop for Lab<'_> {
    fn drop(&mut self) {
        for (_, environment) in self.kept.drain() {
            self.control.block_on(stop(environment));
        }
    }
}

/// The figures are whole all the same: they do not come from that file.
pub const SAMPLES_INCOMPLETE: &str = "samples_incomplete";

/// What was seen of one trial, not yet put together.
struct Observed {
    /// When the timeline began, if it did.
    zero: Option<Instant>,
    load: LoadMeasurements,
    readings: Readings,
    faults: FaultLog,
}

fn trial_owns(trial: &Trial) -> bool {
    match &trial.environment {
        EnvironmentSpec::Lab(lab) => lab.lifetime == Lifetime::Trial,
        EnvironmentSpec::External { .. } => true,
    }
}

async fn stop(environment: Arc<Environment>) {
    // The faults' threads have ended, so that this is the last holder.
    if let Some(environment) = Arc::into_inner(environment) {
        environment.stop().await;
    }
}

fn cpu_seconds(environment: &Environment) -> HashMap<Part, f64> {
    let used = environment.cpu_time();
    let servers = used
        .iter()
        .map(|(process, time)| (part(*process), time.as_secs_f64()));
    servers
        .chain([(Part::Generator, cpu::own_seconds())])
        .collect()
}

/// Where every part shows its metrics.
fn metrics_pages(lab: &environment::Lab) -> Vec<(Part, String)> {
    let pages = lab.metrics_urls().into_iter();
    pages.map(|(process, url)| (part(process), url)).collect()
}

fn part(process: Process) -> Part {
    match process {
        Process::Service => Part::Service,
        Process::Database => Part::Database,
        Process::Gateway => Part::Gateway,
        Process::Redis => Part::Redis,
    }
}

/// The start of the timeline and the end of each phase.
fn edges(trial: &Trial) -> Vec<Duration> {
    let ends = trial.phases.iter().scan(Duration::ZERO, |at, phase| {
        *at += phase.duration;
        Some(*at)
    });
    std::iter::once(Duration::ZERO).chain(ends).collect()
}

/// What happened, and where the phases begin, in order of time.
fn events(trial: &Trial, happened: impl Iterator<Item = Event>) -> Vec<Event> {
    let starts = trial
        .phases
        .iter()
        .zip(edges(trial))
        .map(|(phase, at)| Event {
            at_s: at.as_secs_f64(),
            kind: "phase".to_owned(),
            detail: phase.name.clone(),
            in_flight: None,
        });
    let mut events: Vec<Event> = happened.chain(starts).collect();
    events.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    events
}

/// Parts that died by themselves: the trial went on without them, and must not pass for healthy.
fn with_exits(mut record: TrialRecord, exits: Vec<environment::UnexpectedExit>) -> TrialRecord {
    record
        .findings
        .extend(exits.into_iter().map(|exit| Finding {
            code: "process_died".to_owned(),
            detail: format!("{} ended by itself: {}", exit.process, exit.status),
            fails: true,
        }));
    record
}
