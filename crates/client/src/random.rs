//! Random numbers of the engine (protocol-spec/01-primitives): ids, keys and delays, all that others see or that decides
//! anything, come from one place, which [`Options`](crate::Options) names.
//!
//! That place is the operating system. A test that has to run the same way twice gives another one, which no program can:
//! the constructor is compiled for tests alone. What OpenMLS, Noise and TLS draw by themselves stays the system's,
//! and what the vault seals its rows with: how many nonces it needs depends on the lengths of what OpenMLS has drawn.

#[cfg(feature = "test-util")]
use std::sync::{Arc, Mutex, PoisonError};

use rand_core::{CryptoRng, Error, OsRng, RngCore};

/// Where random numbers come from: the operating system, unless a test says otherwise. Clones draw from the same place.
#[derive(Clone, Default)]
pub struct Random(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    System,
    #[cfg(feature = "test-util")]
    Given(Arc<Mutex<dyn RngCore + Send>>),
}

impl Random {
    /// Draws from `source`, so that a run can be repeated. Nothing that is made with it is secret.
    #[cfg(feature = "test-util")]
    #[must_use]
    pub fn given(source: impl RngCore + Send + 'static) -> Self {
        Self(Source::Given(Arc::new(Mutex::new(source))))
    }

    fn draw<T>(&self, what: impl FnOnce(&mut dyn RngCore) -> T) -> T {
        match &self.0 {
            Source::System => what(&mut OsRng),
            #[cfg(feature = "test-util")]
            Source::Given(source) => what(&mut *source.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        self.draw(|source| source.next_u32())
    }

    fn next_u64(&mut self) -> u64 {
        self.draw(|source| source.next_u64())
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.draw(|source| source.fill_bytes(bytes));
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.draw(|source| source.try_fill_bytes(bytes))
    }
}

// The system's is one; what a test gives in its place makes no secrets.
impl CryptoRng for Random {}
