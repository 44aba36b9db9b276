//! One direction of a connection: bytes go in, and come out in order when they are due.
//!
//! A delay is a pipeline: each chunk is due one latency after it came in, whatever is still under
//! way before it. What is under way is bounded; beyond that the sender waits.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;

use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::meter::Meter;
use super::protocol::Conditions;

const CHUNK: usize = 16 * 1024;
/// With 100 ms of latency this still lets 40 MB/s through.
const MOST_UNDER_WAY: usize = 4 << 20;

/// What comes out of a direction, in order.
struct Chunk {
    due: Instant,
    /// Empty: the end of the stream.
    bytes: Bytes,
}

/// Why nothing can be written at the moment.
enum Wait {
    /// Nothing is under way.
    ForInput,
    Until(Instant),
    /// The receiver takes no more.
    ForReceiver,
    /// The end of the stream has come out.
    Over,
}

pub(super) struct Direction<'a> {
    from: &'a TcpStream,
    to: &'a TcpStream,
    conditions: watch::Receiver<Conditions>,
    meter: &'a Meter,
    queue: VecDeque<Chunk>,
    under_way: usize,
    at_end: bool,
    /// How much of the first chunk has a turn on the metered line, and when it has passed.
    turn: Option<(usize, Instant)>,
}

impl<'a> Direction<'a> {
    pub(super) fn new(
        from: &'a TcpStream,
        to: &'a TcpStream,
        conditions: watch::Receiver<Conditions>,
        meter: &'a Meter,
    ) -> Self {
        Self {
            from,
            to,
            conditions,
            meter,
            queue: VecDeque::new(),
            under_way: 0,
            at_end: false,
            turn: None,
        }
    }

    /// Carries until the end of the stream has come out. An error means that the connection is
    /// broken, by one of its ends or by a fault.
    pub(super) async fn carry(mut self) -> io::Result<()> {
        loop {
            let conditions = *self.conditions.borrow_and_update();
            if conditions.reset {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            if conditions.black_hole {
                self.changed().await?;
                continue;
            }
            match self.write_what_is_due(conditions)? {
                Wait::Over => return Ok(()),
                wait => self.next_event(wait, conditions).await?,
            }
        }
    }

    /// Waits for whatever comes first, and takes in what has come.
    async fn next_event(&mut self, wait: Wait, conditions: Conditions) -> io::Result<()> {
        let takes_input = !self.at_end && self.under_way < MOST_UNDER_WAY;
        let can_go_on = async {
            match wait {
                Wait::Until(due) => sleep_until(due).await,
                Wait::ForReceiver => drop(self.to.writable().await),
                Wait::ForInput | Wait::Over => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.conditions.changed() => {
                // A turn under the old limit may have been a long one.
                self.turn = None;
                changed.map_err(|_| io::ErrorKind::ConnectionReset.into())
            }
            () = can_go_on => Ok(()),
            readable = self.from.readable(), if takes_input => {
                readable?;
                self.take_in(conditions)
            }
        }
    }

    async fn changed(&mut self) -> io::Result<()> {
        self.turn = None;
        let changed = self.conditions.changed().await;
        changed.map_err(|_| io::ErrorKind::ConnectionReset.into())
    }

    /// Reads a chunk. Without a delay it goes straight on, as far as the receiver takes it.
    fn take_in(&mut self, conditions: Conditions) -> io::Result<()> {
        let mut buffer = [0; CHUNK];
        let length = match self.from.try_read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        self.at_end = length == 0;
        let mut bytes = &buffer[..length];
        let is_unhindered = conditions.latency.is_zero() && conditions.bandwidth.is_none();
        if is_unhindered && self.queue.is_empty() && !self.at_end {
            let written = try_write(self.to, bytes)?;
            bytes = &bytes[written..];
            if bytes.is_empty() {
                return Ok(());
            }
        }
        self.under_way += bytes.len();
        // A latency that has just become shorter must not let bytes overtake each other; the
        // queue's order sees to that.
        self.queue.push_back(Chunk {
            due: Instant::now() + conditions.latency,
            bytes: Bytes::copy_from_slice(bytes),
        });
        Ok(())
    }

    fn write_what_is_due(&mut self, conditions: Conditions) -> io::Result<Wait> {
        let now = Instant::now();
        while let Some(chunk) = self.queue.front_mut() {
            if chunk.due > now {
                return Ok(Wait::Until(chunk.due));
            }
            if chunk.bytes.is_empty() {
                SockRef::from(self.to).shutdown(Shutdown::Write)?;
                return Ok(Wait::Over);
            }
            let mut length = chunk.bytes.len();
            if let Some(per_second) = conditions.bandwidth {
                let (allowed, passed) = *self.turn.get_or_insert_with(|| {
                    let allowed = Meter::turn(length, per_second);
                    (allowed, self.meter.reserve(allowed, per_second, now))
                });
                if passed > now {
                    return Ok(Wait::Until(passed));
                }
                length = allowed;
            }
            let written = try_write(self.to, &chunk.bytes[..length])?;
            if written == 0 {
                return Ok(Wait::ForReceiver);
            }
            chunk.bytes.advance(written);
            self.under_way -= written;
            self.turn = self
                .turn
                .map(|(allowed, passed)| (allowed - written, passed))
                .filter(|(allowed, _)| *allowed > 0);
            if chunk.bytes.is_empty() {
                self.queue.pop_front();
            }
        }
        Ok(Wait::ForInput)
    }
}

/// Writes what the receiver takes at once: 0 when that is nothing.
fn try_write(to: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match to.try_write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}
