//! Goose hosts a crew of users: one transaction, the pump, that carries arrivals as long as there are any.
//!
//! This is the only place that builds a goose attack. Between tickets a user sleeps until it is
//! woken; after the last one it rests until the attack is left as a whole. (Limited by iterations,
//! users would end by themselves, but then goose writes a line to the terminal.)

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

use goose::client::GooseClientBuilder;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
use goose::{GooseAttack, GooseError};
use tokio::time::{sleep, timeout_at};

use crate::journey::{self, Assignment};

use super::carry::{Alarm, alarm, carry};
use super::dashboard::Dashboard;
use super::trial_run::TrialRun;

/// After a failure a user of a closed model waits this long: a target that refuses at once would
/// make a busy loop of it.
const CLOSED_PAUSE: Duration = Duration::from_millis(1);

/// The attack of the users of these numbers, all started at once.
pub(super) fn attack(
    run: &Arc<TrialRun>,
    users: Range<usize>,
    base_url: &str,
    dashboard: Option<&Dashboard>,
) -> Result<GooseAttack, Box<GooseError>> {
    silence();
    let numbers = Arc::new(AtomicUsize::new(users.start));
    let run = Arc::clone(run);
    let pump: TransactionFunction = Arc::new(move |user| {
        let (run, number) = (Arc::clone(&run), numbers.fetch_add(1, Ordering::Relaxed));
        Box::pin(async move {
            let work = pump(&run, number, user);
            journey::with_user(
                Arc::clone(&run.context),
                u32::try_from(number).unwrap_or(u32::MAX),
                work,
            )
            .await;
            // Returning would have goose call the pump again, and again.
            std::future::pending().await
        })
    });
    let scenario =
        Scenario::new("squall").register_transaction(Transaction::new(pump).set_name("pump"));
    let attack =
        GooseAttack::initialize_with_config(configuration(base_url, users.len(), dashboard)?)?
            // The pump's requests do not go through goose's client; one is enough for all users.
            .set_client_builder_without_cookies(GooseClientBuilder::new().without_cookies())?
            .register_scenario(scenario);
    Ok(attack)
}

fn configuration(
    base_url: &str,
    users: usize,
    dashboard: Option<&Dashboard>,
) -> Result<GooseConfiguration, Box<GooseError>> {
    let mut configuration = GooseConfiguration::parse_args_default::<&str>(&[])?;
    configuration.host = Some(base_url.to_owned());
    configuration.users = Some(users);
    configuration.increase_rate = Some("1000000".into());
    configuration.quiet = 2;
    configuration.no_telnet = true;
    configuration.no_print_metrics = true;
    // Goose's own metrics cost a message per request, and only its dashboard reads them.
    match dashboard {
        Some(dashboard) => dashboard.configure(&mut configuration),
        None => configuration.no_metrics = true,
    }
    Ok(configuration)
}

/// Goose installs a logger that writes to the terminal, unless there is one.
fn silence() {
    static SILENT: Silent = Silent;
    static ONCE: Once = Once::new();
    // A program that has a logger of its own keeps it.
    ONCE.call_once(|| drop(log::set_logger(&SILENT)));
}

struct Silent;

impl log::Log for Silent {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &log::Record<'_>) {}

    fn flush(&self) {}
}

async fn pump(run: &TrialRun, number: usize, user: &mut GooseUser) {
    let connected = run.plan.is_warm(number) && warm_up(run).await;
    run.desk.join(number, connected);
    let mut alarm = alarm();
    if run.plan.closed {
        run.started.cancelled().await;
        closed_loop(run, number, user, &mut alarm).await;
        run.desk.come_back(number);
    } else {
        while let Some(assignment) = run.desk.next(number).await {
            carry(run, number, user, assignment, &mut alarm).await;
            run.desk.come_back(number);
        }
    }
}

async fn closed_loop(run: &TrialRun, number: usize, user: &mut GooseUser, alarm: &mut Alarm) {
    let mut ok = true;
    while run.now() < run.timeline && !run.desk.is_closed() {
        if ok {
            // A journey may come through without ever waiting; others want to run too.
            tokio::task::yield_now().await;
        } else {
            sleep(CLOSED_PAUSE).await;
        }
        let assignment: Assignment = run.next_of_closed();
        run.desk.take_up(number, assignment);
        run.progress.add_offered(1);
        ok = carry(run, number, user, assignment, alarm).await;
    }
}

/// Opens the user's connection, a few users at a time: a burst would overflow the server's queue of
/// connections to accept, and what overflows is tried again only after a second.
async fn warm_up(run: &TrialRun) -> bool {
    let connect = async {
        let _turn = run.warm_turns.acquire().await;
        journey::warm_up().await
    };
    timeout_at(run.warm_until, connect).await.unwrap_or(false)
}
