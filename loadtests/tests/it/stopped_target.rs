//! The truth test: what a target that stands still for two seconds must come to in the report can
//! be computed, and the record of the run is that.
//!
//! Arrivals in the stop wait from its whole length down to nothing, and all others about the
//! service time; so the length of the stop is all that must be known of it.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::command;

const SERVICE_TIME: Duration = Duration::from_millis(1);
const ARRIVALS: usize = 2000;

/// 20 seconds at a rate that is so low that what piles up in the stop is answered at once after it:
/// the time that an unoptimised target needs for its backlog is not part of what is computed here.
const SCENARIO: &str = r#"
name = "stopped"
title = "A target that stands still for two seconds"
[target]
base_url = "BASE_URL"
[load]
arrivals = "uniform"
users = 1000
client_timeout = "10s"
journeys = { get = 1 }
[[journeys]]
name = "get"
steps = [{ method = "GET", path = "/" }]
[[phases]]
name = "only"
duration = "20s"
rate = 100
"#;

/// A server in a process of its own, killed with the test.
struct Stoppable {
    child: Child,
    base_url: String,
    /// Says that the first request has come.
    asked: mpsc::Receiver<()>,
}

impl Stoppable {
    fn start() -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "stopped_target::stoppable_server",
                "--ignored",
                "--nocapture",
            ])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                line.unwrap()
                    .strip_prefix("listening on ")
                    .map(str::to_owned)
            })
            .unwrap();
        let (tell, asked) = mpsc::channel();
        // Whatever the harness of the child still prints must find somebody who reads.
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line == "asked" {
                    let _ = tell.send(());
                }
            }
        });
        Self {
            child,
            base_url: format!("http://{address}"),
            asked,
        }
    }

    /// Stops the process in the middle of the load, and says for how long it was stopped.
    fn stop_for_two_seconds(&self) -> Duration {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        self.asked
            .recv_timeout(Duration::from_secs(60))
            .expect("no load came");
        thread::sleep(Duration::from_secs(9));
        kill(pid, Signal::SIGSTOP).unwrap();
        let stopped = Instant::now();
        thread::sleep(Duration::from_secs(2));
        kill(pid, Signal::SIGCONT).unwrap();
        stopped.elapsed()
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "a process of its own, started by the test below"]
fn stoppable_server() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // A short queue would overflow while the process is stopped, and what overflows is tried
        // again only after a second.
        let listener = socket.listen(4096).unwrap();
        println!("\nlistening on {}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            if number == 0 {
                println!("asked");
            }
            tokio::spawn(answer_all(stream));
        }
    });
}

async fn answer_all(mut stream: TcpStream) {
    let mut inbox = [0; 1024];
    while let Ok(1..) = stream.read(&mut inbox).await {
        tokio::time::sleep(SERVICE_TIME).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await;
    }
}

#[test]
fn a_target_that_stops_for_two_seconds_is_reported_as_it_was() {
    for _ in 0..5 {
        let run = Run::of_a_stop();
        if run.record["verdict"] == "invalid" {
            continue;
        }
        match run.untruth() {
            None => return,
            // It was the target that the machine kept waiting: what it did then cannot be computed.
            Some(_) if run.machine_late > BUSY => {}
            Some(untruth) => panic!("{untruth}"),
        }
    }
    panic!("in 5 runs this machine was always too busy for the generator or the target");
}

/// A run in which the target was stopped.
struct Run {
    record: Value,
    stopped: Duration,
    /// What a process that wants next to nothing had to wait for its turn, at worst.
    machine_late: Duration,
}

impl Run {
    /// What the report says that was not so.
    fn untruth(&self) -> Option<String> {
        let phases = command::phases(&self.record);
        let [phase] = phases.as_slice() else {
            panic!("{phases:?}")
        };
        assert_eq!(phase["ok"], ARRIVALS, "{phase}");
        let mut quantiles = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")].into_iter();
        quantiles.find_map(|(quantile, key)| {
            let expected = expected_ms(quantile, self.stopped);
            let reported = phase["response_ms"][key].as_f64().unwrap();
            let tolerance = (0.02 * expected).max(2.0);
            let is_true = (reported - expected).abs() <= tolerance;
            let late = self.machine_late;
            let untruth = format!(
                "{key}: reported {reported:.2} ms, it was {expected:.2} ms; the machine was late by {late:?}"
            );
            (!is_true).then_some(untruth)
        })
    }

    /// From the record that the command leaves.
    fn of_a_stop() -> Self {
        let witness = Witness::start();
        let (record, stopped) = report_of_a_stop();
        Self {
            record,
            stopped,
            machine_late: witness.worst(),
        }
    }
}

/// Above this the target may have been kept waiting for as long as the tolerance.
const BUSY: Duration = Duration::from_millis(2);

/// Wants to run for a moment every millisecond, and measures how late it is let.
struct Witness {
    done: Arc<AtomicBool>,
    thread: thread::JoinHandle<Duration>,
}

impl Witness {
    fn start() -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        let thread = thread::spawn(move || {
            let nap = Duration::from_millis(1);
            let mut worst = Duration::ZERO;
            while !is_done.load(Ordering::Relaxed) {
                let lay_down = Instant::now();
                thread::sleep(nap);
                worst = worst.max(lay_down.elapsed().saturating_sub(nap));
            }
            worst
        });
        Self { done, thread }
    }

    fn worst(self) -> Duration {
        self.done.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// The record of a run, and for how long its target was stopped.
fn report_of_a_stop() -> (Value, Duration) {
    let server = Stoppable::start();
    let folder = tempfile::tempdir().unwrap();
    let scenario = SCENARIO.replace("BASE_URL", &server.base_url);
    fs::write(folder.path().join("stopped.toml"), scenario).unwrap();
    let arguments = ["run", "stopped.toml", "--out", "out"];
    let (ended, stopped) = thread::scope(|scope| {
        let run = scope.spawn(|| command::run(folder.path(), &arguments));
        let stopped = server.stop_for_two_seconds();
        (run.join().unwrap(), stopped)
    });
    assert!(
        matches!(ended.code, Some(0 | 5)),
        "nothing but the generator can have failed: {}",
        ended.all()
    );
    let record = command::record(&folder.path().join("out"));
    command::assert_accounts_balance(&record);
    (record, stopped)
}

/// The response time at this quantile of evenly spaced arrivals: as many as there are slower ones,
/// so many spacings after the moment of the stop did this one come.
fn expected_ms(quantile: f64, stopped: Duration) -> f64 {
    let spacing_ms = 20_000.0 / ARRIVALS as f64;
    let slower = ((1.0 - quantile) * ARRIVALS as f64).round();
    // The first arrival of the stop came half a spacing after it, give or take the other half.
    let waited = stopped.as_secs_f64() * 1e3 - (slower + 0.5) * spacing_ms;
    waited.max(0.0) + SERVICE_TIME.as_secs_f64() * 1e3
}
