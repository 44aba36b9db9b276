//! A scenario: what is run, against what, under which load and faults, and what is claimed of it.
//!
//! The file is parsed and resolved here, once; everything later reads the resolved [`Trial`],
//! in which no option is left open.
//!
//! The way of a file: a tree in which values know their lines, the values of `--env` and of an arm laid over
//! it, one module per section in `file` that reads it, then [`Plan`]. All mistakes are collected
//! on the way and come out together as [`Diagnostics`].

mod catalogue;
mod diagnostic;
mod document;
mod fault;
mod file;
mod gateway;
mod names;
mod overlay;
mod plan;
mod quick;
mod reader;
mod resolve;
mod service_keys;
mod template;
#[cfg(test)]
mod tests;
mod timeline;
mod trial;
mod url_load;
mod users;
mod values;
mod variant;
mod violation;

pub use catalogue::{Entry, Summary, catalogue, find, scenario_folder};
pub use diagnostic::{Diagnostic, Diagnostics, Location, suggestion};
pub use fault::{EdgeFault, Fault, FaultSpan, Process, ProcessFault};
pub use file::arms::Sweep;
pub use file::claims::{Claim, Threshold};
pub use file::search::SearchUnit;
pub use file::slo::Slo;
pub use gateway::{Abandoned, GatewayBehaviour, GatewayFault, GatewayLatency};
pub use names::in_claims;
pub use plan::{Arm, Options, Plan, Search};
pub use resolve::hex_digest;
pub use service_keys::ServiceKeys;
pub use template::{Part, Template};
pub use timeline::timeline;
pub use trial::{
    Arrivals, Backoff, Dataset, Edge, EdgeConditions, EnvironmentSpec, Expectation, Extract,
    Jitter, JourneyDefinition, Keys, LabSpec, Lifetime, LoadModel, LoadSpec, Phase, Rate,
    RetryPolicy, Skew, StepDefinition, Trial, WeightedJourney,
};
pub use url_load::UrlLoad;
pub use violation::Violation;
