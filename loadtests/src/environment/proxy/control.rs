//! The harness's side of the fault proxy: opens edges, and adds and removes their faults.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::ChildStdin;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::protocol::{Conditions, ProxyAnswer, ProxyOrder};
use crate::environment::error::EnvironmentError;
use crate::environment::launch::Output;
use crate::environment::process::ServerProcess;
use crate::environment::run::Run;
use crate::scenario::{Edge, EdgeConditions, EdgeFault};

pub const NAME: &str = "fault-proxy";

/// An answer takes well under a millisecond on an idle machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error("the fault proxy did not start with pipes to the harness")]
    NoPipes,
    #[error("the fault proxy does not answer: {0}")]
    Silent(String),
    #[error("the fault proxy refuses: {0}")]
    Refused(String),
    #[error("the edge `{0:?}` carries no proxy in this trial")]
    NotProxied(Edge),
}

/// One fault among those that hold on an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeFaultId(u64);

#[derive(Debug)]
pub struct FaultProxy {
    process: ServerProcess,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    orders: ChildStdin,
    answers: Receiver<String>,
    edges: BTreeMap<Edge, EdgeState>,
    last_id: u64,
}

#[derive(Debug)]
struct EdgeState {
    address: SocketAddr,
    standing: EdgeConditions,
    faults: Vec<(EdgeFaultId, EdgeFault)>,
}

impl FaultProxy {
    pub fn start(run: &Run) -> Result<Self, EnvironmentError> {
        let mut launch = run.launch(NAME, run.programs().harness());
        launch.arguments = ["internal", "proxy"].map(Into::into).to_vec();
        launch.output = Output::Pipes;
        let (process, pipes) = ServerProcess::start(launch, run.keeper())?;
        let (orders, output) = pipes.ok_or(ProxyError::NoPipes)?;
        let (sender, answers) = mpsc::channel();
        // A pipe cannot be read with a limit; a channel can. Both end with the proxy.
        thread::spawn(move || {
            let lines = BufReader::new(output).lines();
            lines
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        let state = State {
            orders,
            answers,
            edges: BTreeMap::new(),
            last_id: 0,
        };
        Ok(Self {
            process,
            state: Mutex::new(state),
        })
    }

    /// Puts a proxy on an edge; from now on its callers are to use the address that it returns.
    pub fn open(
        &self,
        edge: Edge,
        upstream: SocketAddr,
        standing: EdgeConditions,
    ) -> Result<SocketAddr, ProxyError> {
        let mut state = self.lock();
        let order = ProxyOrder::Open {
            edge,
            upstream,
            conditions: combine(standing, &[]),
        };
        match state.ask(&order)? {
            ProxyAnswer::Listening(address) => {
                let opened = EdgeState {
                    address,
                    standing,
                    faults: Vec::new(),
                };
                state.edges.insert(edge, opened);
                Ok(address)
            }
            other => Err(ProxyError::Refused(format!("{other:?}"))),
        }
    }

    /// Where the callers of an edge connect, if it carries a proxy.
    pub fn address(&self, edge: Edge) -> Option<SocketAddr> {
        self.lock().edges.get(&edge).map(|edge| edge.address)
    }

    /// The fault holds when this returns. Several on one edge hold together.
    pub fn add(&self, edge: Edge, fault: EdgeFault) -> Result<EdgeFaultId, ProxyError> {
        let mut state = self.lock();
        state.last_id += 1;
        let id = EdgeFaultId(state.last_id);
        state.change(edge, |faults| faults.push((id, fault)))?;
        Ok(id)
    }

    /// The fault is gone when this returns.
    pub fn remove(&self, edge: Edge, id: EdgeFaultId) -> Result<(), ProxyError> {
        self.lock()
            .change(edge, |faults| faults.retain(|(held, _)| *held != id))
    }

    pub fn process(&self) -> &ServerProcess {
        &self.process
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(
        &mut self,
        edge: Edge,
        change: impl FnOnce(&mut Vec<(EdgeFaultId, EdgeFault)>),
    ) -> Result<(), ProxyError> {
        let held = self
            .edges
            .get_mut(&edge)
            .ok_or(ProxyError::NotProxied(edge))?;
        change(&mut held.faults);
        let conditions = combine(held.standing, &held.faults);
        match self.ask(&ProxyOrder::Set { edge, conditions })? {
            ProxyAnswer::Done => Ok(()),
            other => Err(ProxyError::Refused(format!("{other:?}"))),
        }
    }

    fn ask(&mut self, order: &ProxyOrder) -> Result<ProxyAnswer, ProxyError> {
        let silent = |reason: &dyn ToString| ProxyError::Silent(reason.to_string());
        let mut line = serde_json::to_vec(order).map_err(|error| silent(&error))?;
        line.push(b'\n');
        self.orders
            .write_all(&line)
            .map_err(|error| silent(&error))?;
        let answer = self
            .answers
            .recv_timeout(ANSWER_LIMIT)
            .map_err(|error| silent(&error))?;
        serde_json::from_str(&answer).map_err(|error| silent(&error))
    }
}

fn combine(standing: EdgeConditions, faults: &[(EdgeFaultId, EdgeFault)]) -> Conditions {
    let start = Conditions {
        latency: standing.latency,
        ..Conditions::default()
    };
    faults.iter().fold(start, |mut conditions, (_, fault)| {
        match *fault {
            EdgeFault::Latency(added) => conditions.latency += added,
            // Of two limits the narrower one is felt.
            EdgeFault::Bandwidth(limit) => {
                let narrowest = conditions.bandwidth.map_or(limit, |other| other.min(limit));
                conditions.bandwidth = Some(narrowest);
            }
            EdgeFault::Drop => conditions.black_hole = true,
            EdgeFault::Reset => conditions.reset = true,
        }
        conditions
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_add_to_the_standing_conditions_and_to_each_other() {
        let standing = EdgeConditions {
            latency: Duration::from_millis(6),
        };
        let faults = [
            EdgeFault::Latency(Duration::from_millis(10)),
            EdgeFault::Bandwidth(2_000),
            EdgeFault::Bandwidth(1_000),
            EdgeFault::Drop,
        ];
        let held: Vec<_> = faults
            .iter()
            .map(|fault| (EdgeFaultId(0), *fault))
            .collect();
        let expected = Conditions {
            latency: Duration::from_millis(16),
            bandwidth: Some(1_000),
            black_hole: true,
            reset: false,
        };
        assert_eq!(combine(standing, &held), expected);
    }
}
