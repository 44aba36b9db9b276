//! The journeys of one trial, found, checked and weighted.

use std::sync::Arc;

use goose::goose::TransactionFunction;

use super::population::Population;

/// One journey, ready to be carried out by any user.
#[derive(Clone)]
pub struct PreparedJourney {
    pub name: Arc<str>,
    pub function: TransactionFunction,
}

#[derive(Clone)]
pub struct Prepared {
    pub journeys: Vec<PreparedJourney>,
    /// The sum of the weights up to and with each journey.
    pub(super) cumulative: Vec<f64>,
    pub(super) population: Option<Population>,
}

impl Prepared {
    pub fn population(&self) -> Option<Population> {
        self.population.clone()
    }

    /// The journey that a number between 0 and `u64::MAX` falls to, by weight.
    pub fn choose(&self, choice: u64) -> u16 {
        let total = self.cumulative.last().copied().unwrap_or_default();
        let at = choice as f64 / (u64::MAX as f64) * total;
        let place = self
            .cumulative
            .partition_point(|end| *end <= at)
            .min(self.journeys.len().saturating_sub(1));
        u16::try_from(place).unwrap_or(u16::MAX)
    }
}
