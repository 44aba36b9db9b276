//! What a database holds when a run starts: nothing, or the service's tables with seeded rows.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngExt;
use sqlx::{AssertSqlSafe, Connection, Executor};

use super::cluster_cache::{Claim, ClusterCache, Key, write_private};
use super::error::EnvironmentError;
use super::launch::Launch;
use super::postgres::{Cluster, DATABASE, Postgres, Purpose, Role, SUPERUSER, database_error};
use super::programs::PostgresInstall;
use super::run::{Run, arguments};
use super::service;
use crate::scenario::{Dataset, Skew};

/// To be changed when data directories are made in another way.
const RECIPE: &str = "1";
/// Rows are the same in every run of every scenario; the arrivals' seed varies who is asked for.
const SEED: &str = "1";
/// What a row takes, with its indexes, its log and the sorting; generous.
const BYTES_PER_MEMBER: u64 = 2_000;
const BYTES_PER_POST: u64 = 3_000;
/// An answer to a survey, or a like of one.
const BYTES_PER_REACTION: u64 = 500;
const BASE_BYTES: u64 = 1 << 30;
/// Beyond it the data on disk would not be complete.
const STOP_LIMIT: Duration = Duration::from_mins(2);

/// A copy of an empty database, in a directory of this name within the run's.
pub async fn empty(
    run: &Run,
    install: &PostgresInstall,
    name: &str,
) -> Result<Cluster, EnvironmentError> {
    let cache = ClusterCache::open(run)?;
    let key = Key::of(&[RECIPE, &install.version, "empty"]);
    let data = run.directory().part(name, run.account())?.join("data");
    loop {
        match cache.claim(&key, run).await? {
            Claim::Present(entry) => return entry.copy_to(data, run).await,
            Claim::Absent(place) => {
                run.root().require_space(BASE_BYTES)?;
                let cluster = initialise(run, install).await?;
                place.fill(&cluster, run)?;
            }
        }
    }
}

/// A copy of a database with the service's tables and this dataset.
pub async fn seeded(
    run: &Run,
    install: &PostgresInstall,
    dataset: &Dataset,
    name: &str,
) -> Result<Cluster, EnvironmentError> {
    let cache = ClusterCache::open(run)?;
    let service = run.programs().target_service()?;
    let schema = schema(run, install, &service).await?;
    let key = Key::of(&[
        RECIPE,
        &install.version,
        &schema,
        &dataset.members.to_string(),
        &dataset.posts.to_string(),
        &dataset.surveys.to_string(),
        &dataset.survey_answers.to_string(),
        &dataset.survey_likes.to_string(),
        skew(dataset),
        SEED,
    ]);
    let data = run.directory().part(name, run.account())?.join("data");
    loop {
        match cache.claim(&key, run).await? {
            Claim::Present(entry) => return entry.copy_to(data, run).await,
            Claim::Absent(place) => {
                run.root().require_space(space_for(dataset))?;
                run.say(&format!(
                    "seeding a database with {} members and {} posts; later runs copy it",
                    dataset.members, dataset.posts
                ));
                let cluster = build(run, install, dataset, &service).await?;
                place.fill(&cluster, run)?;
                cache.evict();
            }
        }
    }
}

fn space_for(dataset: &Dataset) -> u64 {
    let reactions = dataset.surveys * (dataset.survey_answers + dataset.survey_likes);
    BASE_BYTES
        + dataset.members * BYTES_PER_MEMBER
        + dataset.posts * BYTES_PER_POST
        + reactions * BYTES_PER_REACTION
}

/// A new data directory with the service's role and database.
async fn initialise(run: &Run, install: &PostgresInstall) -> Result<Cluster, EnvironmentError> {
    let directory = run.directory().part("initdb", run.account())?;
    let password: String = format!("{:032x}", rand::rng().random::<u128>());
    let password_file = directory.join("password");
    write_private(&password_file, &password)?;
    run.account().own(&password_file)?;
    let data = directory.join("data");

    let mut launch = run.launch("initdb", &install.program("initdb"));
    launch.account = run.account();
    launch.directory.clone_from(&directory);
    launch.variables = vec![("LC_ALL", "C".into())];
    launch.arguments = arguments([
        &"--auth=scram-sha-256",
        &"--encoding=UTF8",
        &"--locale=C",
        &"--no-sync",
        &format!("--username={SUPERUSER}"),
        &format!("--pwfile={}", password_file.display()),
        &"--pgdata",
        &data,
    ]);
    run.complete(launch).await?;

    let cluster = Cluster { data, password };
    let server = Postgres::start(run, install, cluster.clone(), Purpose::Build).await?;
    create_database(&server, &cluster.password).await?;
    finish(run, install, &server, &cluster).await?;
    Ok(cluster)
}

