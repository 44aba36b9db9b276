//! A service that is told to die at a point of an event's way: it dies there, or lives on and that is told.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use squall::environment::Environment;
use squall::scenario::{Fault, FaultSpan};

use crate::fault_schedule::{DURING, END, after_the_end, begin, sleep_until, span};
use crate::playground::{eventually, get};

/// Registers a member, so that an event goes its way; the service may die before it answers.
async fn register(environment: &Environment) {
    let url = format!("{}/members", environment.base_url());
    let member = r#"{"email":"kim@example.com","nickname":"kim","birth_date":"2000-02-29"}"#;
    let request = reqwest::Client::new().post(url).body(member);
    let request = request.header("Content-Type", "application/json");
    let _ = request.send().await;
}

fn crash() -> FaultSpan {
    span(Fault::CrashAt {
        point: "before_handle".to_owned(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_to_die_at_a_point_dies_there_and_comes_back() {
    let (environment, schedule, zero) = begin(crash()).await;
    let service = environment.lab().unwrap().service().first();
    let before = service.process().pid();
    sleep_until(zero, DURING).await;
    assert_eq!(
        service.process().pid(),
        before,
        "nothing has come there yet"
    );
    register(&environment).await;
    let log = after_the_end(schedule, zero).await;
    service.wait_until_ready().await.unwrap();
    assert_ne!(service.process().pid(), before);
    let kinds: Vec<&str> = log.events.iter().map(|event| &*event.kind).collect();
    assert_eq!(kinds, ["fault_start", "crash", "fault_end"]);
    assert_eq!(environment.take_unexpected_exits(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_nothing_has_brought_to_the_point_lives_on_and_that_is_told() {
    let (environment, schedule, zero) = begin(crash()).await;
    sleep_until(zero, END + Duration::from_millis(100)).await;
    let log = tokio::task::spawn_blocking(|| schedule.finish())
        .await
        .unwrap();
    assert_eq!(log.findings.len(), 1, "{:?}", log.findings);
    assert!(log.findings[0].detail.contains("before_handle"));
    // It is not to die any more.
    register(&environment).await;
    let url = format!("{}/healthz", environment.base_url());
    assert_eq!(get(&url).await, 200);
    let process = environment.lab().unwrap().service().first().process();
    kill(Pid::from_raw(process.pid().unwrap()), Signal::SIGKILL).unwrap();
    eventually("its end is a surprise", || {
        let exits = environment.take_unexpected_exits();
        (!exits.is_empty()).then_some(())
    });
}
