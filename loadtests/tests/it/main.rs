//! The integration tests of the harness, in one binary.

#![allow(clippy::unwrap_used)]

mod books_check;
mod boundary_search;
mod broken_run;
mod command;
mod command_line;
mod delivery_check;
mod engine_accounts;
mod engine_journeys;
mod engine_live;
mod engine_retries;
mod engine_support;
mod engine_validity;
#[cfg(target_os = "linux")]
mod environment_cleanup;
mod environment_instances;
mod environment_lab;
mod environment_services;
mod fault_crash;
mod fault_proxy;
mod fault_schedule;
mod gateway;
mod gateway_faults;
mod gateway_lab;
mod gateway_support;
mod layering;
mod lost_ports;
mod out_folder;
mod payment_check;
mod playground;
mod readme;
mod redis_lab;
mod repeated_trials;
mod scenarios;
mod service_keys;
mod stopped_target;