async fn create_database(server: &Postgres, password: &str) -> Result<(), EnvironmentError> {
    let doing = "creating the database";
    let mut connection = server.connect("postgres").await?;
    // CREATEDB: tests of a service make a database for each of them.
    for statement in [
        format!("CREATE ROLE {DATABASE} LOGIN CREATEDB PASSWORD '{password}'"),
        format!("CREATE DATABASE {DATABASE} OWNER {DATABASE}"),
    ] {
        let created = connection.execute(AssertSqlSafe(statement)).await;
        created.map_err(database_error(doing))?;
    }
    connection.close().await.map_err(database_error(doing))
}

async fn build(
    run: &Run,
    install: &PostgresInstall,
    dataset: &Dataset,
    service: &Path,
) -> Result<Cluster, EnvironmentError> {
    let cluster = Box::pin(empty(run, install, "seeding")).await?;
    let server = Postgres::start(run, install, cluster.clone(), Purpose::Build).await?;
    run.complete(service_step("migrate", run, service, &server))
        .await?;
    let mut seed = service_step("seed", run, service, &server);
    seed.arguments.extend(arguments([
        &"--members",
        &dataset.members.to_string(),
        &"--posts",
        &dataset.posts.to_string(),
        &"--surveys",
        &dataset.surveys.to_string(),
        &"--survey-answers",
        &dataset.survey_answers.to_string(),
        &"--survey-likes",
        &dataset.survey_likes.to_string(),
        &"--skew",
        &skew(dataset),
        &"--seed",
        &SEED,
    ]));
    run.complete(seed).await?;
    finish(run, install, &server, &cluster).await?;
    Ok(cluster)
}

/// Writes everything to the data files, stops the server, and has the disk keep it.
async fn finish(
    run: &Run,
    install: &PostgresInstall,
    server: &Postgres,
    cluster: &Cluster,
) -> Result<(), EnvironmentError> {
    let doing = "writing a checkpoint";
    let mut connection = server.connect(DATABASE).await?;
    let written = connection.execute("CHECKPOINT").await;
    written.map_err(database_error(doing))?;
    connection.close().await.map_err(database_error(doing))?;
    server.shut_down(STOP_LIMIT);
    if !server.process().has_succeeded() {
        return Err(EnvironmentError::Failed {
            program: "the orderly end of postgres".to_owned(),
            status: server.process().last_status(),
            output: server.process().log_tail(),
        });
    }

    let mut launch = run.launch("initdb", &install.program("initdb"));
    launch.account = run.account();
    launch.directory.clone_from(&cluster.data);
    launch.arguments = arguments([&"--sync-only", &"--pgdata", &cluster.data]);
    run.complete(launch).await
}

/// The hash of the service's migrations, as the migrated database tells it. Remembered for each
/// build of the service: the program changes more often than its migrations do.
async fn schema(
    run: &Run,
    install: &PostgresInstall,
    service: &Path,
) -> Result<String, EnvironmentError> {
    let memo = memo(run, service)?;
    if let Ok(known) = fs::read_to_string(&memo) {
        return Ok(known);
    }
    let cluster = empty(run, install, "schema").await?;
    let server = Postgres::start(run, install, cluster, Purpose::Build).await?;
    run.complete(service_step("migrate", run, service, &server))
        .await?;
    let checksums = applied_migrations(&server).await?;
    server.process().kill();
    let parts: Vec<&str> = checksums.iter().map(String::as_str).collect();
    let schema = Key::of(&parts).as_str().to_owned();
    // Renamed into place: another start may be reading it.
    let written = memo.with_extension(format!("{}.new", std::process::id()));
    fs::write(&written, &schema)
        .and_then(|()| fs::rename(&written, &memo))
        .map_err(EnvironmentError::file("writing", &memo))?;
    Ok(schema)
}

async fn applied_migrations(server: &Postgres) -> Result<Vec<String>, EnvironmentError> {
    let doing = "reading the applied migrations";
    let mut connection = server.connect(DATABASE).await?;
    let rows = sqlx::query_scalar(
        "SELECT version || ':' || encode(checksum, 'hex') FROM _sqlx_migrations ORDER BY version",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(database_error(doing))?;
    connection.close().await.map_err(database_error(doing))?;
    Ok(rows)
}

fn memo(run: &Run, service: &Path) -> Result<PathBuf, EnvironmentError> {
    let meta = fs::metadata(service).map_err(EnvironmentError::file("reading", service))?;
    let build = Key::of(&[
        &service.to_string_lossy(),
        &meta.len().to_string(),
        &format!("{}.{}", meta.mtime(), meta.mtime_nsec()),
    ]);
    Ok(run.root().directory("schemas")?.join(build.as_str()))
}

fn service_step(step: &'static str, run: &Run, service: &Path, server: &Postgres) -> Launch {
    let mut launch = run.launch(step, service);
    launch.arguments = vec![step.into()];
    launch.variables = vec![service::database_variable(
        &server.url(Role::Service, &server.address()),
    )];
    launch
}

fn skew(dataset: &Dataset) -> &'static str {
    match dataset.skew {
        Skew::Uniform => "uniform",
        Skew::Zipf => "zipf",
    }
}
