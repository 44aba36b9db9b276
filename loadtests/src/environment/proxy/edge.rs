//! The proxy's own process: takes orders on standard input, listens, and hands connections on.
//!
//! It ends with its input, so that it cannot outlive the harness.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{mpsc, watch};

use super::connection;
use super::meter::Meter;
use super::protocol::{Conditions, ProxyAnswer, ProxyOrder};
use crate::environment::file_limit;
use crate::scenario::Edge;

/// A burst of new connections must not be refused by the proxy itself.
const BACKLOG: u32 = 4096;

/// What all connections of an edge share.
pub(super) struct EdgeState {
    conditions: watch::Sender<Conditions>,
    pub(super) up: Meter,
    pub(super) down: Meter,
}

impl EdgeState {
    pub(super) fn conditions(&self) -> watch::Receiver<Conditions> {
        self.conditions.subscribe()
    }

    fn set(&self, conditions: Conditions) {
        self.up.reset();
        self.down.reset();
        self.conditions.send_replace(conditions);
    }
}

/// The proxy's life: takes orders from standard input until it ends.
pub fn serve() -> io::Result<()> {
    // Each connection takes two files; where the limit stays low, new connections wait.
    let _ = file_limit::raise();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (sender, mut orders) = mpsc::channel(16);
    // Standard input cannot be waited for without a thread; it ends with the input.
    thread::spawn(move || {
        let lines = io::stdin().lock().lines();
        lines
            .map_while(Result::ok)
            .try_for_each(|line| sender.blocking_send(line))
    });
    runtime.block_on(async {
        let mut edges = BTreeMap::new();
        while let Some(line) = orders.recv().await {
            let answer = match serde_json::from_str(&line) {
                Ok(order) => obey(&order, &mut edges),
                Err(error) => Err(error.into()),
            };
            let answer = answer.unwrap_or_else(|error| ProxyAnswer::Failed(error.to_string()));
            let mut line = serde_json::to_vec(&answer)?;
            line.push(b'\n');
            let mut output = io::stdout().lock();
            output.write_all(&line)?;
            output.flush()?;
        }
        Ok(())
    })
}

fn obey(order: &ProxyOrder, edges: &mut BTreeMap<Edge, Arc<EdgeState>>) -> io::Result<ProxyAnswer> {
    match *order {
        ProxyOrder::Open {
            edge,
            upstream,
            conditions,
        } => {
            let socket = TcpSocket::new_v4()?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            let listener = socket.listen(BACKLOG)?;
            let address = listener.local_addr()?;
            let state = Arc::new(EdgeState {
                conditions: watch::Sender::new(conditions),
                up: Meter::default(),
                down: Meter::default(),
            });
            tokio::spawn(accept(listener, upstream, Arc::clone(&state)));
            edges.insert(edge, state);
            Ok(ProxyAnswer::Listening(address))
        }
        ProxyOrder::Set { edge, conditions } => match edges.get(&edge) {
            Some(state) => {
                state.set(conditions);
                Ok(ProxyAnswer::Done)
            }
            None => Ok(ProxyAnswer::Failed(format!("edge {edge:?} is not open"))),
        },
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, edge: Arc<EdgeState>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let edge = Arc::clone(&edge);
                tokio::spawn(async move { connection::carry(client, upstream, &edge).await });
            }
            // Out of files: some will be free again soon. The connection waits in the backlog.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
