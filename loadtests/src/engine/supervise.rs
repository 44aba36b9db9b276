//! The course of one load, from the first thread to the last sample.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio_util::sync::CancellationToken;

use crate::journey::http::Target;
use crate::journey::{Prepared, RunContext, ToldLog};
use crate::measure::cpu::MachineTime;
use crate::measure::{Collector, FoldPlan, LoadFold, Outcome, SampleBuffers, SampleLabels};
use crate::scenario::{LoadModel, LoadSpec, Trial};

use super::crews::{self, Crews};
use super::measurements::{GeneratorFacts, LoadMeasurements};
use super::pacer::{self, Pacing, Role};
use super::placement::{Place, Places};
use super::schedule::Schedule;
use super::trial_run::{TrialRun, UserPlan};
use super::{EngineError, EngineInput, limits, precedence};

/// From the moment all users are up to the first ticket, for whoever schedules along the timeline.
const LEAD: Duration = Duration::from_millis(50);
/// Beyond the deadline of the last arrival, for users to notice.
const GRACE: Duration = Duration::from_secs(1);
/// What arrivals under way get when the run is interrupted.
const INTERRUPTED_GRACE: Duration = Duration::from_secs(1);
const USERS_UP_WITHIN: Duration = Duration::from_mins(1);
/// Of so many users one is of the reserve at most: they are users like the others when all others are busy.
const LEAST_FOR_ONE_OF_RESERVE: usize = 4;

pub(super) fn supervise(input: EngineInput<'_>) -> Result<LoadMeasurements, EngineError> {
    let EngineInput {
        trial,
        base_url,
        journeys,
        stop,
        on_start,
        progress,
        samples,
        live,
    } = input;
    let prepared = journeys.prepare(trial)?;
    let target = Target::resolve(base_url)?;
    let context = RunContext::new(
        trial,
        target,
        headers(&trial.load)?,
        prepared.population(),
        live.is_some(),
    )?;
    let places = Places::find();
    // Goose's dashboard shows one attack, and so one crew.
    let plan = UserPlan::of(trial, places.is_some() && live.is_none());
    let mut generator = GeneratorFacts::default();
    generator
        .exhausted
        .extend(limits::raise_open_files(plan.users));

    // One for each thread of users, and one for what never got to a user.
    let buffers = Arc::new(SampleBuffers::new(crews::threads() + 2));
    let labels = labels(trial, &prepared);
    let run = Arc::new(TrialRun::new(
        trial,
        prepared,
        Arc::new(context),
        Arc::clone(&buffers),
        Arc::clone(&progress),
        plan,
    ));
    let watch = move |fold: &LoadFold| progress.set_results(fold);
    let lines = samples.clone().map(|file| (file, labels));
    let fold = LoadFold::new(FoldPlan::of(trial));
    // Left behind by a busy target, it would let samples pile up and fold them all at once.
    let collector = Collector::start(buffers, fold, lines, precedence::take, watch)?;
    let crews = Crews::start(&run, plan, base_url, places.as_ref(), live)?;
    if !run.desk.wait_for_users(USERS_UP_WITHIN) {
        return Err(crews.failure(plan.users, USERS_UP_WITHIN));
    }

    let (cpu_before, machine_before) = (limits::cpu_seconds(), MachineTime::now());
    let zero = run.context.clock.start_at(Instant::now() + LEAD);
    on_start(zero);
    let Course {
        covered,
        interrupted,
    } = load(&run, trial, zero, places.as_ref(), &stop)?;
    account_for_the_rest(&run, interrupted);
    generator.cpu_seconds = limits::cpu_seconds() - cpu_before;
    generator.stolen_share = MachineTime::now()
        .zip(machine_before)
        .and_then(|(now, before)| now.stolen_share_since(before));
    run.desk.close();
    crews.end();

    let collected = collector.finish().ok_or(EngineError::Collector)?;
    let folded = collected.fold.finish(&run.context.steps, covered);
    generator.waited_for_user = folded.waited;
    generator.start_lag_p99_ms = folded.start_lag_p99_ms;
    generator.lateness = folded.lateness;
    generator.exhausted.extend(
        run.context
            .exhausted()
            .iter()
            .map(|(resource, times)| format!("{}, {times} times", resource.words())),
    );
    generator.retries_denied = run.context.retries_denied();
    generator.lines_left_out = collected.lines_left_out;
    generator.samples_error = samples.and_then(|file| {
        let mut file = file
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        file.flush().err().map(|error| error.to_string())
    });
    let (phases, histograms, seconds) = (folded.phases, folded.histograms, folded.seconds);
    Ok(LoadMeasurements {
        zero,
        covered,
        interrupted,
        phases,
        histograms,
        seconds,
        generator,
        told: run.context.told.as_ref().map(ToldLog::take),
        registered: run.context.registered.take(),
    })
}

/// How far a load came.
struct Course {
    /// Of the timeline: up to the moment of an interruption, not up to the end of what was under way.
    covered: Duration,
    interrupted: bool,
}

