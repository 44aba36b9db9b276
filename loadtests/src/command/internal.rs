//! The hidden commands by which the program plays the parts of its own small processes.

use std::io;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use crate::environment::{keeper, proxy};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Internal {
    /// Cleans up after a harness when its pipe ends.
    Keeper,
    /// Stands on the edges that are faulted.
    Proxy,
}

pub fn run(part: Internal) -> anyhow::Result<ExitCode> {
    match part {
        Internal::Keeper => keeper::serve(io::stdin().lock()),
        Internal::Proxy => proxy::serve().context("the fault proxy failed")?,
    }
    Ok(ExitCode::SUCCESS)
}
