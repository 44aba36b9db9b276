//! Where goose's live dashboard is served: one address for all trials of a run.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;

/// The port that goose itself would take.
const GOOSE_PORT: u16 = 5118;

/// Goose's port where it is free, any other where it is not; says which.
pub(super) fn choose_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, GOOSE_PORT))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("no port for the live dashboard")?;
    let port = listener.local_addr()?.port();
    eprintln!("live dashboard, while load runs: http://127.0.0.1:{port}");
    Ok(port)
}