/// Releases all arrivals and waits until the timeline is over and every arrival is accounted for,
/// or has had its time.
fn load(
    run: &Arc<TrialRun>,
    trial: &Trial,
    zero: Instant,
    places: Option<&Places>,
    stop: &CancellationToken,
) -> Result<Course, EngineError> {
    thread::sleep(zero.saturating_duration_since(Instant::now()));
    let pacers = start_arrivals(run, trial, places, stop)?;
    let end = zero + trial.duration();
    let mut expired = Vec::new();
    while Instant::now() < end && !stop.is_cancelled() {
        run.show_place(run.now());
        thread::sleep(Duration::from_millis(20).min(end.saturating_duration_since(Instant::now())));
    }
    let interrupted = stop.is_cancelled();
    let course = Course {
        covered: if interrupted {
            zero.elapsed().min(trial.duration())
        } else {
            trial.duration()
        },
        interrupted,
    };
    for pacer in pacers {
        // It ends with its schedule or with the stop; a panic there leaves arrivals unreleased, which shows.
        drop(pacer.join());
    }
    let patience = if interrupted {
        INTERRUPTED_GRACE
    } else {
        trial.load.deadline + GRACE
    };
    let limit = Instant::now() + patience;
    if run.plan.closed {
        run.desk.wait_for_quiet(patience);
        return Ok(course);
    }
    while Instant::now() < limit && !run.desk.wait_for_quiet(Duration::from_millis(20)) {
        pacer::expire(run, run.now(), &mut expired);
        if stop.is_cancelled() && !interrupted {
            break;
        }
    }
    Ok(course)
}

fn start_arrivals(
    run: &Arc<TrialRun>,
    trial: &Trial,
    places: Option<&Places>,
    stop: &CancellationToken,
) -> Result<Vec<JoinHandle<()>>, EngineError> {
    let LoadModel::Open { arrivals, .. } = trial.load.model else {
        run.desk.occupy_all();
        run.started.cancel();
        return Ok(Vec::new());
    };
    let schedule = Schedule::new(&trial.phases, arrivals, trial.seed);
    let pacing = Arc::new(Pacing::new(schedule));
    let start = |role: Role, place: Place| {
        let (run, pacing, stop) = (Arc::clone(run), Arc::clone(&pacing), stop.clone());
        let places = places.cloned();
        thread::Builder::new()
            .name("squall-pacer".into())
            .spawn(move || {
                if let Some(places) = &places {
                    places.enter(place);
                }
                pacer::pace(&run, &pacing, role, &stop);
            })
    };
    let mut pacers = vec![start(Role::First, Place::Away)?];
    if places.is_some() {
        pacers.push(start(Role::Second, Place::Home)?);
    }
    Ok(pacers)
}

/// What is still in the queue or in a user's hand will not come to its own end.
fn account_for_the_rest(run: &TrialRun, interrupted: bool) {
    let mut waiting = Vec::new();
    run.desk.take_waiting(u64::MAX, &mut waiting);
    for assignment in waiting {
        run.record_unsent(assignment);
    }
    let outcome = if interrupted {
        Outcome::Interrupted
    } else {
        Outcome::Stuck
    };
    for user in 0..run.desk.users() {
        let taken_up = run.desk.is_taken_up(user);
        match run.desk.put_down(user) {
            Some(assignment) if taken_up => run.record_unfinished(assignment, outcome, None),
            Some(assignment) => run.record_unsent(assignment),
            None => {}
        }
    }
}

impl UserPlan {
    /// `with_reserve`: there is a place for one.
    fn of(trial: &Trial, with_reserve: bool) -> Self {
        match trial.load.model {
            LoadModel::Closed { users } => Self {
                users: users.max(1),
                reserve: 0,
                warm: users,
                closed: true,
            },
            LoadModel::Open { users, .. } => {
                let peak = trial
                    .phases
                    .iter()
                    .map(|phase| phase.rate.from.max(phase.rate.to))
                    .fold(0.0, f64::max);
                let warm = warm_users(peak);
                Self {
                    users: users.max(1),
                    reserve: if with_reserve {
                        warm.min(users / LEAST_FOR_ONE_OF_RESERVE)
                    } else {
                        0
                    },
                    warm,
                    closed: false,
                }
            }
        }
    }
}

/// Users that connect ahead, within reason: what the peak rate keeps busy when answers take 50 ms. A
/// target that stalls for a moment would else be met by a burst of new connections as it comes back.
fn warm_users(peak_rate: f64) -> usize {
    ((peak_rate * 0.05) as usize).clamp(16, 2000)
}

fn headers(load: &LoadSpec) -> Result<HeaderMap, EngineError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &load.headers {
        let wrong = || EngineError::Header(format!("{name}: {value}"));
        let name: HeaderName = name.parse().map_err(|_| wrong())?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| wrong())?);
    }
    Ok(headers)
}

fn labels(trial: &Trial, prepared: &Prepared) -> SampleLabels {
    SampleLabels {
        arm: trial.arm.clone(),
        round: trial.round,
        phases: trial
            .phases
            .iter()
            .map(|phase| phase.name.clone())
            .collect(),
        journeys: prepared
            .journeys
            .iter()
            .map(|journey| journey.name.to_string())
            .collect(),
    }
}
