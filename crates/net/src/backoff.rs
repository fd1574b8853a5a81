//! Backoff (protocol-spec/04-link, section 7): how long to wait before dialling again. Pure.

use std::time::Duration;

use amanat_primitives::CryptoRngCore;

/// Upper bound of the first wait.
pub const FIRST: Duration = Duration::from_millis(250);

/// Upper bound of every wait.
pub const LONGEST: Duration = Duration::from_secs(60);

/// Waits between attempts: uniformly random up to a bound that doubles from [`FIRST`] to [`LONGEST`], so that a
/// thousand devices whose relay restarts do not come back at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    bound: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { bound: FIRST }
    }
}

impl Backoff {
    /// As after a success.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The wait before the next attempt; the bound doubles.
    pub fn next_wait(&mut self, rng: &mut dyn CryptoRngCore) -> Duration {
        // [LINK-20]
        let bound = u64::try_from(self.bound.as_micros()).unwrap_or(u64::MAX);
        self.bound = self.bound.saturating_mul(2).min(LONGEST);
        // The remainder favours small values by less than 2^-38: jitter, not a secret.
        Duration::from_micros(rng.next_u64() % bound.saturating_add(1))
    }

    /// After a link has come up.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

    use super::*;

    // [LINK-20]
    #[test]
    fn bounds_double_to_a_minute_and_waits_spread_below_them() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut longest = vec![Duration::ZERO; 12];
        let mut shortest = vec![Duration::MAX; 12];
        for _ in 0..400 {
            let mut backoff = Backoff::new();
            for (long, short) in longest.iter_mut().zip(&mut shortest) {
                let wait = backoff.next_wait(&mut rng);
                *long = wait.max(*long);
                *short = wait.min(*short);
            }
        }
        for (attempt, (long, short)) in longest.into_iter().zip(shortest).enumerate() {
            let bound = FIRST.saturating_mul(1 << attempt).min(LONGEST);
            assert!(long <= bound && long > bound.mul_f64(0.9), "attempt {attempt}: {long:?} of {bound:?}");
            assert!(short < bound.mul_f64(0.1), "attempt {attempt}: {short:?} of {bound:?}");
        }
    }

    #[test]
    fn success_starts_over() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            assert!(backoff.next_wait(&mut rng) <= LONGEST);
        }
        backoff.reset();
        assert!(backoff.next_wait(&mut rng) <= FIRST);
    }
}
