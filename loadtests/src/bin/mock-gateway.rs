//! The mock payment gateway as a process of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use squall::environment::raise_file_limit;
use squall::gateway::{self, GatewayError, Ports};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The status of bad usage: arguments or a configuration that cannot be read.
const BAD_USAGE: u8 = 2;

/// A payment provider for experiments, on loopback. The first line of output says where, as JSON.
#[derive(Parser)]
#[command(name = "mock-gateway", version, about)]
struct Arguments {
    /// Its behaviour in TOML, with the keys of a scenario's [gateway].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For payments; 0: any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// For administration; 0: any that is free.
    #[arg(long, default_value_t = 0)]
    admin_port: u16,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mock-gateway: {error}");
            if error.is_bad_usage() {
                ExitCode::from(BAD_USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), GatewayError> {
    let behaviour = arguments
        .config
        .as_deref()
        .map(gateway::behaviour_from)
        .transpose()?;
    // Each connection takes a file; where the limit stays low, new ones wait.
    let _ = raise_file_limit();
    let ports = Ports {
        gateway: arguments.port,
        admin: arguments.admin_port,
    };
    gateway::serve(behaviour.unwrap_or_default(), ports)
}
