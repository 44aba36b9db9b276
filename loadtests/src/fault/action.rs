//! How each kind of fault is brought about and ended.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::environment::proxy::{EdgeFaultId, ProxyError};
use crate::environment::{Environment, EnvironmentError, Gateway, GatewayFaultId, Lab, Redis};
use crate::scenario::{Edge, Fault, LabSpec, Process, ProcessFault};

/// How long a part may take to end in order before it is started again.
const RESTART_LIMIT: Duration = Duration::from_secs(15);

#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    #[error("nothing of ours runs here that could be disturbed: the target is somebody else's")]
    NothingOfOurs,
    #[error("the lab of this trial has no {0:?}")]
    NoSuchPart(Process),
    #[error("the gateway is never ended: its ledger is the witness of what was charged; pause it")]
    Witness,
    #[error("the {0:?} does not run at this moment, so that there is nothing to kill")]
    NotRunning(Process),
    #[error("no event came to {0}, and the service lives on")]
    NotReached(String),
    #[error("nothing lies under {0} in Redis that could be corrupted")]
    NothingThere(String),
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

/// A fault that holds.
#[derive(Debug)]
pub(super) struct Active<'a> {
    pub(super) begun: Instant,
    /// Of a process that was killed: the payments whose answers the gateway's callers waited for.
    /// `None` also where the gateway did not tell.
    pub(super) in_flight: Option<u64>,
    /// Of values that were corrupted: how many.
    pub(super) corrupted: Option<u64>,
    lab: &'a Lab,
    remedy: Remedy,
}

/// What ends a fault.
#[derive(Debug)]
enum Remedy {
    RemoveFromEdge(Edge, EdgeFaultId),
    RemoveFromGateway(GatewayFaultId),
    Resume(Process),
    StartAgain(Process),
    /// To the value that it had before.
    SetKnob(String, Value),
    /// It was over by itself at this moment.
    Over(Instant),
    /// The first instance dies there, or has died.
    AfterCrash(String),
}

/// How a fault ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The moment at which it was gone.
    pub(super) at: Instant,
    /// When a process died by itself that was to.
    pub(super) crashed: Option<Instant>,
}

pub(super) fn check(fault: &Fault, lab: &LabSpec) -> Result<(), FaultError> {
    match fault {
        Fault::Edge { edge, .. } if !lab.edges.contains_key(edge) => {
            Err(ProxyError::NotProxied(*edge).into())
        }
        fault if fault.needs_redis() && !lab.redis => Err(FaultError::NoSuchPart(Process::Redis)),
        fault if fault.needs_gateway() && lab.gateway.is_none() => {
            Err(FaultError::NoSuchPart(Process::Gateway))
        }
        Fault::Process {
            process: Process::Gateway,
            kind: ProcessFault::Kill | ProcessFault::Restart,
        } => Err(FaultError::Witness),
        Fault::Edge { .. }
        | Fault::Process { .. }
        | Fault::Gateway(_)
        | Fault::Corrupt { .. }
        | Fault::Knob { .. }
        | Fault::CrashAt { .. } => Ok(()),
    }
}

pub(super) fn begin<'a>(
    fault: &Fault,
    environment: &'a Environment,
) -> Result<Active<'a>, FaultError> {
    let lab = environment.lab().ok_or(FaultError::NothingOfOurs)?;
    let (mut in_flight, mut corrupted) = (None, None);
    let (begun, remedy) = match fault {
        &Fault::Edge { edge, kind } => {
            let proxy = lab.proxy().ok_or(ProxyError::NotProxied(edge))?;
            let id = proxy.add(edge, kind)?;
            (Instant::now(), Remedy::RemoveFromEdge(edge, id))
        }
        &Fault::Gateway(kind) => {
            let id = gateway(lab)?.add(kind)?;
            (Instant::now(), Remedy::RemoveFromGateway(id))
        }
        &Fault::Process { process, kind } => disturb(lab, process, kind, &mut in_flight)?,
        Fault::Corrupt { keys } => {
            let begun = Instant::now();
            let number = redis(lab)?.corrupt(keys)?;
            if number == 0 {
                return Err(FaultError::NothingThere(keys.clone()));
            }
            corrupted = Some(number);
            // Whatever the phase goes on with is recovery.
            (begun, Remedy::Over(Instant::now()))
        }
        Fault::Knob { key, value } => {
            let before = lab.service().knob(key)?;
            lab.service().set_knob(key, value)?;
            (Instant::now(), Remedy::SetKnob(key.clone(), before))
        }
        Fault::CrashAt { point } => {
            let begun = Instant::now();
            lab.service().first().arm(point)?;
            (begun, Remedy::AfterCrash(point.clone()))
        }
    };
    Ok(Active {
        begun,
        in_flight,
        corrupted,
        lab,
        remedy,
    })
}

