//! One connection through the proxy: its handshake, its two directions, its end.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::direction::Direction;
use super::edge::EdgeState;
use super::protocol::Conditions;

/// Carries a connection until both directions have ended. What breaks one end, or a fault, is
/// passed on to both ends as a reset.
pub(super) async fn carry(client: TcpStream, upstream: SocketAddr, edge: &EdgeState) {
    let Ok(server) = connect(upstream, edge).await else {
        return reset(&client);
    };
    // Small requests and answers must not wait for each other's acknowledgements. A socket that
    // refuses the option is broken already, which its use will tell.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let up = Direction::new(&client, &server, edge.conditions(), &edge.up);
    let down = Direction::new(&server, &client, edge.conditions(), &edge.down);
    if tokio::try_join!(up.carry(), down.carry()).is_err() {
        reset(&client);
        reset(&server);
    }
}

async fn connect(upstream: SocketAddr, edge: &EdgeState) -> io::Result<TcpStream> {
    let mut conditions = edge.conditions();
    handshake(&mut conditions).await?;
    let server = TcpStream::connect(upstream).await?;
    Ok(server)
}

/// The system has accepted the connection at once; over the delayed edge that would have taken a
/// round trip, and would not have happened at all in a black hole.
async fn handshake(conditions: &mut watch::Receiver<Conditions>) -> io::Result<()> {
    let broken = || io::Error::from(io::ErrorKind::ConnectionReset);
    let mut begun = Instant::now();
    loop {
        let now = *conditions.borrow_and_update();
        let done = begun + 2 * now.latency;
        if now.reset {
            return Err(broken());
        }
        if now.black_hole {
            conditions.changed().await.map_err(|_| broken())?;
            begun = Instant::now();
            continue;
        }
        if done <= Instant::now() {
            return Ok(());
        }
        tokio::select! {
            changed = conditions.changed() => changed.map_err(|_| broken())?,
            () = sleep_until(done) => return Ok(()),
        }
    }
}

/// Has the system send a reset when the stream is dropped.
fn reset(stream: &TcpStream) {
    // It fails only for a connection that is gone.
    let _ = stream.set_zero_linger();
}
