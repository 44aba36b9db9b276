//! Faults on a real lab: felt while they hold, gone when they end, told with their moments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{Connection, PgConnection};
use squall::environment::{Environment, process_table};
use squall::fault::{self, FaultLog, Schedule};
use squall::scenario::{
    Edge, EdgeConditions, EdgeFault, EnvironmentSpec, Fault, FaultSpan, LabSpec, Process,
    ProcessFault,
};
use tokio::time::timeout;

use crate::playground::{eventually, get, lab_spec, settings, start};

const START: Duration = Duration::from_millis(300);
pub const END: Duration = Duration::from_millis(1_500);
/// Well inside the span.
pub const DURING: Duration = Duration::from_millis(600);
/// Much longer than an answer takes, and over before the span is.
const A_WHILE: Duration = Duration::from_millis(400);

pub fn span(fault: Fault) -> FaultSpan {
    FaultSpan {
        phase: "brownout".to_owned(),
        start: START,
        end: END,
        fault,
    }
}

fn process(process: Process, kind: ProcessFault) -> FaultSpan {
    span(Fault::Process { process, kind })
}

pub async fn begin(span: FaultSpan) -> (Arc<Environment>, Schedule, Instant) {
    let environment = Arc::new(start(lab_spec()).await);
    let zero = Instant::now();
    let schedule = Schedule::start(&environment, &[span], zero);
    (environment, schedule, zero)
}

pub async fn sleep_until(zero: Instant, moment: Duration) {
    tokio::time::sleep_until((zero + moment).into()).await;
}

/// What the schedule tells after the span has run its course.
pub async fn after_the_end(schedule: Schedule, zero: Instant) -> FaultLog {
    sleep_until(zero, END + Duration::from_millis(100)).await;
    let log = tokio::task::spawn_blocking(|| schedule.finish())
        .await
        .unwrap();
    assert!(log.findings.is_empty(), "{:?}", log.findings);
    log
}

fn assert_moments(log: &FaultLog) {
    let moments: Vec<(&str, f64)> = log
        .events
        .iter()
        .map(|event| (event.kind.as_str(), event.at_s))
        .collect();
    let [("fault_start", began), ("fault_end", ended)] = moments[..] else {
        panic!("{moments:?}");
    };
    assert!(began >= START.as_secs_f64(), "{moments:?}");
    assert!(ended >= END.as_secs_f64(), "{moments:?}");
}

async fn one(url: &str) -> Result<i32, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut connection)
        .await
}

