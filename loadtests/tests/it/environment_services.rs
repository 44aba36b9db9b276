//! `squall services -- COMMAND`: what the command gets, and what comes of its end.

use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::thread;

use sqlx::{Connection, PgConnection};
use squall::environment::Services;

use crate::playground::{Place, settings};

fn services(command: &[&str]) -> Output {
    let mut squall = Command::new(settings().programs.harness());
    squall
        .args(["services", "--"])
        .args(command)
        .stdin(Stdio::null());
    squall.output().unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

async fn one(url: &str) -> i32 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::query_scalar("SELECT 1")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[test]
fn the_command_gets_addresses_and_its_exit_code_is_passed_on() {
    let output = services(&["sh", "-c", "echo $DATABASE_URL; echo $REDIS_URL; exit 7"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.lines()
            .next()
            .unwrap()
            .starts_with("postgres://squall:"),
        "{text}"
    );
    assert!(
        text.lines()
            .nth(1)
            .unwrap()
            .starts_with("redis://127.0.0.1:"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn a_command_that_a_signal_ended_is_told_as_shells_tell_it() {
    let output = services(&["sh", "-c", "kill -9 $$"]);
    assert_eq!(output.status.code(), Some(128 + 9));
    assert_eq!(output.status.signal(), None);
}

#[test]
fn a_command_that_does_not_exist_is_an_error_that_names_it() {
    let output = services(&["no-such-program"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("no-such-program"), "{text}");
}

#[test]
fn connections_over_tcp_need_the_password() {
    runtime().block_on(async {
        let services = Services::start(&settings()).await.unwrap();
        let url = services.database_url();
        assert_eq!(one(&url).await, 1);
        let password = url.split(['/', ':', '@']).nth(4).unwrap();
        let wrong = url.replace(password, "guessed");
        let error = PgConnection::connect(&wrong).await.unwrap_err().to_string();
        assert!(error.contains("password authentication failed"), "{error}");
    });
}

#[test]
fn two_first_starts_at_once_share_one_cached_database_and_no_server() {
    let place = Place::new();
    let starting = [(); 2].map(|()| {
        let settings = place.settings();
        thread::spawn(move || runtime().block_on(Services::start(&settings)).unwrap())
    });
    let [first, second] = starting.map(|thread| thread.join().unwrap());
    assert_ne!(first.database_url(), second.database_url());
    assert_ne!(first.redis_url(), second.redis_url());
    runtime().block_on(async {
        for url in [first.database_url(), second.database_url()] {
            assert_eq!(one(&url).await, 1);
        }
    });
    let entries = std::fs::read_dir(place.path("squall/clusters")).unwrap();
    let entries = entries
        .flatten()
        .filter(|item| item.path().is_dir())
        .count();
    assert_eq!(entries, 1);
    drop((first, second));
    assert!(place.runs().is_empty());
}

#[test]
fn the_standard_ports_are_left_to_others() {
    // Whether or not we get them ourselves: after this they are taken.
    let _held = [5432, 6379].map(|port| TcpListener::bind(("127.0.0.1", port)));
    let output = services(&["sh", "-c", "echo $DATABASE_URL $REDIS_URL"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(
        !text.contains(":5432/") && !text.contains(":6379/"),
        "{text}"
    );
}

#[test]
fn a_file_in_place_of_the_cache_is_an_error_that_names_it() {
    let place = Place::new();
    let file = place.path("squall");
    std::fs::write(&file, "not a directory").unwrap();
    let error = runtime()
        .block_on(Services::start(&place.settings()))
        .unwrap_err();
    assert!(
        error.to_string().contains(&file.display().to_string()),
        "{error}"
    );
}
