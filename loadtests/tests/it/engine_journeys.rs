//! Journeys of all kinds: people's own goose transactions, steps, and those written in TOML.

// Transactions are async, whether they wait for something or not.
#![allow(clippy::unused_async)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use goose::prelude::*;
use squall::scenario::{Expectation, Extract, StepDefinition, Trial, WeightedJourney};
use squall::{Journeys, Request};

use crate::engine_support::{
    Server, answer, assert_accounted, journey, run, run_with, step, trial, with_journey,
};

fn run_own(base_url: &str, transaction: Transaction) -> squall::engine::LoadMeasurements {
    let trial = with_journey(trial(base_url), "own");
    let measured = run_with(&trial, &Journeys::new().transaction("own", transaction)).unwrap();
    assert_accounted(&measured);
    measured
}

async fn plain_get(user: &mut GooseUser) -> TransactionResult {
    user.get("/plain").await?;
    Ok(())
}

#[test]
fn a_plain_goose_transaction_works_unchanged() {
    let server = Server::start(|_, _| answer(200, "", "ok"));
    let measured = run_own(&server.base_url, transaction!(plain_get));
    let only = &measured.phases[0];
    assert_eq!(
        (only.counts.ok, only.counts.attempts, server.count()),
        (100, 100, 100),
        "{only:?}"
    );
    assert_eq!(only.steps["GET /plain"].count, 100);
    assert!(only.response_ms.p50.is_some() && only.send_lag_ms.p50.is_some());
}

#[test]
fn a_failed_request_fails_the_arrival_although_the_transaction_returns_ok() {
    let server = Server::start(|_, _| answer(500, "", ""));
    let only = run_own(&server.base_url, transaction!(plain_get))
        .phases
        .remove(0);
    assert_eq!(
        (only.counts.failed, only.failures["status_500"]),
        (100, 100)
    );
    assert_eq!(only.steps["GET /plain"].failed, 100);
}

async fn expects_missing(user: &mut GooseUser) -> TransactionResult {
    let mut goose = user.get("/missing").await?;
    if goose.request.status_code == 404 {
        return user.set_success(&mut goose.request);
    }
    Ok(())
}

async fn finds_fault(user: &mut GooseUser) -> TransactionResult {
    let mut goose = user.get("/fine").await?;
    user.set_failure("not what it should be", &mut goose.request, None, None)
}

#[test]
fn what_a_transaction_decides_about_a_request_holds() {
    let server = Server::start(|_, _| answer(404, "", ""));
    let counts = run_own(&server.base_url, transaction!(expects_missing)).phases[0].counts;
    assert_eq!((counts.ok, counts.attempts), (100, 100));
    let server = Server::start(|_, _| answer(200, "", ""));
    let only = run_own(&server.base_url, transaction!(finds_fault))
        .phases
        .remove(0);
    assert_eq!(
        (only.counts.failed, only.failures["unexpected_answer"]),
        (100, 100)
    );
}

async fn hangs(_user: &mut GooseUser) -> TransactionResult {
    tokio::time::sleep(Duration::from_hours(1)).await;
    Ok(())
}

async fn panics(_user: &mut GooseUser) -> TransactionResult {
    panic!("a transaction's own mistake");
}

async fn gives_up(_user: &mut GooseUser) -> TransactionResult {
    Err(Box::new(TransactionError::Custom("no reason".into())))
}

async fn blocks_its_thread(_user: &mut GooseUser) -> TransactionResult {
    std::thread::sleep(Duration::from_secs(20));
    Ok(())
}

#[test]
fn transactions_that_hang_panic_or_give_up_are_failures_of_their_own_kind() {
    let server = Server::start(|_, _| answer(200, "", ""));
    let failures = |transaction| {
        run_own(&server.base_url, transaction)
            .phases
            .remove(0)
            .failures
    };
    assert_eq!(failures(transaction!(hangs))["timeout"], 100);
    assert_eq!(failures(transaction!(gives_up))["journey"], 100);
    assert_eq!(failures(transaction!(panics))["panic"], 100);
}

#[test]
fn a_transaction_that_blocks_its_thread_does_not_hang_the_run() {
    let server = Server::start(|_, _| answer(200, "", ""));
    let only = run_own(&server.base_url, transaction!(blocks_its_thread))
        .phases
        .remove(0);
    assert_eq!(only.counts.ok, 0);
    assert!(only.failures["stuck"] > 0, "{:?}", only.failures);
}

