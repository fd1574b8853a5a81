//! Sealing keys (protocol-spec/01-primitives, section 7): X-Wing (X25519 with ML-KEM-768) keys that certificates carry
//! from the first day on, so that records can be sealed to a reader against an adversary who keeps them for a quantum
//! computer. Specification: draft-connolly-cfrg-xwing-kem.

use rand_core::CryptoRngCore;
use x_wing::{KeyExport as _, TryDecapsulate as _};
use zeroize::Zeroize as _;

use crate::{Secret, fixed::fixed_bytes};

fixed_bytes!(
    /// An X-Wing encapsulation key.
    SealingPublic,
    1216
);

fixed_bytes!(
    /// An X-Wing ciphertext.
    SealingCiphertext,
    1120
);

impl SealingPublic {
    /// A fresh secret for whoever holds this key; `None` where it is no usable key.
    #[must_use]
    pub fn encapsulate(&self, rng: &mut dyn CryptoRngCore) -> Option<(SealingCiphertext, Secret<32>)> {
        let key = x_wing::EncapsulationKey::try_from(self.0.as_slice()).ok()?;
        let mut randomness = [0; x_wing::ENCAPSULATION_RANDOMNESS_SIZE];
        rng.fill_bytes(&mut randomness);
        let mut seed = randomness.into();
        let (sent, mut shared) = key.encapsulate_deterministic(&seed);
        seed.zeroize();
        randomness.zeroize();
        let mut bytes = [0; SealingCiphertext::LEN];
        bytes.copy_from_slice(&sent);
        let secret = Secret::from_slice(&shared);
        shared.zeroize();
        Some((SealingCiphertext(bytes), secret?))
    }
}

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

    /// The secret that was encapsulated; another one for a ciphertext that was altered, `None` for one that would give the
    /// same whatever our key is. [ID-55]
    #[must_use]
    pub fn decapsulate(&self, sent: &SealingCiphertext) -> Option<Secret<32>> {
        let key = x_wing::DecapsulationKeyRejectNonContrib::from(*self.0.expose_secret());
        let sent = x_wing::Ciphertext::try_from(sent.0.as_slice()).ok()?;
        let mut shared = key.try_decapsulate(&sent).ok()?;
        let secret = Secret::from_slice(&shared);
        shared.zeroize();
        secret
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

#[cfg(test)]
mod tests {
    use rand_core::OsRng;

    use super::*;

    // [ID-55]
    #[test]
    fn the_holder_alone_gets_the_secret() {
        let (reader, other) = (SealingSecret::generate(&mut OsRng), SealingSecret::generate(&mut OsRng));
        let (sent, secret) = reader.public().encapsulate(&mut OsRng).unwrap();
        assert_eq!(reader.decapsulate(&sent).unwrap().expose_secret(), secret.expose_secret());
        assert_ne!(other.decapsulate(&sent).unwrap().expose_secret(), secret.expose_secret());
        let mut altered = *sent.as_bytes();
        altered[7] ^= 1;
        let altered = SealingCiphertext::from_bytes(altered);
        assert_ne!(reader.decapsulate(&altered).unwrap().expose_secret(), secret.expose_secret());
        // An X25519 part of small order.
        let mut useless = *sent.as_bytes();
        useless[1088..].fill(0);
        assert!(reader.decapsulate(&SealingCiphertext::from_bytes(useless)).is_none());
    }
}
