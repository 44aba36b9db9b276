//! What the harness and the fault proxy say to each other: one JSON object per line, each order
//! answered before the next is read.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::scenario::Edge;

/// What a proxy does to an edge's traffic at the moment: standing conditions and faults together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Added in each direction.
    pub latency: Duration,
    /// Bytes per second in each direction, over all connections.
    pub bandwidth: Option<u64>,
    /// Nothing gets through; what is under way waits, as it would for a retransmission.
    pub black_hole: bool,
    /// Every connection is reset, and every new one.
    pub reset: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyOrder {
    /// Listens on a free port and forwards to `upstream`.
    Open {
        edge: Edge,
        upstream: SocketAddr,
        conditions: Conditions,
    },
    /// Holds from now on, for connections old and new.
    Set { edge: Edge, conditions: Conditions },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProxyAnswer {
    Listening(SocketAddr),
    Done,
    Failed(String),
}
