//! The random draws of an arrival.
//!
//! Invariant: they depend on the trial's seed and the arrival's number alone, so that every arm of
//! a round does the same work, whichever user carries it and in whatever order.

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// A trial's seed, expanded.
#[derive(Debug, Clone)]
pub struct DrawKey([u8; 32]);

/// The draws of one arrival, in order.
#[derive(Debug, Clone)]
pub struct Draws {
    /// Chooses the journey.
    pub choice: u64,
    /// Everything that the journey draws.
    pub rng: ChaCha8Rng,
}

impl DrawKey {
    pub fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut key);
        Self(key)
    }

    pub fn arrival(&self, seq: u64) -> Draws {
        let mut rng = ChaCha8Rng::from_seed(self.0);
        rng.set_stream(seq);
        Draws {
            choice: rng.next_u64(),
            rng,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_for_one_seed_and_number_and_differ_for_others() {
        let first = |seed, seq| {
            let mut draws = DrawKey::new(seed).arrival(seq);
            (draws.choice, draws.rng.next_u64())
        };
        assert_eq!(first(1, 7), first(1, 7));
        assert_ne!(first(1, 7), first(1, 8));
        assert_ne!(first(1, 7), first(2, 7));
    }
}
