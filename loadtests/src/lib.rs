//! Squall: a load-testing and resilience harness.
//!
//! A module imports only modules of a lower layer, or the siblings named here;
//! `tests/it/layering.rs` fails on any other edge.
//!
//! | layer | modules | may also use |
//! |---|---|---|
//! | 5 | `cli`, `command` | `cli` -> `command` |
//! | 4 | `lab`, `strategy` | `strategy` -> `lab` |
//! | 3 | `engine` | |
//! | 2 | `gateway`, `environment`, `fault`, `measure`, `journey` (effects), `judge`, `report` (pure) | `environment` -> `gateway`, `fault` -> `environment`, `journey` -> `measure`, `report` -> `judge` |
//! | 1 | `scenario`, `record` | `record` -> `scenario` |
//! | 0 | `units`, `stats`, `interrupt` | |

mod cli;
pub mod command;
pub mod engine;
pub mod environment;
pub mod fault;
pub mod gateway;
mod interrupt;
pub mod journey;
pub mod judge;
pub mod lab;
pub mod measure;
pub mod record;
pub mod report;
pub mod scenario;
pub mod stats;
pub mod strategy;
pub mod units;

pub use cli::main_with;
/// The version of goose that journeys are written for.
pub use goose;
pub use journey::{Answer, Journeys, Request, step};
