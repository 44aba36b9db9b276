//! The sections of the scenario file, one module each: what a section may hold and what it means.

pub(super) mod arms;
pub(super) mod claims;
pub(super) mod environment;
pub(super) mod faults;
pub(super) mod gateway;
pub(super) mod header;
pub(super) mod journeys;
pub(super) mod load;
pub(super) mod phases;
pub(super) mod search;
pub(super) mod slo;
pub(super) mod target;
