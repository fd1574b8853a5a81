//! Sealing keys (protocol-spec/01-primitives, section 7): X-Wing (X25519 with ML-KEM-768) keys that certificates carry
//! from the first day on, so that records can be sealed to a reader against an adversary who keeps them for a quantum
//! computer. Specification: draft-connolly-cfrg-xwing-kem.

use rand_core::CryptoRngCore;
use x_wing::KeyExport as _;

use crate::{Secret, fixed::fixed_bytes};

fixed_bytes!(
    /// An X-Wing encapsulation key.
    SealingPublic,
    1216
);

/// An X-Wing decapsulation key, kept as its seed.
pub struct SealingSecret(Secret<32>);

impl SealingSecret {
    /// Fresh from `rng`.
    pub fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        Self(Secret::random(rng))
    }

    /// The key of this seed.
    #[must_use]
    pub fn from_seed(seed: Secret<32>) -> Self {
        Self(seed)
    }

    /// The seed, to be kept sealed.
    #[must_use]
    pub fn seed(&self) -> &Secret<32> {
        &self.0
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> SealingPublic {
        let key = x_wing::DecapsulationKey::from(*self.0.expose_secret());
        let mut bytes = [0; SealingPublic::LEN];
        bytes.copy_from_slice(&x_wing::Decapsulator::encapsulation_key(&key).to_bytes());
        SealingPublic(bytes)
    }
}
