//! How many members per second the service serves, beside how many rows per second `pgbench` selects
//! from the same table on the same server.
//!
//! Both are closed loops over 16 connections that ask for one random member at a time: `pgbench` with
//! prepared statements, the service over HTTP/1.1 with keep-alive. Rounds are interleaved, A B B A, so
//! that whatever else the machine does falls on both. What is printed at the end are medians and their
//! ratio: the share of the database's own rate that is left after HTTP, JSON and the pool.
//!
//! ```text
//! DATABASE_URL=postgres://user@host:port/any cargo bench -p target-service --bench pgbench_compare
//! ```
//!
//! `DATABASE_URL` names a server on which databases may be created; `pgbench` must be on `PATH`, or be
//! named by `PGBENCH`. A database of its own is made, and dropped at the end. `SECONDS` (5) is the length of
//! one measurement and `ROUNDS` (4) the number of them.

mod closed_loop;

use std::io::Write as _;
use std::process::Command;

use anyhow::{Context as _, ensure};

use closed_loop::{
    CONNECTIONS, MEMBERS, Measure, Service, interleave, on_a_database, report, setting,
};

fn main() -> anyhow::Result<()> {
    let (seconds, rounds) = (setting("SECONDS", 5)?, setting("ROUNDS", 4)?);
    on_a_database("pgbench_compare", |url, runtime| {
        let service = Service::start(url, &[])?;
        let script = script()?;
        let selects = Measure::new("pgbench", || pgbench(url, script.path(), seconds));
        let requests = Measure::new("service", || runtime.block_on(service.rate(seconds)));
        report(&interleave(rounds, selects, requests)?);
        Ok(())
    })
}

/// The statement of `GET /members/{id}`.
fn script() -> anyhow::Result<tempfile::NamedTempFile> {
    let mut script = tempfile::NamedTempFile::new()?;
    writeln!(script, "\\set id random(1, {MEMBERS})")?;
    writeln!(
        script,
        "SELECT id, email, nickname, birth_date, created_at FROM members WHERE id = :id;"
    )?;
    Ok(script)
}

fn pgbench(url: &str, script: &std::path::Path, seconds: u32) -> anyhow::Result<f64> {
    let program = std::env::var("PGBENCH").unwrap_or_else(|_| "pgbench".to_owned());
    let output = Command::new(&program)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2"])
        .arg(format!("--client={CONNECTIONS}"))
        .arg(format!("--time={seconds}"))
        .arg("--file")
        .arg(script)
        .arg(url)
        .output()
        .with_context(|| format!("{program} cannot be run"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok())
        .with_context(|| format!("{program} says no rate: {text}"))
}
