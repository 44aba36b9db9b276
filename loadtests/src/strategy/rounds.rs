//! Every arm once per round, in interleaved order (A B B A ...), so that a drift of the machine
//! falls on all arms alike. A sweep is this over the arms that it makes of its key's values.

use crate::record::TrialRecord;
use crate::scenario::{Plan, Trial};

use super::Strategy;

/// All arms of a plan, as often as it says.
#[derive(Debug)]
pub struct Rounds<'a> {
    plan: &'a Plan,
}

impl<'a> Rounds<'a> {
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan }
    }
}

impl Strategy for Rounds<'_> {
    fn next(&mut self, done: &[TrialRecord]) -> Option<Trial> {
        let arms = self.plan.arms.len();
        let order = done.len();
        let round = order / arms;
        if round >= self.plan.rounds as usize {
            return None;
        }
        let arm = &self.plan.arms[arm_at(order % arms, round, arms)];
        Some(self.plan.trial(arm, round as u32 + 1, order as u32))
    }

    fn extremes(&self) -> Vec<Trial> {
        (0..)
            .zip(&self.plan.arms)
            .map(|(order, arm)| self.plan.trial(arm, 1, order))
            .collect()
    }

    fn expected(&self) -> usize {
        self.plan.arms.len() * self.plan.rounds as usize
    }
}

/// Forward in the first round, backward in the second, and so on.
fn arm_at(place: usize, round: usize, arms: usize) -> usize {
    if round.is_multiple_of(2) {
        place
    } else {
        arms - 1 - place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_run_forward_and_backward_in_turn() {
        let order: Vec<usize> = (0..9)
            .map(|order| arm_at(order % 3, order / 3, 3))
            .collect();
        assert_eq!(order, [0, 1, 2, 2, 1, 0, 0, 1, 2]);
    }
}
