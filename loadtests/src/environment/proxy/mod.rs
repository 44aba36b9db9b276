//! The TCP fault proxy: a process of its own that stands on an edge, delays its bytes and, while a
//! fault holds, throttles, swallows or resets them.
//!
//! It works on bytes in a stream, so it is honest about what a stream can show: a black hole
//! cannot refuse the handshake (the system has completed it before a program sees the connection),
//! but not a byte gets through; what was sent meanwhile arrives once the hole is gone, as it would
//! by retransmission.

mod connection;
mod control;
mod direction;
mod edge;
mod meter;
mod protocol;

pub use control::{EdgeFaultId, FaultProxy, ProxyError};
pub use edge::serve;
pub use protocol::Conditions;
