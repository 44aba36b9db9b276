//! What is measured: on the client's side samples, their folding into histograms, and the clock
//! they share; on the servers' side what scrapes and counters say.
//!
//! Invariant: memory grows with phases, steps and seconds, never with the number of samples.

pub mod books;
pub mod breakers;
mod clock;
mod collector;
pub mod cpu;
pub mod deliveries;
mod exposition;
mod fold;
pub mod payments;
mod phase_fold;
mod postgres;
mod redis;
mod sample;
mod sample_buffers;
mod sample_file;
pub mod scrape;
mod second_fold;
pub mod server;
mod step_names;

pub use clock::{Nanos, TimelineClock, nanos, offset_millis};
pub use collector::Collector;
pub use fold::{FoldPlan, FoldedLoad, Lateness, LoadFold, PhasePlan};
pub use sample::{ArrivalSample, Outcome, Reads, StepSample};
pub use sample_buffers::SampleBuffers;
pub use sample_file::{SampleFile, SampleFileError, SampleLabels};
pub use step_names::StepNames;
