//! A network to break: a TCP proxy whose connections can be cut, refused, answered with nonsense, or stalled so
//! that bytes stay where they are.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};

/// What happens to new connections.
#[derive(Debug, Clone, Copy)]
enum Welcome {
    Relayed,
    Refused,
    /// By something that speaks another language.
    Answered(&'static [u8]),
}

#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    is_open: watch::Sender<bool>,
    welcome: Arc<Mutex<Welcome>>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub async fn to(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_open, gate) = watch::channel(true);
        let connections = Arc::new(Mutex::new(Vec::new()));
        let welcome = Arc::new(Mutex::new(Welcome::Relayed));
        let accepting = tokio::spawn(accept(
            listener,
            upstream,
            gate,
            Arc::clone(&welcome),
            Arc::clone(&connections),
        ));
        Self {
            address,
            is_open,
            welcome,
            connections,
            accepting,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks every connection that is open.
    pub fn cut(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            connection.abort();
        }
    }

    /// Breaks every connection, and from now on each new one at once, until [`Self::relay`].
    pub fn refuse(&self) {
        self.welcome_with(Welcome::Refused);
    }

    /// Breaks every connection, and answers each request of new ones with these bytes until [`Self::relay`].
    pub fn babble(&self, nonsense: &'static [u8]) {
        self.welcome_with(Welcome::Answered(nonsense));
    }

    /// Breaks every connection, and relays new ones again.
    pub fn relay(&self) {
        self.welcome_with(Welcome::Relayed);
    }

    fn welcome_with(&self, welcome: Welcome) {
        *self.welcome.lock().unwrap() = welcome;
        self.cut();
    }

    /// Lets no byte through until [`Self::flow`].
    pub fn stall(&self) {
        self.is_open.send_replace(false);
    }

    pub fn flow(&self) {
        self.is_open.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn accept(
    listener: TcpListener,
    upstream: String,
    gate: watch::Receiver<bool>,
    welcome: Arc<Mutex<Welcome>>,
    connections: Arc<Mutex<Vec<AbortHandle>>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        let welcome = *welcome.lock().unwrap();
        let relaying = match welcome {
            Welcome::Relayed => tokio::spawn(relay(client, upstream.clone(), gate.clone())),
            Welcome::Refused => continue,
            Welcome::Answered(nonsense) => tokio::spawn(answer(client, nonsense)),
        };
        connections.lock().unwrap().push(relaying.abort_handle());
    }
}

async fn answer(mut client: TcpStream, nonsense: &'static [u8]) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(1..) = client.read(&mut buffer).await {
        if client.write_all(nonsense).await.is_err() {
            return;
        }
    }
}

async fn relay(client: TcpStream, upstream: String, gate: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        copy(from_client, to_server, gate.clone()),
        copy(from_server, to_client, gate)
    );
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut gate: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if gate.wait_for(|is_open| *is_open).await.is_err()
            || to.write_all(&buffer[..length]).await.is_err()
        {
            return;
        }
    }
    let _ = to.shutdown().await;
}
