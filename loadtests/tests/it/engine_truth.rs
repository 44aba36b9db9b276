//! The truth test: a target that is stopped for two seconds has a response-time distribution that
//! can be computed, and the measured one is that.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use squall::engine::{LoadMeasurements, Schedule};
use squall::scenario::{Arrivals, LoadModel, Trial};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::engine_support::{assert_accounted, phase, reasons, run_watched, trial};

const SERVICE_TIME: Duration = Duration::from_millis(1);

/// A server in a process of its own, killed with the test.
struct Stoppable {
    child: Child,
    base_url: String,
}

impl Stoppable {
    fn start() -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--exact",
                "engine_truth::stoppable_server",
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
        // Whatever the harness of the child still prints must find somebody who reads.
        thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            base_url: format!("http://{address}"),
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
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
        loop {
            let (stream, _) = listener.accept().await.unwrap();
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
fn a_target_that_stops_for_two_seconds_is_measured_as_it_was() {
    // A trial in which this machine was too busy for the generator proves nothing; it is repeated.
    let valid = (0..5)
        .map(|_| measure_a_stop())
        .find(|(trial, measured, _)| {
            assert_accounted(measured);
            reasons(trial, measured).is_empty()
        });
    let (_, measured, expected) = valid.expect("in 5 trials this machine was always too busy");
    assert_eq!(
        measured.phases[0].counts.ok, 1000,
        "{:?}",
        measured.phases[0].failures
    );
    let response = measured.phases[0].response_ms;
    for (quantile, measured) in [
        (0.5, response.p50),
        (0.95, response.p95),
        (0.99, response.p99),
    ] {
        let expected = expected[(quantile * expected.len() as f64) as usize - 1];
        let measured = measured.unwrap();
        let tolerance = (0.02 * expected).max(2.0);
        assert!(
            (measured - expected).abs() <= tolerance,
            "p{}: measured {measured:.2} ms, it was {expected:.2} ms",
            quantile * 100.0
        );
    }
}

/// The trial, what was measured, and every response time that there must have been, sorted.
fn measure_a_stop() -> (Trial, LoadMeasurements, Vec<f64>) {
    let server = Stoppable::start();
    let mut trial = trial(&server.base_url);
    trial.load.model = LoadModel::Open {
        arrivals: Arrivals::Uniform,
        users: 1000,
    };
    trial.load.deadline = Duration::from_secs(10);
    trial.load.attempt_timeout = trial.load.deadline;
    // So few that what piles up during the stop is answered at once after it: the time that an
    // unoptimised target needs for its backlog is not part of what is computed here.
    trial.phases = vec![phase("only", Duration::from_secs(20), 50.0)];

    let pid = server.pid();
    let mut pause = None;
    let measured = run_watched(
        &trial,
        &squall::Journeys::new(),
        CancellationToken::new(),
        |zero| {
            pause = Some((zero, thread::spawn(move || stop_for_two_seconds(pid, zero))));
        },
    )
    .unwrap();
    let (zero, stopping) = pause.unwrap();
    let (stopped, continued) = stopping.join().unwrap();
    let mut expected: Vec<f64> = Schedule::new(&trial.phases, Arrivals::Uniform, trial.seed)
        .map(|arrival| response_of(zero + arrival.intended, stopped, continued))
        .collect();
    expected.sort_by(f64::total_cmp);
    (trial, measured, expected)
}

/// What an arrival must take, in milliseconds: one that the stop catches is answered after it.
fn response_of(intended: Instant, stopped: Instant, continued: Instant) -> f64 {
    let undisturbed = intended + SERVICE_TIME;
    let answered = if undisturbed > stopped && intended < continued {
        continued + SERVICE_TIME
    } else {
        undisturbed
    };
    (answered - intended).as_secs_f64() * 1e3
}

fn stop_for_two_seconds(pid: Pid, zero: Instant) -> (Instant, Instant) {
    thread::sleep((zero + Duration::from_secs(9)).saturating_duration_since(Instant::now()));
    kill(pid, Signal::SIGSTOP).unwrap();
    let stopped = Instant::now();
    thread::sleep(Duration::from_secs(2));
    kill(pid, Signal::SIGCONT).unwrap();
    (stopped, Instant::now())
}
