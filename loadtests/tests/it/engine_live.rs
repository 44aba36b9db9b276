//! Goose's live dashboard shows a load while it runs, with our times.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use squall::Journeys;
use squall::engine::{self, EngineInput, Progress};
use squall::scenario::{EnvironmentSpec, LoadModel};
use tokio_util::sync::CancellationToken;

use crate::engine_support::{Server, answer, phase, trial};

#[test]
fn the_live_dashboard_counts_from_the_intended_time() {
    // One user and a server that takes 100 ms: the later arrivals wait, and only a clock that
    // starts at the intended time sees it.
    let server = Server::start(|_, _| {
        thread::sleep(Duration::from_millis(100));
        answer(200, "", "")
    });
    let mut trial = trial(&server.base_url);
    trial.load.deadline = Duration::from_secs(30);
    trial.load.attempt_timeout = Duration::from_secs(30);
    if let LoadModel::Open { users, .. } = &mut trial.load.model {
        *users = 1;
    }
    trial.phases = vec![phase("only", Duration::from_mins(10), 20.0)];
    let EnvironmentSpec::External { base_url } = trial.environment.clone() else {
        panic!("these tests start no lab")
    };
    let port = free_port();
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let (say, heard) = mpsc::channel();
    let watcher = thread::spawn(move || {
        let seen = wait_for_slow_requests(port);
        stopper.cancel();
        say.send(seen).unwrap();
    });
    let measured = engine::run(EngineInput {
        trial: &trial,
        base_url: &base_url,
        journeys: &Journeys::new(),
        stop,
        on_start: Box::new(|_| {}),
        progress: Arc::new(Progress::default()),
        samples: None,
        live: Some(port),
    })
    .unwrap();
    watcher.join().unwrap();
    let seen = heard.recv().unwrap();
    assert!(measured.interrupted, "the watcher ended it");
    assert!(
        seen.is_ok(),
        "the dashboard never showed a request that took longer than a second: {seen:?}"
    );
    assert!(
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(),
        "the dashboard outlives its load"
    );
    assert!(
        !Path::new("goose-runs").exists(),
        "goose leaves its folders behind"
    );
}

/// Asks the dashboard until it shows a request whose time is far beyond the server's 100 ms.
fn wait_for_slow_requests(port: u16) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}/api/v1/snapshot");
    let give_up = Instant::now() + Duration::from_secs(60);
    let mut last = String::new();
    while Instant::now() < give_up {
        let snapshot = runtime.block_on(async {
            let answer = reqwest::get(&url).await.ok()?;
            answer.json::<Value>().await.ok()
        });
        if let Some(snapshot) = snapshot {
            if slowest(&snapshot) > 1000.0 {
                return Ok(());
            }
            last = snapshot.to_string();
        }
        thread::sleep(Duration::from_millis(200));
    }
    Err(last)
}

fn slowest(snapshot: &Value) -> f64 {
    snapshot["requests"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|request| request["response_time_max_ms"].as_f64())
        .fold(0.0, f64::max)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}
