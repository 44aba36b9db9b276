//! What the engine's tests share: small servers of their own, and trials to run against them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use squall::Journeys;
use squall::engine::{self, EngineError, EngineInput, LoadMeasurements, Progress};
use squall::judge;
use squall::scenario::{
    Arrivals, Backoff, EnvironmentSpec, Expectation, Jitter, JourneyDefinition, Keys, LoadModel,
    LoadSpec, Phase, Rate, RetryPolicy, StepDefinition, Trial, WeightedJourney,
};
use tokio_util::sync::CancellationToken;

/// A server with a thread per connection. It lives as long as the test's process.
pub struct Server {
    pub base_url: String,
    pub requests: Arc<AtomicUsize>,
}

impl Server {
    /// `answer` gets the number of the request, from 0, and the request; what it returns is written,
    /// and the connection is closed after an answer that says so. `None`: closed without a word.
    pub fn start(answer: impl Fn(usize, &str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (counted, answer) = (Arc::clone(&requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counted, answer) = (Arc::clone(&counted), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &counted, &*answer));
            }
        });
        Self { base_url, requests }
    }

    pub fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    counted: &AtomicUsize,
    answer: &(dyn Fn(usize, &str) -> Option<String> + Send + Sync),
) {
    let _ = stream.set_nodelay(true);
    while let Some(request) = read_request(&mut stream) {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let Some(text) = answer(number, &request) else {
            return;
        };
        if stream.write_all(text.as_bytes()).is_err() || text.contains("connection: close") {
            return;
        }
    }
}

/// Head and body, as its content-length says.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return None,
            Ok(more) => bytes.extend_from_slice(&part[..more]),
        }
    }
}

/// An answer with a body and more headers, each `name: value\r\n`; in the form that servers return.
#[allow(clippy::unnecessary_wraps)]
pub fn answer(status: u16, headers: &str, body: &str) -> Option<String> {
    Some(format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    ))
}

pub fn step(method: &str, path: &str) -> StepDefinition {
    StepDefinition {
        name: format!("{method} {path}"),
        method: method.into(),
        path: path.into(),
        headers: BTreeMap::new(),
        body: None,
        expect: Expectation::default(),
        extract: BTreeMap::new(),
    }
}

pub fn journey(name: &str, steps: Vec<StepDefinition>) -> JourneyDefinition {
    JourneyDefinition {
        name: name.into(),
        steps,
    }
}

pub fn phase(name: &str, duration: Duration, rate: f64) -> Phase {
    Phase {
        name: name.into(),
        duration,
        rate: Rate {
            from: rate,
            to: rate,
        },
        warmup: false,
    }
}

/// `GET /` at 100/s for a second, deadline and attempt timeout 1 s, no retries.
pub fn trial(base_url: &str) -> Trial {
    let second = Duration::from_secs(1);
    Trial {
        arm: "default".into(),
        round: 1,
        order: 0,
        seed: 42,
        environment: EnvironmentSpec::External {
            base_url: base_url.into(),
        },
        load: LoadSpec {
            model: LoadModel::Open {
                arrivals: Arrivals::Uniform,
                users: 200,
            },
            attempt_timeout: second,
            deadline: second,
            retry: RetryPolicy {
                max: 0,
                backoff: no_pause(),
                budget: None,
            },
            keys: Keys::PerArrival,
            poll_every: LoadSpec::usual_poll(),
            journeys: vec![WeightedJourney {
                name: "get".into(),
                weight: 1.0,
            }],
            definitions: vec![journey("get", vec![step("GET", "/")])],
            headers: BTreeMap::new(),
        },
        phases: vec![phase("only", second, 100.0)],
        faults: Vec::new(),
        slo: None,
        expects: BTreeSet::new(),
    }
}

pub fn no_pause() -> Backoff {
    Backoff {
        base: Duration::ZERO,
        cap: Duration::ZERO,
        jitter: Jitter::None,
    }
}

/// The load runs journeys of this name instead of `GET /`.
pub fn with_journey(mut trial: Trial, name: &str) -> Trial {
    trial.load.journeys = vec![WeightedJourney {
        name: name.into(),
        weight: 1.0,
    }];
    trial
}

pub fn run(trial: &Trial) -> LoadMeasurements {
    run_with(trial, &Journeys::new()).unwrap()
}

pub fn run_with(trial: &Trial, journeys: &Journeys) -> Result<LoadMeasurements, EngineError> {
    run_watched(trial, journeys, CancellationToken::new(), |_| {})
}

pub fn run_watched(
    trial: &Trial,
    journeys: &Journeys,
    stop: CancellationToken,
    on_start: impl FnOnce(Instant),
) -> Result<LoadMeasurements, EngineError> {
    let EnvironmentSpec::External { base_url } = &trial.environment else {
        panic!("these tests start no lab")
    };
    engine::run(EngineInput {
        trial,
        base_url,
        journeys,
        stop,
        on_start: Box::new(on_start),
        progress: Arc::new(Progress::default()),
        samples: None,
        live: None,
    })
}

/// offered = ok + failed + unsent in every phase and second, and the parts add up to the whole.
pub fn assert_accounted(measured: &LoadMeasurements) {
    for phase in &measured.phases {
        let counts = phase.counts;
        assert_eq!(
            counts.offered,
            counts.ok + counts.failed + counts.unsent,
            "{phase:?}"
        );
        assert_eq!(
            counts.failed,
            phase.failures.values().sum::<u64>(),
            "{phase:?}"
        );
    }
    for second in &measured.seconds {
        assert_eq!(
            second.offered,
            second.ok + second.failed + second.unsent,
            "{second:?}"
        );
    }
    let by_phase: u64 = measured
        .phases
        .iter()
        .map(|phase| phase.counts.offered)
        .sum();
    let by_second: u64 = measured.seconds.iter().map(|second| second.offered).sum();
    assert_eq!(by_phase, by_second);
}

/// Why the run says nothing about its target; empty when it does.
pub fn reasons(trial: &Trial, measured: &LoadMeasurements) -> Vec<String> {
    judge::assess(
        &trial.load.model,
        &measured.phases,
        &measured.generator.account(),
        &BTreeSet::new(),
    )
    .reasons
}
