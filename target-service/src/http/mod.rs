//! What every endpoint has in common: problem documents, extractors that answer with them, deadlines, load
//! shedding, request metrics, and the server loop.
//!
//! Invariant: whatever a client sends, the answer is the handler's or a problem document.

pub mod abandon;
pub mod answers;
pub mod body;
pub mod class;
mod config;
pub mod cursor;
pub mod deadline;
pub mod error;
pub mod extract;
pub mod list;
mod meters;
mod problem;
pub mod scope;
pub mod server;
pub mod shed;
mod unreadable;
mod wire;

pub use config::{Abandoned, Config, RequestConfig};
pub use error::Code;
pub use problem::{FieldError, Problem, ProblemDocument};
