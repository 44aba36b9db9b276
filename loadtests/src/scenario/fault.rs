//! What can be done to the parts of a lab in the course of a trial, and when.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{duration_text, format_duration};

use super::gateway::GatewayFault;
use super::trial::Edge;

/// A fault and the stretch of the timeline in which it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultSpan {
    /// The phase that names it.
    pub phase: String,
    /// From the start of the timeline.
    #[serde(with = "duration_text")]
    pub start: Duration,
    #[serde(with = "duration_text")]
    pub end: Duration,
    pub fault: Fault,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    Edge {
        edge: Edge,
        kind: EdgeFault,
    },
    Process {
        process: Process,
        kind: ProcessFault,
    },
    /// The payment gateway's own behaviour, changed through its admin listener.
    Gateway(GatewayFault),
    /// Every text in Redis under a key that matches this pattern begins with nonsense from then on.
    Corrupt {
        keys: String,
    },
    /// A setting of the running service, changed through its admin listener and put back at the end.
    Knob {
        key: String,
        value: serde_json::Value,
    },
    /// The first instance of the service dies by itself when it comes to this point (`outbox.fault`), as by
    /// `kill -9`; started again at the end.
    CrashAt {
        point: String,
    },
}

/// What a proxy does to an edge's traffic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeFault {
    /// Added on top of the standing conditions, in each direction.
    Latency(#[serde(with = "duration_text")] Duration),
    /// Bytes per second, over all connections of the edge, in each direction.
    Bandwidth(u64),
    /// A black hole: connections stay open, nothing gets through.
    Drop,
    /// Connections are reset, new ones too.
    Reset,
}

/// A process of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    Service,
    Database,
    Redis,
    /// It may be paused, and never ends before the trial: its ledger is the witness.
    Gateway,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessFault {
    /// SIGSTOP, and SIGCONT at the end.
    Pause,
    /// SIGKILL; started again at the end.
    Kill,
    /// SIGTERM and an immediate start.
    Restart,
}

impl Fault {
    /// Whether it disturbs Redis, or the way to it.
    pub fn needs_redis(&self) -> bool {
        match self {
            Self::Edge { edge, .. } => *edge == Edge::Redis,
            Self::Process { process, .. } => *process == Process::Redis,
            Self::Corrupt { .. } => true,
            Self::Gateway(_) | Self::Knob { .. } | Self::CrashAt { .. } => false,
        }
    }

    /// Whose process it stops or ends.
    pub fn process(&self) -> Option<Process> {
        match self {
            Self::Process { process, .. } => Some(*process),
            Self::CrashAt { .. } => Some(Process::Service),
            Self::Edge { .. } | Self::Gateway(_) | Self::Corrupt { .. } | Self::Knob { .. } => None,
        }
    }

    /// Whether it disturbs the payment gateway, or the way to it.
    pub fn needs_gateway(&self) -> bool {
        match self {
            Self::Edge { edge, .. } => *edge == Edge::Gateway,
            Self::Process { process, .. } => *process == Process::Gateway,
            Self::Gateway(_) => true,
            Self::Corrupt { .. } | Self::Knob { .. } | Self::CrashAt { .. } => false,
        }
    }
}

/// As people would say it, for progress, events and reports.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge { edge, kind } => {
                match kind {
                    EdgeFault::Latency(added) => write!(f, "latency {}", format_duration(*added)),
                    EdgeFault::Bandwidth(limit) => write!(f, "bandwidth {limit} bytes/s"),
                    EdgeFault::Drop => f.write_str("drop"),
                    EdgeFault::Reset => f.write_str("reset"),
                }?;
                write!(f, " on the {} edge", lower(edge))
            }
            Self::Process { process, kind } => {
                write!(f, "{} of the {}", lower(kind), lower(process))
            }
            Self::Gateway(fault) => write!(f, "{fault} on the gateway"),
            Self::Corrupt { keys } => write!(f, "values under {keys} corrupted in the redis"),
            Self::Knob { key, value } => write!(f, "{key} = {value} in the service"),
            Self::CrashAt { point } => write!(f, "crash of the service at {point}"),
        }
    }
}

/// The name of a unit variant as it is written in scenarios.
fn lower(variant: &impl fmt::Debug) -> String {
    format!("{variant:?}").to_lowercase()
}