/// Asks again until the server is back.
async fn one_in_the_end(url: &str) -> i32 {
    let asking = async {
        loop {
            if let Ok(one) = one(url).await {
                return one;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), asking).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_database_answers_nobody_until_the_pause_is_over() {
    let (environment, schedule, zero) =
        begin(process(Process::Database, ProcessFault::Pause)).await;
    let url = environment.lab().unwrap().database_url();
    // A connection from before: its own process has to stand still, too.
    let mut old = PgConnection::connect(&url).await.unwrap();
    sleep_until(zero, DURING).await;
    let (from_old, from_new) = tokio::join!(
        timeout(A_WHILE, sqlx::query("SELECT 1").execute(&mut old)),
        timeout(A_WHILE, one(&url)),
    );
    assert!(from_old.is_err() && from_new.is_err());
    let log = after_the_end(schedule, zero).await;
    assert_moments(&log);
    assert_eq!(one(&url).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_comes_back_at_its_address_with_what_was_committed() {
    let (environment, schedule, zero) = begin(process(Process::Database, ProcessFault::Kill)).await;
    let url = environment.lab().unwrap().database_url();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for statement in [
        "CREATE TABLE kept (id int)",
        "INSERT INTO kept VALUES (1), (2)",
    ] {
        sqlx::query(statement)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    sleep_until(zero, DURING).await;
    assert!(one(&url).await.is_err());
    assert!(
        sqlx::query("SELECT 1")
            .execute(&mut connection)
            .await
            .is_err()
    );
    let log = after_the_end(schedule, zero).await;
    assert_moments(&log);
    assert_eq!(one_in_the_end(&url).await, 1);
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM kept")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(kept, 2);
    assert_eq!(environment.take_unexpected_exits(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_database_is_another_process_at_the_same_address() {
    let (environment, schedule, zero) =
        begin(process(Process::Database, ProcessFault::Restart)).await;
    let lab = environment.lab().unwrap();
    let url = lab.database_url();
    let before = lab.database().process().pid();
    // It does not end by itself as long as somebody is connected, unless it is told firmly.
    let mut connected = PgConnection::connect(&url).await.unwrap();
    after_the_end(schedule, zero).await;
    assert_ne!(lab.database().process().pid(), before);
    assert_eq!(one_in_the_end(&url).await, 1);
    assert!(
        sqlx::query("SELECT 1")
            .execute(&mut connected)
            .await
            .is_err()
    );
    assert_eq!(environment.take_unexpected_exits(), []);
}

/// A backend whose server died while both stood still belongs to nobody's tree any more.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_paused_is_let_go_on_although_its_parent_has_gone() {
    let environment = start(lab_spec()).await;
    let lab = environment.lab().unwrap();
    let _connected = PgConnection::connect(&lab.database_url()).await.unwrap();
    let server = lab.database().process();
    let root = server.pid().unwrap();
    let children: Vec<i32> = process_table::tree(root)
        .iter()
        .map(|entry| entry.pid)
        .filter(|pid| *pid != root)
        .collect();
    assert!(!children.is_empty());
    server.pause();
    kill(Pid::from_raw(root), Signal::SIGKILL).unwrap();
    eventually("the server has ended", || {
        (!server.is_running()).then_some(())
    });
    assert!(children.iter().any(|pid| process_table::is_alive(*pid)));
    server.resume();
    // They notice that their server has gone, and end.
    eventually("none of them stands still", || {
        (!children.iter().any(|pid| process_table::is_alive(*pid))).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_service_keeps_its_callers_waiting() {
    let (environment, schedule, zero) = begin(process(Process::Service, ProcessFault::Pause)).await;
    let url = format!("{}/healthz", environment.base_url());
    sleep_until(zero, DURING).await;
    assert!(timeout(A_WHILE, get(&url)).await.is_err());
    let log = after_the_end(schedule, zero).await;
    assert_moments(&log);
    assert_eq!(get(&url).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_service_refuses_connections_and_comes_back_at_its_address() {
    let (environment, schedule, zero) = begin(process(Process::Service, ProcessFault::Kill)).await;
    let url = format!("{}/healthz", environment.base_url());
    sleep_until(zero, DURING).await;
    assert!(reqwest::get(&url).await.unwrap_err().is_connect());
    let log = after_the_end(schedule, zero).await;
    assert_moments(&log);
    environment
        .lab()
        .unwrap()
        .service()
        .first()
        .wait_until_ready()
        .await
        .unwrap();
    assert_eq!(get(&url).await, 200);
    assert_eq!(environment.take_unexpected_exits(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_service_is_another_process_at_the_same_address() {
    let (environment, schedule, zero) =
        begin(process(Process::Service, ProcessFault::Restart)).await;
    let service = environment.lab().unwrap().service().first();
    let before = service.process().pid();
    after_the_end(schedule, zero).await;
    service.wait_until_ready().await.unwrap();
    assert_ne!(service.process().pid(), before);
    assert_eq!(
        get(&format!("{}/healthz", environment.base_url())).await,
        200
    );
    assert_eq!(environment.take_unexpected_exits(), []);
}

/// However long its phase goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_over_when_the_process_runs_again() {
    let restart = FaultSpan {
        end: Duration::from_mins(10),
        ..process(Process::Service, ProcessFault::Restart)
    };
    let (environment, schedule, zero) = begin(restart).await;
    let service = environment.lab().unwrap().service().first();
    let before = service.process().pid();
    eventually("another process runs", || {
        let now = service.process().pid();
        (now.is_some() && now != before).then_some(())
    });
    service.wait_until_ready().await.unwrap();
    // Ample time for the fault's thread to look at the clock.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let seen_again = zero.elapsed();
    let log = tokio::task::spawn_blocking(|| schedule.finish())
        .await
        .unwrap();
    assert!(log.findings.is_empty(), "{:?}", log.findings);
    let end = log.events.iter().find(|event| event.kind == "fault_end");
    let end = end.unwrap().at_s;
    assert!(end > START.as_secs_f64(), "{:?}", log.events);
    assert!(end < seen_again.as_secs_f64(), "{:?}", log.events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_knob_is_turned_and_turned_back() {
    let key = "db.simulated_delay".to_owned();
    let fault = Fault::Knob {
        key: key.clone(),
        value: "250ms".into(),
    };
    let (environment, schedule, zero) = begin(span(fault)).await;
    let read = async || {
        let environment = Arc::clone(&environment);
        let key = key.clone();
        let reading =
            tokio::task::spawn_blocking(move || environment.lab().unwrap().service().knob(&key));
        reading.await.unwrap().unwrap()
    };
    let before = read().await;
    sleep_until(zero, DURING).await;
    assert_eq!(read().await, "250ms");
    assert_moments(&after_the_end(schedule, zero).await);
    assert_eq!(read().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_knob_that_does_not_exist_is_found_wrong_and_nothing_else_happens() {
    let fault = Fault::Knob {
        key: "db.no_such".to_owned(),
        value: 1.into(),
    };
    let (_environment, schedule, zero) = begin(span(fault)).await;
    sleep_until(zero, END).await;
    let log = tokio::task::spawn_blocking(|| schedule.finish())
        .await
        .unwrap();
    assert!(log.events.is_empty(), "{:?}", log.events);
    assert!(
        log.findings[0].detail.contains("db.no_such"),
        "{:?}",
        log.findings
    );
    assert!(
        log.findings[0].fails,
        "a trial without its fault must not pass"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_gone_when_the_run_is_stopped_early() {
    let (environment, schedule, zero) = begin(process(Process::Service, ProcessFault::Pause)).await;
    sleep_until(zero, DURING).await;
    let log = tokio::task::spawn_blocking(|| schedule.finish())
        .await
        .unwrap();
    let ended = log
        .events
        .iter()
        .find(|event| event.kind == "fault_end")
        .unwrap();
    assert!(ended.at_s < END.as_secs_f64(), "{ended:?}");
    assert_eq!(
        get(&format!("{}/healthz", environment.base_url())).await,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_was_never_due_leaves_no_trace() {
    let (_environment, schedule, _) = begin(process(Process::Service, ProcessFault::Kill)).await;
    let log = tokio::task::spawn_blocking(|| schedule.finish())
        .await
        .unwrap();
    assert!(log.events.is_empty() && log.findings.is_empty(), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_fault_is_felt_by_the_service_and_gone_at_its_end() {
    let spec = LabSpec {
        edges: [(Edge::Database, EdgeConditions::default())].into(),
        ..lab_spec()
    };
    let environment = Arc::new(start(spec).await);
    let url = format!("{}/members/1", environment.base_url());
    assert_eq!(get(&url).await, 200);
    let zero = Instant::now();
    let drop = span(Fault::Edge {
        edge: Edge::Database,
        kind: EdgeFault::Drop,
    });
    let schedule = Schedule::start(&environment, &[drop], zero);
    sleep_until(zero, DURING).await;
    let during = timeout(A_WHILE, get(&url)).await;
    assert!(!matches!(during, Ok(200)), "{during:?}");
    assert_moments(&after_the_end(schedule, zero).await);
    eventually_ok(&url).await;
}

async fn eventually_ok(url: &str) {
    let asking = async {
        while get(url).await != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_mins(1), asking).await.unwrap();
}

#[test]
fn faults_that_a_lab_cannot_have_are_refused_before_it_starts() {
    let spec = lab_spec();
    let drop = span(Fault::Edge {
        edge: Edge::Database,
        kind: EdgeFault::Drop,
    });
    assert!(fault::check(&[drop], &spec).is_err());
    assert!(fault::check(&[process(Process::Redis, ProcessFault::Kill)], &spec).is_err());
    assert!(fault::check(&[process(Process::Service, ProcessFault::Kill)], &spec).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_on_somebody_elses_service_is_found_wrong() {
    let spec = EnvironmentSpec::External {
        base_url: "http://127.0.0.1:1".to_owned(),
    };
    let environment = Arc::new(
        squall::environment::start(&spec, &settings())
            .await
            .unwrap(),
    );
    let kill = FaultSpan {
        start: Duration::ZERO,
        ..process(Process::Service, ProcessFault::Kill)
    };
    let schedule = Schedule::start(&environment, &[kill], Instant::now());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let log = tokio::task::spawn_blocking(|| schedule.finish())
        .await
        .unwrap();
    assert!(log.events.is_empty());
    assert_eq!(log.findings.len(), 1, "{:?}", log.findings);
}
