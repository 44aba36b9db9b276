//! The configuration of the flows (`flow.`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlowConfig {
    /// Whether this instance settles orders whose checkout did not come to its end. Any number of instances
    /// may; where none does, such orders keep their goods. Default true.
    pub settlement: bool,
    /// How often the settlement looks for orders, and how old an order is when it is looked at first.
    /// Default 1s.
    #[serde(with = "crate::duration")]
    pub settle_interval: Duration,
    /// An order without any payment gives its goods back when it is so old. Longer than a checkout takes to
    /// come to its payment: what is paid after that goes back to the member. Default 30s. A knob.
    #[serde(with = "crate::duration")]
    pub settle_after: Duration,
}

impl Default for FlowConfig {
    fn default() -> Self {
        Self {
            settlement: true,
            settle_interval: Duration::from_secs(1),
            settle_after: Knobs::default().flow_settle_after,
        }
    }
}
