//! The parts of one gateway, joined.

use super::behaviour::Standing;
use super::ledger::Ledger;
use super::meters::{Gauges, Meters};
use super::rate_limit::RateLimit;
use crate::scenario::GatewayBehaviour;

#[derive(Debug)]
pub struct Provider {
    pub behaviour: Standing,
    pub ledger: Ledger,
    pub meters: Meters,
    pub rate_limit: RateLimit,
}

impl Provider {
    pub fn new(behaviour: GatewayBehaviour) -> Self {
        Self {
            behaviour: Standing::new(behaviour),
            ledger: Ledger::default(),
            meters: Meters::default(),
            rate_limit: RateLimit::default(),
        }
    }

    pub fn metrics(&self) -> String {
        self.meters.text(Gauges {
            in_work: self.behaviour.places().in_work(),
            waiting: self.behaviour.places().waiting(),
            charges: self.ledger.count(),
        })
    }
}
