//! `[gateway]`: the mock payment gateway. Without the section there is none.

use std::time::Duration;

use crate::scenario::document::{Node, Value};
use crate::scenario::gateway::{Abandoned, GatewayBehaviour, GatewayLatency, LATENCY_FORM};
use crate::scenario::reader::Section;
use crate::scenario::values::{Count, FromNode};

use super::environment::one_of;

/// More is a slip of the pen; 0 is how "without a limit" is written.
pub(super) const MOST_PLACES: u64 = 100_000;
const HIGHEST_RATE: u64 = 1_000_000;

pub(crate) fn read(root: &mut Section<'_>) -> Option<GatewayBehaviour> {
    let mut section = root.section("gateway", "[gateway]")?;
    let usual = GatewayBehaviour::default();
    let behaviour = GatewayBehaviour {
        latency: section.optional("latency").unwrap_or(usual.latency),
        capacity: section
            .optional::<Count<0, MOST_PLACES>>("capacity")
            .map_or(usual.capacity, |places| places.0 as u32),
        rate_limit: section
            .optional::<Count<0, HIGHEST_RATE>>("rate_limit")
            .map_or(usual.rate_limit, |rate| rate.0 as u32),
        error_share: share("error_share", &mut section),
        answer_lost_share: share("answer_lost_share", &mut section),
        decline_share: share("decline_share", &mut section),
        abandoned: section.optional("abandoned").unwrap_or(usual.abandoned),
    };
    section.close();
    Some(behaviour)
}

fn share(key: &'static str, section: &mut Section<'_>) -> f64 {
    section
        .optional::<ShareOrNone>(key)
        .map_or(0.0, |share| share.0)
}

/// At least 0, so that an arm can take away what the scenario gives, and at most 1.
struct ShareOrNone(f64);

impl FromNode for ShareOrNone {
    fn from_node(node: &Node) -> Result<Self, String> {
        let share = f64::from_node(node)?;
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(format!("is {share}: a share is at least 0 and at most 1"))
        }
    }
}

impl FromNode for GatewayLatency {
    fn from_node(node: &Node) -> Result<Self, String> {
        let Value::Table(table) = &node.value else {
            return Err(match node.text() {
                Some(text) => format!("is \"{text}\": {LATENCY_FORM}"),
                None => format!("is {}: {LATENCY_FORM}", node.kind()),
            });
        };
        let known = ["fixed", "median", "p99"];
        if let Some(entry) = table
            .entries
            .iter()
            .find(|entry| !known.contains(&entry.key.as_str()))
        {
            return Err(format!(
                "has the unknown key \"{}\": {LATENCY_FORM}",
                entry.key
            ));
        }
        let span = |key: &str| {
            let span = table.get(key).map(Duration::from_node).transpose();
            span.map_err(|complaint| format!("has a \"{key}\" that {complaint}"))
        };
        match (span("fixed")?, span("median")?, span("p99")?) {
            (Some(latency), None, None) => Self::fixed(latency),
            (None, Some(median), Some(p99)) => Self::spread(median, p99),
            (None, Some(_), None) => Err(format!("lacks \"p99\": {LATENCY_FORM}")),
            (None, None, Some(_)) => Err(format!("lacks \"median\": {LATENCY_FORM}")),
            (None, None, None) => Err(format!("is empty: {LATENCY_FORM}")),
            (Some(_), _, _) => Err(format!("is both fixed and spread: {LATENCY_FORM}")),
        }
    }
}

impl FromNode for Abandoned {
    fn from_node(node: &Node) -> Result<Self, String> {
        one_of(
            node,
            &[("continue", Self::Continue), ("cancel", Self::Cancel)],
        )
    }
}
