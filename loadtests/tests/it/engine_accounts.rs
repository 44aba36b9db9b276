//! Every arrival is accounted for, whatever the target does, and a dead target does not stretch the run.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use squall::scenario::{Arrivals, LoadModel, Trial};
use tokio_util::sync::CancellationToken;

use crate::engine_support::{
    Server, answer, assert_accounted, phase, run, run_watched, run_with, trial, with_journey,
};

/// Runs 100 arrivals that must all fail, with this label, and be ranked as slow as the deadline.
fn all_fail(trial: &Trial, label: &str) {
    let began = Instant::now();
    let measured = run(trial);
    assert_accounted(&measured);
    let only = &measured.phases[0];
    assert_eq!(
        (only.counts.offered, only.counts.failed),
        (100, 100),
        "{only:?}"
    );
    assert_eq!(only.failures.get(label), Some(&100), "{:?}", only.failures);
    assert!(
        only.response_ms.p50.unwrap() >= 999.0,
        "{:?}",
        only.response_ms
    );
    assert_eq!((only.ok_ms.p50, only.goodput), (None, 0.0));
    let step = &only.steps["GET /"];
    assert_eq!((step.count, step.failed), (100, 100), "{step:?}");
    assert!(step.response_ms.p50.unwrap() >= 999.0, "{step:?}");
    let longest = trial.duration() + trial.load.deadline + Duration::from_secs(10);
    assert!(
        began.elapsed() < longest,
        "a dead target stretched the run to {:?}",
        began.elapsed()
    );
}

#[test]
fn a_healthy_target_answers_every_arrival() {
    let server = Server::start(|_, _| answer(200, "", "hello"));
    let measured = run(&trial(&server.base_url));
    assert_accounted(&measured);
    let only = &measured.phases[0];
    assert_eq!(
        (only.counts.ok, only.counts.sent, only.counts.attempts),
        (100, 100, 100),
        "{only:?}"
    );
    assert_eq!(server.count(), 100);
    assert_eq!(only.steps["GET /"].count, 100);
    assert!((only.goodput - 100.0).abs() < 1e-9);
    assert!(
        only.service_ms.p50 <= only.response_ms.p50 && only.ttfb_ms.p50 <= only.service_ms.p50,
        "{only:?}"
    );
}

#[test]
fn a_port_where_nobody_listens() {
    let freed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    all_fail(&trial(&format!("http://{freed}")), "connect");
}

#[test]
fn a_target_that_accepts_and_never_answers() {
    let server = Server::start(|_, _| {
        thread::sleep(Duration::from_hours(1));
        None
    });
    all_fail(&trial(&server.base_url), "timeout");
}

#[test]
fn a_target_that_answers_garbage() {
    let server = Server::start(|_, _| Some("220 mail.example ESMTP, connection: close\r\n".into()));
    all_fail(&trial(&server.base_url), "protocol");
}

#[test]
fn a_target_that_closes_in_the_middle_of_a_body() {
    let server = Server::start(|_, _| {
        Some("HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\nhalf".into())
    });
    all_fail(&trial(&server.base_url), "body_cut");
}

#[test]
fn a_chunked_body_without_its_end() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let server = Server::start(move |_, _| Some(format!("{head}5\r\nhello\r\n")));
    all_fail(&trial(&server.base_url), "body_cut");
}

#[test]
fn a_target_that_closes_without_a_word() {
    let server = Server::start(|_, _| None);
    all_fail(&trial(&server.base_url), "reset");
}

#[test]
fn a_target_that_refuses_politely() {
    let server = Server::start(|_, _| answer(503, "retry-after: 1\r\n", "{}"));
    all_fail(&trial(&server.base_url), "status_503");
}

#[test]
fn a_trickling_answer_is_cut_at_the_deadline() {
    // The head comes at once, the body never: without a deadline around everything this hangs.
    let server = Server::start(|_, _| Some("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n".into()));
    all_fail(&trial(&server.base_url), "timeout");
}

#[test]
fn chunked_interim_and_closing_answers_are_understood() {
    let server = Server::start(|number, _| match number % 3 {
        0 => Some(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into(),
        ),
        1 => Some(
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".into(),
        ),
        _ => Some("HTTP/1.0 200 OK\r\nconnection: close\r\n\r\nuntil the end".into()),
    });
    let measured = run(&trial(&server.base_url));
    assert_accounted(&measured);
    assert_eq!(
        measured.phases[0].counts.ok, 100,
        "{:?}",
        measured.phases[0].failures
    );
}

#[test]
fn a_kept_connection_that_was_closed_is_not_a_failure() {
    // One answer per connection, without a word that it closes.
    let closing = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", closing.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in closing.incoming().flatten() {
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            });
        }
    });
    let measured = run(&trial(&base_url));
    assert_accounted(&measured);
    assert_eq!(
        measured.phases[0].counts.ok, 100,
        "{:?}",
        measured.phases[0].failures
    );
}

