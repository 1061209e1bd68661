//! Draws of misbehaviour by seed: the same seed and the same calls, the same mischief.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Mischief;

/// Dice with a seed.
#[derive(Debug, Clone)]
pub struct Dice {
    rng: ChaCha8Rng,
}

/// What befalls one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallFate {
    /// It is answered late, by [`Mischief::slow_by`].
    pub slow: bool,
    /// It is answered with this status, without anything being done (429, 500 or 503).
    pub instead: Option<u16>,
    /// It is done, and answered with 500 all the same.
    pub error_afterwards: bool,
}

impl Dice {
    /// Dice of this seed.
    pub fn new(seed: u64) -> Dice {
        Dice { rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// Whether something that happens in `per_mille` of a thousand cases happens now. Draws only where it can happen, so
    /// that switching one kind of mischief off leaves the draws of the others alone.
    pub fn happens(&mut self, per_mille: u16) -> bool {
        per_mille > 0 && self.rng.random_range(0..1000) < per_mille
    }

    /// What befalls the next call.
    pub fn call(&mut self, mischief: &Mischief) -> CallFate {
        let slow = self.happens(mischief.slow_per_mille);
        let instead = if self.happens(mischief.too_many_per_mille) {
            Some(429)
        } else if self.happens(mischief.server_error_per_mille) {
            Some(if self.rng.random() { 500 } else { 503 })
        } else {
            None
        };
        CallFate { slow, instead, error_afterwards: self.happens(mischief.error_after_commit_per_mille) }
    }

    /// The generator itself, for draws that are no mischief.
    pub fn rng(&mut self) -> &mut ChaCha8Rng {
        &mut self.rng
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mischief_is_the_same_by_seed_as_frequent_as_asked_and_absent_by_default() {
        let mischief = Mischief { server_error_per_mille: 100, slow_per_mille: 1000, ..Mischief::default() };
        let fates = |seed| {
            let mut dice = Dice::new(seed);
            (0..2_000).map(|_| dice.call(&mischief)).collect::<Vec<_>>()
        };
        assert_eq!(fates(1), fates(1));
        assert!(fates(1).iter().all(|it| it.slow && !it.error_afterwards));
        assert!((150..250).contains(&fates(1).iter().filter(|it| it.instead.is_some()).count()));
        assert_eq!(Dice::new(1).call(&Mischief::default()), CallFate::default());
    }
}
