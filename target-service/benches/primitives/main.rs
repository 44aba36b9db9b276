//! What it costs several threads to share something: one counter, a table, and a table that is read all the
//! time while somebody wants to write.
//!
//! Each primitive guards the same thing. In every round each of them is measured once with each number of
//! threads, one after another, and the next round begins with the next one, so that whatever else the machine
//! does falls on all. What is printed are medians over the rounds: operations per second of all threads
//! together, their ratio to the mutex of the same round, and the 99th percentile of the time of one
//! operation, of which one in 64 is timed. More threads than processors are part of it: then whoever holds a
//! lock may be the one that does not run.
//!
//! ```text
//! cargo bench -p target-service --bench primitives | tee target-service/benches/results/primitives.txt
//! ```
//!
//! `MILLISECONDS` (300) is the length of one measurement and `ROUNDS` (7) the number of them: with these about
//! three and a half minutes.

mod counter;
mod measure;
mod starvation;
mod table;

use std::time::Duration;

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let time = Duration::from_millis(setting("MILLISECONDS", 300)?);
    let rounds = usize::try_from(setting("ROUNDS", 7)?)?.max(1);
    let processors = std::thread::available_parallelism()?;
    println!("{processors} processors, {rounds} rounds, {time:?} for each measurement");
    measure::compare("one counter", &counter::contenders(), rounds, time);
    for writes in [1, 50] {
        let name = format!("a table of {} keys, {writes} % writes", table::KEYS);
        measure::compare(&name, &table::contenders(writes), rounds, time);
    }
    starvation::compare(rounds, time);
    Ok(())
}

/// A number from the environment.
fn setting(name: &str, default: u64) -> anyhow::Result<u64> {
    match std::env::var(name) {
        Ok(value) => value
            .parse()
            .with_context(|| format!("{name} is no number")),
        Err(_) => Ok(default),
    }
}
