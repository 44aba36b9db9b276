//! The lab's Redis: there when it is wanted, reached by the service through its edge, and disturbed like the
//! other parts.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use squall::environment::Environment;
use squall::fault::{FaultLog, Schedule};
use squall::scenario::{
    Edge, EdgeConditions, EdgeFault, Fault, FaultSpan, LabSpec, Process, ProcessFault,
};

use crate::playground::{Place, eventually, lab_spec, settings, start};

/// Longer than an answer takes, and shorter than the faults hold.
const A_WHILE: Duration = Duration::from_millis(400);

fn with_redis() -> LabSpec {
    LabSpec {
        redis: true,
        edges: [(Edge::Redis, EdgeConditions::default())].into(),
        ..lab_spec()
    }
}

/// What Redis at `redis://HOST:PORT/` answers within a while.
fn say(url: &str, command: &str, bytes: usize) -> std::io::Result<String> {
    let address = url.trim_start_matches("redis://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(A_WHILE))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = vec![0; bytes];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn ping(url: &str) -> std::io::Result<String> {
    say(url, "PING", 5)
}

async fn readiness(environment: &Environment) -> serde_json::Value {
    let url = format!(
        "{}/readyz",
        environment.lab().unwrap().service().first().url()
    );
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 200, "Redis is nothing to be unready for");
    answer.json().await.unwrap()
}

async fn is_degraded(environment: &Environment) -> bool {
    readiness(environment).await["degraded"] != serde_json::json!([])
}

/// Runs `during` while the fault holds, and sees to it that the fault ends.
async fn while_it_holds(
    environment: &Arc<Environment>,
    fault: Fault,
    during: impl AsyncFnOnce(),
) -> FaultLog {
    let span = FaultSpan {
        phase: "brownout".to_owned(),
        start: Duration::ZERO,
        // It is ended when the schedule is finished.
        end: Duration::from_mins(10),
        fault,
    };
    let schedule = Schedule::start(environment, &[span], Instant::now());
    during().await;
    let log = tokio::task::spawn_blocking(|| schedule.finish())
        .await
        .unwrap();
    assert!(log.findings.is_empty(), "{:?}", log.findings);
    log
}