#[test]
fn arrivals_belong_to_the_phase_of_their_intended_time() {
    let server = Server::start(|_, _| answer(200, "", ""));
    let mut trial = trial(&server.base_url);
    trial.phases = vec![
        phase("slow", Duration::from_millis(500), 40.0),
        phase("fast", Duration::from_millis(500), 400.0),
    ];
    let measured = run(&trial);
    assert_accounted(&measured);
    let offered: Vec<u64> = measured
        .phases
        .iter()
        .map(|phase| phase.counts.offered)
        .collect();
    assert_eq!(offered, [20, 200]);
}

#[test]
fn an_interrupted_run_keeps_what_it_measured() {
    let server = Server::start(|_, _| answer(200, "", ""));
    let mut trial = trial(&server.base_url);
    trial.phases = vec![
        phase("first", Duration::from_secs(1), 100.0),
        phase("long", Duration::from_mins(10), 100.0),
    ];
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let measured = run_watched(&trial, &squall::Journeys::new(), stop, |zero| {
        thread::spawn(move || {
            thread::sleep(
                (zero + Duration::from_millis(1500)).saturating_duration_since(Instant::now()),
            );
            stopper.cancel();
        });
    })
    .unwrap();
    assert_accounted(&measured);
    assert!(measured.interrupted);
    assert_eq!(measured.phases[0].counts.ok, 100);
    assert!(
        measured.phases[1].duration_s < 60.0,
        "{}",
        measured.phases[1].duration_s
    );
    assert!(measured.phases[1].counts.offered < 6000);
}

#[test]
fn what_is_under_way_at_an_interrupt_is_told_apart_from_failures_of_the_target() {
    let server = Server::start(|_, _| {
        thread::sleep(Duration::from_hours(1));
        None
    });
    let mut trial = trial(&server.base_url);
    trial.load.deadline = Duration::from_mins(5);
    trial.load.attempt_timeout = Duration::from_mins(5);
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let measured = run_watched(&trial, &squall::Journeys::new(), stop, |_| {
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(400));
            stopper.cancel();
        });
    })
    .unwrap();
    assert_accounted(&measured);
    let failures = &measured.phases[0].failures;
    assert!(
        failures["interrupted"] > 0 && failures.len() == 1,
        "{failures:?}"
    );
    // What was under way was waited for, a second at most; the timeline had ended before that.
    assert!(
        measured.covered + Duration::from_millis(900) < measured.zero.elapsed(),
        "{:?}",
        measured.covered
    );
}

#[test]
fn a_closed_model_keeps_its_users_busy_and_knows_no_lag() {
    let server = Server::start(|_, _| {
        thread::sleep(Duration::from_millis(5));
        answer(200, "", "")
    });
    let mut trial = trial(&server.base_url);
    trial.load.model = LoadModel::Closed { users: 4 };
    let measured = run(&trial);
    assert_accounted(&measured);
    let only = &measured.phases[0];
    assert!((50..=800).contains(&only.counts.ok), "{only:?}");
    assert_eq!(
        (
            only.release_lag_ms.p50,
            only.send_lag_ms.p50,
            only.counts.unsent
        ),
        (None, None, 0)
    );
}

#[test]
fn a_closed_model_against_a_dead_target_ends_and_does_not_spin() {
    let freed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut trial = trial(&format!("http://{freed}"));
    trial.load.model = LoadModel::Closed { users: 2 };
    let measured = run(&trial);
    assert_accounted(&measured);
    let counts = measured.phases[0].counts;
    assert!(counts.failed > 0 && counts.ok == 0, "{counts:?}");
    assert!(
        counts.failed <= 2 * 1001,
        "two users failed {} times in a second",
        counts.failed
    );
}

#[test]
fn a_bad_target_or_journey_is_refused_before_anything_starts() {
    let refused = |trial: &Trial| {
        error(trial).unwrap_or_else(|| panic!("{:?} was not refused", trial.environment))
    };
    assert!(refused(&trial("127.0.0.1:80")).contains("http://"));
    assert!(refused(&trial("http://no-such-host.invalid")).contains("no-such-host"));
    assert!(
        refused(&with_journey(
            trial("http://127.0.0.1:9"),
            "no_such_journey"
        ))
        .contains("browse")
    );
    assert!(refused(&with_journey(trial("http://127.0.0.1:9"), "browse")).contains("[[journeys]]"));
    let mut bad_header = trial("http://127.0.0.1:9");
    bad_header.load.headers.insert("a b".into(), "c".into());
    assert!(refused(&bad_header).contains("a b"));
}

fn error(trial: &Trial) -> Option<String> {
    run_with(trial, &squall::Journeys::new())
        .err()
        .map(|error| error.to_string())
}

#[test]
fn poisson_arrivals_are_the_same_for_one_seed() {
    let server = Server::start(|_, _| answer(200, "", ""));
    let mut trial = trial(&server.base_url);
    trial.load.model = LoadModel::Open {
        arrivals: Arrivals::Poisson,
        users: 200,
    };
    let offered = |trial: &Trial| {
        run(trial)
            .seconds
            .iter()
            .map(|second| second.offered)
            .collect::<Vec<_>>()
    };
    assert_eq!(offered(&trial), offered(&trial));
}