impl Active<'_> {
    pub(super) fn end(self) -> Result<Ended, FaultError> {
        let mut ended = Ended {
            at: Instant::now(),
            crashed: None,
        };
        match self.remedy {
            Remedy::RemoveFromEdge(edge, id) => {
                let proxy = self.lab.proxy().ok_or(ProxyError::NotProxied(edge))?;
                proxy.remove(edge, id)?;
            }
            Remedy::RemoveFromGateway(id) => gateway(self.lab)?.remove(id)?,
            Remedy::Resume(Process::Gateway) => gateway(self.lab)?.process().resume(),
            Remedy::Resume(Process::Service) => self.lab.service().first().process().resume(),
            Remedy::Resume(Process::Database) => self.lab.database().process().resume(),
            Remedy::Resume(Process::Redis) => redis(self.lab)?.process().resume(),
            Remedy::StartAgain(process) => start_again(self.lab, process)?,
            Remedy::SetKnob(key, before) => self.lab.service().set_knob(&key, &before)?,
            Remedy::Over(at) => return Ok(Ended { at, ..ended }),
            Remedy::AfterCrash(point) => {
                let first = self.lab.service().first();
                ended.crashed = first.disarm()?;
                if ended.crashed.is_none() {
                    return Err(FaultError::NotReached(point));
                }
                first.start_again()?;
            }
        }
        ended.at = Instant::now();
        Ok(ended)
    }
}

fn disturb(
    lab: &Lab,
    process: Process,
    kind: ProcessFault,
    in_flight: &mut Option<u64>,
) -> Result<(Instant, Remedy), FaultError> {
    let server = match process {
        Process::Service => lab.service().first().process(),
        Process::Database => lab.database().process(),
        Process::Gateway if kind == ProcessFault::Pause => gateway(lab)?.process(),
        Process::Gateway => return Err(FaultError::Witness),
        Process::Redis => redis(lab)?.process(),
    };
    let begun = Instant::now();
    let remedy = match kind {
        ProcessFault::Pause => {
            server.pause();
            Remedy::Resume(process)
        }
        ProcessFault::Kill => {
            // Looked at while it stands still: none of these gets its answer any more.
            let awaited = || lab.gateway()?.payments_awaited().ok();
            let killed = server.kill_after(awaited);
            *in_flight = killed.ok_or(FaultError::NotRunning(process))?;
            Remedy::StartAgain(process)
        }
        ProcessFault::Restart => {
            match process {
                Process::Service => lab.service().first().shut_down(RESTART_LIMIT),
                Process::Redis => redis(lab)?.shut_down(RESTART_LIMIT),
                _ => lab.database().shut_down(RESTART_LIMIT),
            }
            start_again(lab, process)?;
            // Whatever the phase goes on with is recovery.
            Remedy::Over(Instant::now())
        }
    };
    Ok((begun, remedy))
}

/// On the same port, without waiting: what recovery takes is part of what is measured.
fn start_again(lab: &Lab, process: Process) -> Result<(), FaultError> {
    match process {
        Process::Service => lab.service().first().start_again()?,
        Process::Database => lab.database().start_again()?,
        Process::Gateway => return Err(FaultError::Witness),
        Process::Redis => redis(lab)?.start_again()?,
    }
    Ok(())
}

fn gateway(lab: &Lab) -> Result<&Gateway, FaultError> {
    lab.gateway()
        .ok_or(FaultError::NoSuchPart(Process::Gateway))
}

fn redis(lab: &Lab) -> Result<&Redis, FaultError> {
    lab.redis().ok_or(FaultError::NoSuchPart(Process::Redis))
}