async fn blocks_its_thread_once(_user: &mut GooseUser) -> TransactionResult {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    if CALLS.fetch_add(1, Ordering::Relaxed) == 20 {
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

/// As when the host of a virtual machine takes a processor away. On one processor nobody could stand in.
#[test]
fn users_that_are_not_run_for_a_moment_are_stood_in_for() {
    if std::thread::available_parallelism().unwrap().get() == 1 {
        return;
    }
    let server = Server::start(|_, _| answer(200, "", ""));
    let transaction = transaction!(blocks_its_thread_once);
    let only = run_own(&server.base_url, transaction).phases.remove(0);
    assert_eq!((only.counts.ok, only.counts.offered), (100, 100));
    // Half of all arrivals came while the thread was blocked; only one of them had to wait for it.
    assert!(only.response_ms.p90.unwrap() < 100.0, "{only:?}");
}

async fn log_in(user: &mut GooseUser) -> TransactionResult {
    user.get("/login").await?;
    Ok(())
}

async fn see_account(user: &mut GooseUser) -> TransactionResult {
    user.get("/account").await?;
    Ok(())
}

/// Gives a cookie at `/login`, and wants it at `/account`; a second login with a cookie is refused.
fn session_server() -> Server {
    Server::start(|number, request| {
        let known = request.contains("session=");
        match (request.starts_with("GET /login"), known) {
            (true, false) => answer(
                200,
                &format!("set-cookie: session={number}; Path=/\r\n"),
                "",
            ),
            (false, true) => answer(200, "", ""),
            _ => answer(403, "", ""),
        }
    })
}

#[test]
fn a_goose_scenario_is_one_pass_with_cookies_that_end_with_the_arrival() {
    let server = session_server();
    let scenario = scenario!("shop")
        .register_transaction(transaction!(see_account))
        .register_transaction(transaction!(log_in).set_on_start());
    let trial = with_journey(trial(&server.base_url), "shop");
    let measured = run_with(&trial, &Journeys::new().scenario(scenario)).unwrap();
    assert_accounted(&measured);
    let only = &measured.phases[0];
    assert_eq!(
        (only.counts.ok, only.counts.attempts),
        (100, 200),
        "{:?}",
        only.failures
    );
    assert_eq!(
        (
            only.steps["GET /login"].count,
            only.steps["GET /account"].count
        ),
        (100, 100)
    );
}

/// The example of the README, as it is.
#[path = "../../examples/own_journeys.rs"]
#[allow(dead_code)]
mod example;

#[test]
fn the_examples_journeys_run() {
    let server = Server::start(|_, request| match request {
        _ if request.starts_with("POST /orders") => answer(201, "", "17"),
        _ if request.starts_with("GET / ") || request.starts_with("GET /orders/17 ") => {
            answer(200, "", "")
        }
        _ => answer(404, "", ""),
    });
    let mut trial = trial(&server.base_url);
    let weighted = |name: &str, weight| WeightedJourney {
        name: name.into(),
        weight,
    };
    trial.load.journeys = vec![weighted("front_page", 3.0), weighted("order", 1.0)];
    let only = run_with(&trial, &example::journeys())
        .unwrap()
        .phases
        .remove(0);
    assert_eq!(only.counts.ok, 100, "{:?}", only.failures);
    let steps: Vec<&str> = only.steps.keys().map(String::as_str).collect();
    assert_eq!(steps, ["GET /", "GET /orders/{id}", "POST /orders"]);
}

async fn two_steps(user: &mut GooseUser) -> TransactionResult {
    let created = squall::step(user, Request::post("/things").body("{}").expect(&[201])).await?;
    let location = created.headers()["location"]
        .to_str()
        .unwrap_or_default()
        .to_owned();
    let thing = squall::step(user, Request::get(location).named("GET /things/{id}")).await?;
    if thing.text() != "thing 7" {
        return Err(Box::new(TransactionError::Custom("another thing".into())));
    }
    Ok(())
}

#[test]
fn steps_are_named_counted_and_read() {
    let server = Server::start(|_, request| match request {
        _ if request.starts_with("POST /things") => answer(201, "location: /things/7\r\n", ""),
        _ if request.starts_with("GET /things/7 ") => answer(200, "", "thing 7"),
        _ => answer(404, "", ""),
    });
    let only = run_own(&server.base_url, transaction!(two_steps))
        .phases
        .remove(0);
    assert_eq!(
        (only.counts.ok, only.counts.attempts),
        (100, 200),
        "{:?}",
        only.failures
    );
    let steps: Vec<&str> = only.steps.keys().map(String::as_str).collect();
    assert_eq!(steps, ["GET /things/{id}", "POST /things"]);
}

#[tokio::test]
async fn a_step_outside_of_a_run_is_an_error_and_no_panic() {
    let config = goose::config::GooseConfiguration::parse_args_default::<&str>(&[]).unwrap();
    let mut user = GooseUser::single("http://127.0.0.1:9".parse().unwrap(), &config).unwrap();
    let error = squall::step(&mut user, Request::get("/"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("squall"), "{error}");
}

fn thing_journey() -> Vec<StepDefinition> {
    let mut create = step("POST", "/things");
    create.body =
        Some(r#"{"key": "{{uuid}}", "number": {{seq}}, "size": {{random(1, 3)}}}"#.into());
    create
        .headers
        .insert("content-type".into(), "application/json".into());
    create.expect = Expectation {
        status: vec![201],
        body_contains: Some("created".into()),
    };
    create
        .extract
        .insert("id".into(), Extract::Json("/created/0/id".into()));
    create
        .extract
        .insert("version".into(), Extract::Header("etag".into()));
    let mut read = step("GET", "/things/{{id}}");
    read.headers.insert("if-match".into(), "{{version}}".into());
    vec![create, read]
}

fn thing_trial(base_url: &str) -> Trial {
    let mut trial = with_journey(trial(base_url), "thing");
    trial.load.definitions = vec![journey("thing", thing_journey())];
    trial
}

#[test]
fn a_toml_journey_carries_what_it_extracts_to_later_steps() {
    let server = Server::start(|_, request| {
        let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
        if request.starts_with("POST /things") {
            let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
            let number = body["number"].as_u64();
            let sound = number.is_some() && body["key"].as_str().is_some_and(|key| key.len() == 36);
            let made = format!(
                r#"{{"created": [{{"id": {}}}]}}"#,
                number.unwrap_or_default()
            );
            return answer(
                if sound { 201 } else { 422 },
                &format!("etag: v{}\r\n", number.unwrap_or_default()),
                &made,
            );
        }
        let id = request
            .trim_start_matches("GET /things/")
            .split(' ')
            .next()
            .unwrap_or_default();
        answer(
            if request.contains(&format!("if-match: v{id}\r\n")) {
                200
            } else {
                412
            },
            "",
            "",
        )
    });
    let measured = run(&thing_trial(&server.base_url));
    assert_accounted(&measured);
    let only = &measured.phases[0];
    assert_eq!(
        (only.counts.ok, only.counts.attempts),
        (100, 200),
        "{:?}",
        only.failures
    );
    assert_eq!(only.steps["GET /things/{{id}}"].count, 100);
}

#[test]
fn an_answer_without_what_a_step_wants_of_it_is_a_failure_and_ends_the_journey() {
    let server = Server::start(|_, _| answer(201, "etag: v\r\n", r#"{"created": []}"#));
    let measured = run(&thing_trial(&server.base_url));
    assert_accounted(&measured);
    let only = &measured.phases[0];
    assert_eq!(
        (only.counts.failed, only.failures["unexpected_answer"]),
        (100, 100)
    );
    assert!(!only.steps.contains_key("GET /things/{{id}}"));
}

#[test]
fn journeys_share_the_arrivals_by_their_weights() {
    let server = Server::start(|_, _| answer(200, "", ""));
    let mut trial = trial(&server.base_url);
    let weighted = |name: &str, weight| WeightedJourney {
        name: name.into(),
        weight,
    };
    trial.load.journeys = vec![
        weighted("often", 3.0),
        weighted("seldom", 1.0),
        weighted("never", 0.0),
    ];
    trial.load.definitions = ["often", "seldom"]
        .map(|name| journey(name, vec![step("GET", &format!("/{name}"))]))
        .into();
    let only = run(&trial).phases.remove(0);
    let count = |name: &str| only.steps[&format!("GET /{name}")].count;
    assert_eq!(count("often") + count("seldom"), 100);
    assert!((55..=95).contains(&count("often")), "{}", count("often"));
}
