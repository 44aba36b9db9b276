//! The server loop: accepts connections, serves HTTP/1.1 on them, and ends without breaking off an answer.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::error::Code;
use super::unreadable;
use super::wire::Wire;

/// After an accept that failed, for want of file descriptors for example, which only time can help.
const PAUSE_AFTER_FAILED_ACCEPT: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    header_read_timeout: Duration,
}

type Connection = http1::Connection<TokioIo<Wire>, TowerToHyperService<Router>>;

impl Server {
    pub async fn bind(listen: SocketAddr, header_read_timeout: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok(Self {
            listener,
            address,
            header_read_timeout,
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until `stop`, then returns. The connections that are open are in `connections`: idle ones
    /// close at once, the others after the answer that is under way.
    pub async fn run(self, router: Router, stop: CancellationToken, connections: TaskTracker) {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let connection = self.connection(stream, router.clone());
                    connections.spawn(serve(connection, stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(PAUSE_AFTER_FAILED_ACCEPT).await;
                }
            }
        }
    }

    fn connection(&self, stream: TcpStream, router: Router) -> Connection {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits for full packets");
        }
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_read_timeout)
            .serve_connection(
                TokioIo::new(Wire::new(stream)),
                TowerToHyperService::new(router),
            )
    }
}

async fn serve(mut connection: Connection, stop: CancellationToken) {
    let mut stopping = std::pin::pin!(stop.cancelled());
    let mut is_stopping = false;
    let served = loop {
        tokio::select! {
            served = poll_fn(|cx| connection.poll_without_shutdown(cx)) => break served,
            () = &mut stopping, if !is_stopping => {
                is_stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let (mut stream, withheld) = parts.io.into_inner().into_parts();
    let Err(error) = served else {
        let _ = stream.shutdown().await;
        return;
    };
    tracing::debug!(%error, "a connection ended early");
    // A connection on which nothing was begun is only idle, and gets no answer to a request it never made.
    let code = if error.is_timeout() && !parts.read_buf.is_empty() {
        Some(Code::HeaderTimeout)
    } else if error.is_parse() {
        Some(unreadable::code(withheld))
    } else {
        None
    };
    match code {
        Some(code) => unreadable::refuse(stream, code).await,
        None => drop(stream.shutdown().await),
    }
}
