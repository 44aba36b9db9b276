//! The HTTP client of the journeys.
//!
//! Plain `http://` goes over a lean HTTP/1.1 connection of each user's own, on which every moment
//! is stamped where it happens; `https://` goes through reqwest.

mod answer_head;
mod body;
mod connection;
mod exchange;
mod request_bytes;
mod secure;
mod target;

pub use exchange::{HttpClient, Shared};
pub use target::{Target, TargetError};

use http::HeaderMap;

use crate::measure::Outcome;

/// Told of the moments of an exchange as they happen, so that they are known even of an exchange
/// that never ends.
pub trait Marks: Send + Sync {
    /// The request is about to be written.
    fn sent(&self);
    /// The first byte of the answer has come.
    fn first_byte(&self);
    /// The last byte of a complete answer has come.
    fn last_byte(&self);
}

/// What is sent in one attempt.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    pub method: &'a http::Method,
    /// Path and query, as in the request line.
    pub path: &'a str,
    /// Beside those that every request carries.
    pub headers: &'a [(String, String)],
    pub body: Option<&'a [u8]>,
    /// Whether headers and body of the answer are wanted; else they are read and dropped.
    pub keep: bool,
}

/// A complete answer; headers and body are empty unless they were to be kept.
#[derive(Debug, Default)]
pub struct Incoming {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Why there is no complete answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeFailure {
    /// The target or the way to it failed.
    Failed(Outcome),
    /// The generator lacks something of its own: files, ports, memory.
    Exhausted(Resource),
    /// The request cannot be written as HTTP: a control character in a path or header.
    BadRequest,
}

/// What a generator runs out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    OpenFiles,
    Ports,
    Memory,
}

impl Resource {
    /// What the system's error says is missing, if it is the generator's.
    fn missing_by(error: &std::io::Error) -> Option<Self> {
        use nix::errno::Errno;
        match Errno::from_raw(error.raw_os_error()?) {
            Errno::EMFILE | Errno::ENFILE => Some(Self::OpenFiles),
            Errno::EADDRNOTAVAIL | Errno::EADDRINUSE => Some(Self::Ports),
            Errno::ENOBUFS | Errno::ENOMEM => Some(Self::Memory),
            _ => None,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::OpenFiles => "open files",
            Self::Ports => "local ports",
            Self::Memory => "memory for sockets",
        }
    }
}
