//! What telemetry costs on `GET /members/{id}`.
//!
//! Two services on one database, one that records metrics and one that does not, answer closed loops over
//! 16 connections in turns. What is printed at the end are medians and the median of the rounds' ratios:
//! 0.95 means that telemetry costs 5 % of the rate.
//!
//! ```text
//! DATABASE_URL=postgres://user@host:port/any cargo bench -p target-service --bench telemetry_overhead
//! ```
//!
//! `DATABASE_URL` names a server on which databases may be created; one of its own is made, and dropped at
//! the end. `SECONDS` (2) is the length of one measurement and `ROUNDS` (20) the number of them.

mod closed_loop;

use closed_loop::{Measure, Service, interleave, on_a_database, report, setting};

fn main() -> anyhow::Result<()> {
    let (seconds, rounds) = (setting("SECONDS", 2)?, setting("ROUNDS", 20)?);
    on_a_database("telemetry_overhead", |url, runtime| {
        let silent = Service::start(url, &[("TELEMETRY__ENABLED", "false")])?;
        let telling = Service::start(url, &[("TELEMETRY__ENABLED", "true")])?;
        let without = Measure::new("without", || runtime.block_on(silent.rate(seconds)));
        let with = Measure::new("with", || runtime.block_on(telling.rate(seconds)));
        report(&interleave(rounds, without, with)?);
        Ok(())
    })
}
