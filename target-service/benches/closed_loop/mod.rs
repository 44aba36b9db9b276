//! What benches of the service have in common: a database of their own, the service on it, a closed loop of
//! readers of single members, and two measures taken in turns.

mod measure;
mod service;

use anyhow::Context as _;
use sqlx::{AssertSqlSafe, Connection as _};
use target_service::migrate::migrate;
use target_service::seed::{SeedPlan, Skew, SurveyPlan, seed};
use tokio::runtime::Runtime;

pub use measure::{Measure, interleave, report};
pub use service::Service;

pub const MEMBERS: u32 = 10_000;
pub const CONNECTIONS: usize = 16;

/// A number from the environment.
pub fn setting(name: &str, default: u32) -> anyhow::Result<u32> {
    match std::env::var(name) {
        Ok(value) => value
            .parse()
            .with_context(|| format!("{name} is no number")),
        Err(_) => Ok(default),
    }
}

/// Runs `bench` with the address of a database of its own, which holds members, and drops the database.
pub fn on_a_database(
    name: &str,
    bench: impl FnOnce(&str, &Runtime) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let server =
        std::env::var("DATABASE_URL").context("DATABASE_URL names no PostgreSQL server")?;
    let runtime = Runtime::new()?;
    let database = format!("{name}_{}", std::process::id());
    runtime.block_on(execute(&server, &format!("CREATE DATABASE {database}")))?;
    let url = address_of(&database, &server)?;
    let result = runtime
        .block_on(prepare(&url))
        .and_then(|()| bench(&url, &runtime));
    runtime.block_on(execute(
        &server,
        &format!("DROP DATABASE {database} WITH (FORCE)"),
    ))?;
    result
}

/// The server's address with the name of another database.
fn address_of(database: &str, server: &str) -> anyhow::Result<String> {
    let (address, parameters) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = address
        .rsplit_once('/')
        .context("DATABASE_URL names no database")?;
    Ok(format!("{host}/{database}?{parameters}"))
}

async fn execute(url: &str, statement: &str) -> anyhow::Result<()> {
    let mut connection = sqlx::PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    Ok(())
}

async fn prepare(url: &str) -> anyhow::Result<()> {
    let mut connection = sqlx::PgConnection::connect(url).await?;
    migrate(&mut connection).await?;
    let plan = SeedPlan {
        surveys: SurveyPlan::default(),
        members: MEMBERS,
        posts: 0,
        skew: Skew::Uniform,
        seed: 1,
        until: chrono::Utc::now(),
        time_zone: chrono_tz::UTC,
    };
    seed(&mut connection, &plan).await?;
    connection.close().await?;
    Ok(())
}
