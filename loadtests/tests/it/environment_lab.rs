//! The private servers of a trial, with the real service: what they tell, and how they fail.

use std::fs;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sqlx::{Connection, PgConnection};
use squall::environment::{self, process_table};
use squall::scenario::{Edge, EdgeConditions, EnvironmentSpec, LabSpec};

use crate::playground::{Place, eventually, get, lab_spec, settings, start};

#[tokio::test(flavor = "multi_thread")]
async fn a_started_lab_is_ready_and_tells_what_it_runs_with() {
    let spec = LabSpec {
        service: "db.pool.max_size = 7".parse().unwrap(),
        ..lab_spec()
    };
    let environment = start(spec).await;
    assert_eq!(
        get(&format!("{}/readyz", environment.base_url())).await,
        200
    );
    let effective = environment.effective().await.unwrap();
    let pool = effective.pointer("/service/db/pool/max_size");
    assert_eq!(
        pool.and_then(serde_json::Value::as_u64),
        Some(7),
        "{effective}"
    );
    assert_eq!(effective["database"]["fsync"], "on");
    assert_eq!(effective["database"]["autovacuum"], "off");
    assert_eq!(effective["dataset"]["posts"], 300);
    environment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_the_dataset_settled_and_with_statistics() {
    let environment = start(lab_spec()).await;
    let url = environment.lab().unwrap().database_url();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for (table, rows) in [("members", 100), ("posts", 300)] {
        let count = format!("SELECT count(*) FROM {table}");
        let counted: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(counted, rows, "{table}");
        let estimate: f32 = sqlx::query_scalar("SELECT reltuples FROM pg_class WHERE relname = $1")
            .bind(table)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert!((estimate - rows as f32).abs() < 1.0, "{table}: {estimate}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxied_edge_is_the_one_that_the_service_uses() {
    let latency = std::time::Duration::from_millis(30);
    let spec = LabSpec {
        edges: [(Edge::Database, EdgeConditions { latency })].into(),
        ..lab_spec()
    };
    let environment = start(spec).await;
    let lab = environment.lab().unwrap();
    assert_ne!(lab.service_database_url(), lab.database_url());
    let start = std::time::Instant::now();
    assert_eq!(
        get(&format!("{}/members/1", environment.base_url())).await,
        200
    );
    assert!(start.elapsed() >= 2 * latency, "{:?}", start.elapsed());
    let told = environment.effective().await.unwrap();
    assert_eq!(told["edges"]["database"]["latency_ms"], 30.0, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_the_service_does_not_know_is_the_scenarios_mistake() {
    let spec = LabSpec {
        service: "db.pool.max_sice = 7".parse().unwrap(),
        ..lab_spec()
    };
    let error = environment::start(&EnvironmentSpec::Lab(spec), &settings())
        .await
        .unwrap_err();
    assert!(error.is_bad_input(), "{error}");
    assert!(error.to_string().contains("max_sice"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_dies_by_itself_is_told_once() {
    let environment = start(lab_spec()).await;
    let service = environment.lab().unwrap().service().first().process();
    kill(Pid::from_raw(service.pid().unwrap()), Signal::SIGKILL).unwrap();
    let exit = eventually("its end is noticed", || {
        environment.take_unexpected_exits().pop()
    });
    assert_eq!(exit.process, "service");
    assert!(exit.status.contains("SIGKILL"), "{}", exit.status);
    assert!(environment.take_unexpected_exits().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn work_shows_as_cpu_time_of_the_part_that_did_it() {
    let environment = start(lab_spec()).await;
    let database = squall::scenario::Process::Database;
    let before = environment.cpu_time()[&database];
    let url = environment.lab().unwrap().database_url();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("SELECT count(*) FROM generate_series(1, 2000000)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    // Also after the backend that did it has ended.
    eventually("it is counted", || {
        (environment.cpu_time()[&database] > before).then_some(())
    });
}

#[test]
fn up_prints_its_addresses_as_one_line_and_leaves_nothing_when_it_is_killed() {
    let place = Place::new();
    let addresses = place.path("addresses");
    let mut up = Command::new(settings().programs.harness())
        .args(["up", "--json"])
        .env("XDG_CACHE_HOME", place.path(""))
        .stdin(Stdio::null())
        .stdout(fs::File::create(&addresses).unwrap())
        .spawn()
        .unwrap();
    let line = eventually("the addresses are printed", || {
        let text = fs::read_to_string(&addresses).unwrap();
        text.ends_with('\n').then_some(text)
    });
    let told: serde_json::Value = serde_json::from_str(line.trim_end()).unwrap();
    assert!(
        told["service"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:"),
        "{told}"
    );
    assert!(
        told["database"]
            .as_str()
            .unwrap()
            .starts_with("postgres://"),
        "{told}"
    );
    let pids: Vec<i32> = process_table::tree(up.id().cast_signed())
        .iter()
        .map(|entry| entry.pid)
        .collect();
    assert!(pids.len() > 4, "{pids:?}");
    up.kill().unwrap();
    up.wait().unwrap();
    eventually("every process has ended", || {
        (!pids.iter().any(|pid| process_table::is_alive(*pid))).then_some(())
    });
    eventually("its directory is removed", || {
        place.runs().is_empty().then_some(())
    });
}
