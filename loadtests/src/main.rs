//! The `squall` command.

use std::process::ExitCode;

/// The generator allocates on every arrival; mimalloc keeps that off its latency.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    squall::main_with(squall::Journeys::new())
}
