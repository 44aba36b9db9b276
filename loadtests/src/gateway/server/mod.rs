//! The gateway's two listeners, on loopback: one for payments, one for its administration.

mod admin;
mod api;
mod problem;

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::{TcpListener, TcpSocket};

use super::provider::Provider;
use super::{Addresses, GatewayError};
use crate::scenario::GatewayBehaviour;

/// A storm of new connections must find the gateway's own queue, not the system's.
const BACKLOG: u32 = 4096;
/// Administration must be heard while the other worker is busy.
const WORKERS: usize = 2;

/// Where to listen; 0: anywhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    pub gateway: u16,
    pub admin: u16,
}

/// The gateway's life: it ends with its process.
pub fn serve(behaviour: GatewayBehaviour, ports: Ports) -> Result<(), GatewayError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(GatewayError::Output)?;
    runtime.block_on(async {
        let provider = Arc::new(Provider::new(behaviour));
        let gateway = listen(ports.gateway)?;
        let admin = listen(ports.admin)?;
        announce(&gateway, &admin).map_err(GatewayError::Output)?;
        let admin = tokio::spawn(run(admin, admin::router(Arc::clone(&provider))));
        run(gateway, api::router(provider)).await;
        admin.abort();
        Ok(())
    })
}

fn listen(port: u16) -> Result<TcpListener, GatewayError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bound = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|source| GatewayError::Listen { address, source })
}

fn announce(gateway: &TcpListener, admin: &TcpListener) -> io::Result<()> {
    let addresses = Addresses {
        gateway: gateway.local_addr()?,
        admin: admin.local_addr()?,
    };
    let mut output = io::stdout().lock();
    writeln!(output, "{}", serde_json::to_string(&addresses)?)?;
    output.flush()
}

async fn run(listener: TcpListener, router: Router) {
    let listener = listener.tap_io(|stream| {
        // An answer is small and must not wait for more; without this it is only slower.
        let _ = stream.set_nodelay(true);
    });
    // It never returns by itself.
    let _ = axum::serve(listener, router).await;
}
