//! What a run's seed decides: streams of numbers, one for each who draws, so that one who draws more moves no other's.

use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// A stream of numbers.
#[derive(Clone)]
pub(crate) struct Draw(ChaCha20Rng);

impl Draw {
    /// The stream of a seed for this purpose.
    pub(crate) fn of(seed: u64, purpose: &str) -> Self {
        let digest = Sha256::new().chain_update(seed.to_be_bytes()).chain_update(purpose.as_bytes()).finalize();
        Self(ChaCha20Rng::from_seed(digest.into()))
    }

    /// A generator for the product, of the same stream.
    pub(crate) fn generator(&mut self) -> ChaCha20Rng {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        ChaCha20Rng::from_seed(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// Whether something happens that happens once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.below(items.len() as u64) as usize) }
    }

    /// A time below `most`, to the millisecond; short ones are as likely as long ones.
    pub(crate) fn moment(&mut self, most: Duration) -> Duration {
        let scale = [1, 10, 100, 1000];
        let most = most.as_millis() as u64 / scale[self.below(scale.len() as u64) as usize];
        Duration::from_millis(self.below(most.max(1)))
    }
}
