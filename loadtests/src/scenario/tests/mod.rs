//! Scenario texts, and what becomes of them.

#![allow(clippy::unwrap_used)]

mod arms;
mod bad_files;
mod bad_sections;
mod bad_timelines;
mod command_line;
mod crash;
mod format;
mod gateway;
mod payments;
mod quick;
mod redis;
mod robust;
mod search;
mod shipped;

use super::document::Source;
use super::plan::{Options, Plan};
use super::resolve::resolve;

/// A scenario that is right as it is; its phases end at line 9.
const PLAIN: &str = r#"name = "plain"
[[phases]]
name = "before"
duration = "10s"
rate = 50
[[phases]]
name = "burst"
duration = "4s"
rate = { from = 50, to = 500 }
"#;

fn options() -> Options {
    let journeys = [
        "browse",
        "calendar",
        "charge_points",
        "checkout",
        "claim_coupon",
        "hold_seat",
        "member",
        "mix",
        "pay",
        "pay_and_poll",
        "post",
        "read_your_write",
        "register",
        "rename",
        "write",
    ];
    Options {
        journeys: journeys.map(str::to_owned).to_vec(),
        ..Options::default()
    }
}

fn try_plan(text: &str, options: &Options) -> Result<Plan, Vec<String>> {
    resolve(&Source::file("x.toml", text), text, options)
        .map_err(|found| found.iter().map(ToString::to_string).collect())
}

fn plan_of(text: &str) -> Plan {
    try_plan(text, &options()).unwrap()
}

/// What is wrong with the plain scenario when this follows it, from line 10 on.
fn complaints_about(section: &str) -> Vec<String> {
    complaints(&format!("{PLAIN}{section}"))
}

fn complaints(text: &str) -> Vec<String> {
    try_plan(text, &options()).unwrap_err()
}
