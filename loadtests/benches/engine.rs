//! How much load the generator makes, and how late it is, against a trivial server beside it.
//!
//!     cargo bench -p squall --bench engine -- [--rates 10000,20000] [--seconds 10] [--runs 1] [--oha]
//!
//! The server is a process of its own with one thread. With `--oha` each run is followed by one of
//! oha (which must be on PATH) at the same rate, with its latency correction.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use squall::Journeys;
use squall::engine::{EngineInput, LoadMeasurements, Progress};
use squall::judge;
use squall::scenario::{
    Arrivals, Backoff, EnvironmentSpec, Expectation, Jitter, JourneyDefinition, LoadModel,
    LoadSpec, Phase, Rate, RetryPolicy, StepDefinition, Trial, WeightedJourney,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, world!";
const COLUMNS: &str = "     rate    offered         ok  unsent | release p99 | send lag p50    p99  p99.9 | \
                       response p50    p99 ms | arrivals per CPU s";

struct Options {
    rates: Vec<f64>,
    seconds: u64,
    runs: u64,
    users: usize,
    oha: bool,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--serve") {
        return serve();
    }
    let options = Options::parse(&arguments);
    let (mut server, base_url) = start_server();
    println!("{COLUMNS}");
    for rate in &options.rates {
        for _ in 0..options.runs {
            let trial = trial(*rate, &options, &base_url);
            show(*rate, &trial, &run(&trial, &base_url));
            if options.oha {
                run_oha(*rate, &options, &base_url);
            }
        }
    }
    let _ = server.kill();
    let _ = server.wait();
}

impl Options {
    fn parse(arguments: &[String]) -> Self {
        let value = |name: &str| {
            let at = arguments.iter().position(|argument| argument == name)?;
            arguments.get(at + 1)
        };
        let number = |name: &str, default: u64| {
            value(name).map_or(default, |text| text.parse().expect(name))
        };
        let rates = value("--rates").map_or("10000,20000,30000,40000", String::as_str);
        Self {
            rates: rates
                .split(',')
                .map(|rate| rate.parse().expect("--rates"))
                .collect(),
            seconds: number("--seconds", 10),
            runs: number("--runs", 1),
            users: usize::try_from(number("--users", 2000)).expect("--users"),
            oha: arguments.iter().any(|argument| argument == "--oha"),
        }
    }
}

fn run(trial: &Trial, base_url: &str) -> LoadMeasurements {
    squall::engine::run(EngineInput {
        trial,
        base_url,
        journeys: &Journeys::new(),
        stop: tokio_util::sync::CancellationToken::new(),
        on_start: Box::new(|_| {}),
        progress: Arc::new(Progress::default()),
        samples: None,
        live: None,
    })
    .expect("the engine runs")
}

fn trial(rate: f64, options: &Options, base_url: &str) -> Trial {
    let phase = |name: &str, seconds, warmup| Phase {
        name: name.into(),
        duration: Duration::from_secs(seconds),
        rate: Rate {
            from: rate,
            to: rate,
        },
        warmup,
    };
    let step = StepDefinition {
        name: "GET /".into(),
        method: "GET".into(),
        path: "/".into(),
        headers: BTreeMap::new(),
        body: None,
        expect: Expectation::default(),
        extract: BTreeMap::new(),
    };
    let deadline = Duration::from_secs(1);
    Trial {
        arm: "default".into(),
        round: 1,
        order: 0,
        seed: 1,
        environment: EnvironmentSpec::External {
            base_url: base_url.into(),
        },
        load: LoadSpec {
            model: LoadModel::Open {
                arrivals: Arrivals::Poisson,
                users: options.users,
            },
            attempt_timeout: deadline,
            deadline,
            retry: RetryPolicy {
                max: 0,
                backoff: Backoff {
                    base: Duration::ZERO,
                    cap: Duration::ZERO,
                    jitter: Jitter::None,
                },
                budget: None,
            },
            keys: squall::scenario::Keys::PerArrival,
            poll_every: squall::scenario::LoadSpec::usual_poll(),
            journeys: vec![WeightedJourney {
                name: "get".into(),
                weight: 1.0,
            }],
            definitions: vec![JourneyDefinition {
                name: "get".into(),
                steps: vec![step],
            }],
            headers: BTreeMap::new(),
        },
        phases: vec![
            phase("warmup", 1, true),
            phase("steady", options.seconds, false),
        ],
        faults: Vec::new(),
        slo: None,
        expects: std::collections::BTreeSet::new(),
    }
}

