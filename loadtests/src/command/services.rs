//! `squall services -- COMMAND`: runs a command with a PostgreSQL and a Redis of its own.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

use crate::environment::keeper::{Order, StopBy};
use crate::environment::{Services, Settings};

/// Runs `command` with `DATABASE_URL` and `REDIS_URL`; its exit code is ours, and 128 + N where
/// signal N ended it, as shells have it.
pub fn run(command: &[OsString], settings: &Settings) -> anyhow::Result<ExitCode> {
    let (program, arguments) = command
        .split_first()
        .context("no command was given: squall services -- COMMAND [ARGUMENTS]")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Before anything is started: from here on an interrupt is no longer our own end.
        let mut interrupts = Interrupts::listen()?;
        let services = tokio::select! {
            services = Services::start(settings) => services?,
            signal = interrupts.next() => return Ok(exit_code_of_signal(signal)),
        };
        let (mark, directory) = services.mark();
        // In our own process group: it keeps the terminal, and takes Ctrl-C from there itself.
        let mut child = Command::new(program)
            .args(arguments)
            .env("DATABASE_URL", services.database_url())
            .env("REDIS_URL", services.redis_url())
            .env(mark, directory)
            .spawn()
            .with_context(|| format!("{} could not be started", program.display()))?;
        if let Some(pid) = child.id() {
            services.keeper().enter(Order::Watch {
                pid: pid.cast_signed(),
                stop_by: StopBy::Kill,
            })?;
        }
        let pid = child.id();
        let status = wait(&mut child, &mut interrupts).await?;
        if let Some(pid) = pid {
            services.keeper().enter(Order::Forget {
                pid: pid.cast_signed(),
            })?;
        }
        drop(services);
        Ok(exit_code(status))
    })
}

async fn wait(child: &mut Child, interrupts: &mut Interrupts) -> anyhow::Result<ExitStatus> {
    loop {
        tokio::select! {
            status = child.wait() => return Ok(status?),
            signal = interrupts.next() => {
                // A terminal sends its interrupt to the whole group, the command included.
                let is_told = signal == Signal::SIGINT && std::io::stdin().is_terminal();
                if let (false, Some(pid)) = (is_told, child.id()) {
                    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
                }
            }
        }
    }
}

/// The requests to end that are not to end us before what we have started.
struct Interrupts {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
        }
    }
}

fn exit_code(status: ExitStatus) -> ExitCode {
    match (status.code(), status.signal()) {
        (Some(code), _) => ExitCode::from(code as u8),
        (None, Some(signal)) => ExitCode::from(128 + signal as u8),
        (None, None) => ExitCode::FAILURE,
    }
}

fn exit_code_of_signal(signal: Signal) -> ExitCode {
    ExitCode::from(128 + signal as u8)
}