async fn eventually_degraded(environment: &Environment, wanted: bool) {
    let start = Instant::now();
    while is_degraded(environment).await != wanted {
        assert!(start.elapsed() < Duration::from_mins(1), "never {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_with_redis_tells_it_to_the_service_and_one_without_does_not() {
    let environment = start(LabSpec {
        redis: true,
        ..lab_spec()
    })
    .await;
    let lab = environment.lab().unwrap();
    assert_eq!(lab.service_redis_url(), Some(lab.redis().unwrap().url()));
    assert_eq!(ping(&lab.redis().unwrap().url()).unwrap(), "+PONG");
    assert!(!is_degraded(&environment).await);
    let effective = environment.effective().await.unwrap();
    assert!(effective["redis"]["version"].is_string(), "{effective}");
    // Where it is says nothing about it.
    assert_eq!(
        effective["service"]["redis"].get("url"),
        None,
        "{effective}"
    );
    assert!(environment.cpu_time().contains_key(&Process::Redis));
    environment.stop().await;

    let without = start(lab_spec()).await;
    assert!(without.lab().unwrap().redis().is_none());
    assert_eq!(without.effective().await.unwrap().get("redis"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_reaches_it_through_its_edge() {
    let latency = Duration::from_millis(30);
    let environment = start(LabSpec {
        edges: [(Edge::Redis, EdgeConditions { latency })].into(),
        ..with_redis()
    })
    .await;
    let lab = environment.lab().unwrap();
    let url = lab.service_redis_url().unwrap();
    assert_ne!(url, lab.redis().unwrap().url());
    let begun = Instant::now();
    assert_eq!(ping(&url).unwrap(), "+PONG");
    assert!(begun.elapsed() >= 2 * latency, "{:?}", begun.elapsed());
    assert!(!is_degraded(&environment).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_the_edge_is_felt_by_the_service_and_gone_at_its_end() {
    let environment = Arc::new(start(with_redis()).await);
    let url = environment.lab().unwrap().service_redis_url().unwrap();
    for kind in [
        EdgeFault::Drop,
        EdgeFault::Reset,
        // Longer than the service waits for an answer.
        EdgeFault::Latency(Duration::from_secs(2)),
        // A PING and its answer are some tens of bytes.
        EdgeFault::Bandwidth(1),
    ] {
        let fault = Fault::Edge {
            edge: Edge::Redis,
            kind,
        };
        while_it_holds(&environment, fault, async || {
            eventually_degraded(&environment, true).await;
            assert!(ping(&url).is_err(), "{kind:?}");
        })
        .await;
        eventually_degraded(&environment, false).await;
        assert_eq!(ping(&url).unwrap(), "+PONG", "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_redis_answers_nobody_until_the_pause_is_over() {
    let environment = Arc::new(start(with_redis()).await);
    let url = environment.lab().unwrap().redis().unwrap().url();
    let pause = Fault::Process {
        process: Process::Redis,
        kind: ProcessFault::Pause,
    };
    while_it_holds(&environment, pause, async || {
        eventually_degraded(&environment, true).await;
        let silent = ping(&url).unwrap_err().kind();
        assert!(
            matches!(silent, ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "{silent:?}"
        );
    })
    .await;
    eventually_degraded(&environment, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_redis_comes_back_empty_at_its_address() {
    let environment = Arc::new(start(with_redis()).await);
    let url = environment.lab().unwrap().redis().unwrap().url();
    assert_eq!(say(&url, "SET key value", 3).unwrap(), "+OK");
    let kill = Fault::Process {
        process: Process::Redis,
        kind: ProcessFault::Kill,
    };
    while_it_holds(&environment, kill, async || {
        eventually_degraded(&environment, true).await;
        assert_eq!(ping(&url).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    })
    .await;
    eventually_degraded(&environment, false).await;
    assert_eq!(say(&url, "EXISTS key", 2).unwrap(), ":0");
    assert!(environment.take_unexpected_exits().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_redis_is_another_process_at_the_same_address() {
    let environment = Arc::new(start(with_redis()).await);
    let redis = environment.lab().unwrap().redis().unwrap();
    let before = redis.process().pid();
    let restart = Fault::Process {
        process: Process::Redis,
        kind: ProcessFault::Restart,
    };
    while_it_holds(&environment, restart, async || {
        eventually("it is another process", || {
            let now = redis.process().pid();
            (now.is_some() && now != before).then_some(())
        });
    })
    .await;
    eventually_degraded(&environment, false).await;
    assert_eq!(ping(&redis.url()).unwrap(), "+PONG");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_corrupted_is_what_lies_under_the_pattern_and_lives_as_long_as_it_would_have() {
    let environment = Arc::new(start(with_redis()).await);
    let url = environment.lab().unwrap().redis().unwrap().url();
    for command in [
        "SET cache:post:1 fine",
        "SET cache:post:2 fine PX 3600000",
        "SET session:1 fine",
    ] {
        assert_eq!(say(&url, command, 3).unwrap(), "+OK");
    }
    assert_eq!(say(&url, "RPUSH cache:list 1", 2).unwrap(), ":1");
    let corrupt = |keys: &str| Fault::Corrupt {
        keys: keys.to_owned(),
    };
    let log = while_it_holds(&environment, corrupt("cache:*"), async || {
        for key in ["cache:post:1", "cache:post:2"] {
            eventually("it is spoiled", || {
                let read = say(&url, &format!("GETRANGE {key} 0 3"), 8).unwrap();
                (!read.contains("fine")).then_some(())
            });
        }
    })
    .await;
    let details = log.events.iter().map(|event| event.detail.as_str());
    let told = "values under cache:* corrupted in the redis (phase brownout): 2 of them";
    assert_eq!(details.collect::<Vec<_>>(), [told, told]);
    assert_eq!(say(&url, "GET session:1", 8).unwrap(), "$4\r\nfine");
    assert_eq!(say(&url, "LLEN cache:list", 2).unwrap(), ":1");
    let lives_for = say(&url, "PTTL cache:post:2", 8).unwrap();
    assert!(lives_for.starts_with(":3"), "{lives_for}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_nothing_to_corrupt_that_is_found_wrong() {
    let environment = Arc::new(start(with_redis()).await);
    let span = FaultSpan {
        phase: "brownout".to_owned(),
        start: Duration::ZERO,
        end: Duration::from_mins(10),
        fault: Fault::Corrupt {
            keys: "nothing:*".to_owned(),
        },
    };
    let schedule = Schedule::start(&environment, &[span], Instant::now());
    // Ample time for it to begin.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let log = tokio::task::spawn_blocking(|| schedule.finish())
        .await
        .unwrap();
    assert!(log.events.is_empty(), "{:?}", log.events);
    let found = &log.findings[0].detail;
    assert!(found.contains("nothing:*"), "{found}");
}

#[test]
fn up_prints_its_address() {
    let place = Place::new();
    let (scenario, addresses) = (place.path("mine.toml"), place.path("addresses"));
    let text = "name = \"mine\"\n[environment]\ndataset = { members = 10, posts = 10 }\n[redis]\n\
                [[phases]]\nname = \"base\"\nduration = \"1s\"\nrate = 1\n";
    fs::write(&scenario, text).unwrap();
    let mut up = Command::new(settings().programs.harness())
        .args(["up", "--json"])
        .arg(&scenario)
        .env("XDG_CACHE_HOME", place.path(""))
        .stdin(Stdio::null())
        .stdout(fs::File::create(&addresses).unwrap())
        .spawn()
        .unwrap();
    let line = eventually("the addresses are printed", || {
        assert!(up.try_wait().unwrap().is_none(), "it has ended");
        let text = fs::read_to_string(&addresses).unwrap();
        text.ends_with('\n').then_some(text)
    });
    let told: serde_json::Value = serde_json::from_str(line.trim_end()).unwrap();
    assert_eq!(ping(told["redis"].as_str().unwrap()).unwrap(), "+PONG");
    up.kill().unwrap();
    up.wait().unwrap();
    eventually("its directory is removed", || {
        place.runs().is_empty().then_some(())
    });
}
