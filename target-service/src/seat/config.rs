//! The configuration of seats (`seat.`).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::knobs::Knobs;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeatConfig {
    /// How long a member holds a seat before others may take it. Holds that exist keep the time that they
    /// were given. Default 5m. A knob.
    #[serde(with = "crate::duration")]
    pub hold: Duration,
}

impl Default for SeatConfig {
    fn default() -> Self {
        Self {
            hold: Knobs::default().seat_hold,
        }
    }
}