fn show(rate: f64, trial: &Trial, measured: &LoadMeasurements) {
    let steady = &measured.phases[1];
    let ms = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.2}"));
    let offered: u64 = measured
        .phases
        .iter()
        .map(|phase| phase.counts.offered)
        .sum();
    println!(
        "{rate:>9} {:>10} {:>10} {:>7} | {:>11} | {:>12} {:>6} {:>6} | {:>12} {:>9} | {:.0}",
        steady.counts.offered,
        steady.counts.ok,
        steady.counts.unsent,
        ms(steady.release_lag_ms.p99),
        ms(steady.send_lag_ms.p50),
        ms(steady.send_lag_ms.p99),
        ms(steady.send_lag_ms.p999),
        ms(steady.response_ms.p50),
        ms(steady.response_ms.p99),
        offered as f64 / measured.generator.cpu_seconds,
    );
    let account = measured.generator.account();
    let validity = judge::assess(
        &trial.load.model,
        &measured.phases,
        &account,
        &BTreeSet::new(),
    );
    for reason in validity.reasons {
        println!("          INVALID: {reason}");
    }
}

/// oha's summary and the CPU seconds of its process.
fn run_oha(rate: f64, options: &Options, base_url: &str) {
    let before = children_cpu();
    let output = Command::new("oha")
        .args([
            "--no-tui",
            "--latency-correction",
            "-c",
            "200",
            "-q",
            &rate.to_string(),
        ])
        .args(["-z", &format!("{}s", options.seconds), base_url])
        .output()
        .expect("oha is on PATH");
    let cpu = children_cpu() - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = |name: &str| {
        text.lines()
            .find(|line| line.contains(name))
            .unwrap_or("?")
            .trim()
            .to_owned()
    };
    println!(
        "      oha {} | {} | {} | {} | {:.0} per CPU s",
        line("Success rate"),
        line("Requests/sec"),
        line("50.00%"),
        line("99.00%"),
        rate * options.seconds as f64 / cpu
    );
}

/// CPU seconds of the child processes that have ended: of oha, since the server still runs.
fn children_cpu() -> f64 {
    use nix::sys::resource::{UsageWho, getrusage};
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the system accounts for children");
    let seconds =
        |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

fn start_server() -> (Child, String) {
    let own = env::current_exe().expect("a running program has a path");
    let piped = Command::new(own)
        .arg("--serve")
        .stdout(Stdio::piped())
        .stdin(Stdio::piped())
        .spawn();
    let mut child = piped.expect("it starts again");
    let mut address = String::new();
    let out = child.stdout.take().expect("stdout is piped");
    BufReader::new(out)
        .read_line(&mut address)
        .expect("the server says where it listens");
    (child, format!("http://{}", address.trim()))
}

/// The server: reads requests without bodies, answers each with the same bytes. It ends with its stdin.
fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (end, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        end.send(())
    });
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut out = std::io::stdout();
        writeln!(out, "{}", listener.local_addr().expect("it is bound")).expect("somebody reads");
        let accept = async {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream));
            }
        };
        tokio::select! {
            () = accept => {}
            _ = ended => {}
        }
    });
}

async fn answer_all(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut inbox = vec![0; 4096];
    let mut filled = 0;
    while let Ok(more @ 1..) = stream.read(&mut inbox[filled..]).await {
        filled += more;
        if inbox[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}
