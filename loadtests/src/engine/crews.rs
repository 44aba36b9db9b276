//! The runtimes in which goose hosts the users: one for most of them, and one for the reserve, which lives in
//! the other place.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use goose::GooseAttack;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::dashboard::Dashboard;
use super::placement::{Place, Places};
use super::trial_run::{TrialRun, UserPlan};
use super::{EngineError, precedence, pump};

const RUNTIME_ENDS_WITHIN: Duration = Duration::from_secs(1);

/// All users of a load.
pub(super) struct Crews(Vec<Crew>);

/// Users that share a runtime.
struct Crew {
    thread: JoinHandle<()>,
    /// Dropped, whatever for, it has the users leave.
    leave: DropGuard,
    failed: Receiver<String>,
}

/// Of the first crew. Half of the processors: the target often shares them.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

impl Crews {
    pub(super) fn start(
        run: &Arc<TrialRun>,
        plan: UserPlan,
        base_url: &str,
        places: Option<&Places>,
        live: Option<u16>,
    ) -> Result<Self, EngineError> {
        let first_of_reserve = plan.users - plan.reserve;
        // A closed model asks for no more than its users can carry, wherever they are run.
        let home = places.filter(|_| plan.reserve > 0).cloned();
        let first = Crew::start(
            run,
            0..first_of_reserve,
            base_url,
            threads(),
            live,
            move || {
                enter(home.as_ref(), Place::Home);
            },
        );
        let mut crews = vec![first?];
        if plan.reserve > 0 {
            let users = first_of_reserve..plan.users;
            let places = places.cloned();
            let reserve = Crew::start(run, users, base_url, 1, None, move || {
                enter(places.as_ref(), Place::Away);
            });
            crews.push(reserve?);
        }
        Ok(Self(crews))
    }

    /// Why not all users came up.
    pub(super) fn failure(self, users: usize, patience: Duration) -> EngineError {
        let failures = self.0.into_iter().filter_map(Crew::failure);
        match failures.last() {
            Some(problem) => EngineError::Goose(problem),
            None => EngineError::UsersDidNotComeUp {
                users,
                seconds: patience.as_secs(),
            },
        }
    }

    pub(super) fn end(self) {
        let (leave, threads): (Vec<_>, Vec<_>) = self
            .0
            .into_iter()
            .map(|crew| (crew.leave, crew.thread))
            .unzip();
        drop(leave);
        for thread in threads {
            // Bounded by the runtime's own time to end.
            drop(thread.join());
        }
    }
}

fn enter(places: Option<&Places>, place: Place) {
    if let Some(places) = places {
        places.enter(place);
    }
}

impl Crew {
    fn start(
        run: &Arc<TrialRun>,
        users: Range<usize>,
        base_url: &str,
        threads: usize,
        live: Option<u16>,
        on_thread_start: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, EngineError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .thread_name("squall-users")
            .on_thread_start(move || {
                precedence::take();
                on_thread_start();
            })
            .enable_all()
            .build()?;
        let dashboard = live.map(Dashboard::on).transpose()?;
        let attack = pump::attack(run, users, base_url, dashboard.as_ref())
            .map_err(|error| EngineError::Goose(format!("{error:?}")))?;
        let leave = CancellationToken::new();
        let told = leave.clone();
        let (sender, failed) = channel();
        let thread = thread::Builder::new()
            .name("squall-goose".into())
            .spawn(move || {
                let problem = host(&runtime, attack, &told);
                // Users of which a journey blocks its thread are left behind.
                runtime.shutdown_timeout(RUNTIME_ENDS_WITHIN);
                drop(dashboard);
                if let Some(problem) = problem {
                    // Nobody may be listening any more.
                    let _ = sender.send(problem);
                }
            })?;
        Ok(Self {
            thread,
            leave: leave.drop_guard(),
            failed,
        })
    }

    /// What went wrong, if it did.
    fn failure(self) -> Option<String> {
        drop(self.leave);
        self.failed.recv_timeout(RUNTIME_ENDS_WITHIN * 2).ok()
    }
}

/// Runs the attack until it ends or is left. What went wrong, if it did.
fn host(runtime: &Runtime, attack: GooseAttack, leave: &CancellationToken) -> Option<String> {
    runtime.block_on(async {
        tokio::select! {
            biased;
            ended = attack.execute() => ended.err().map(|error| format!("{error:?}")),
            () = leave.cancelled() => None,
        }
    })
}
