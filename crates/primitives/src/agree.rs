//! Key agreement (protocol-spec/01-primitives, section 6): X25519 (RFC 7748) static keys of Noise links.

use rand_core::CryptoRngCore;

use crate::{Secret, fixed::fixed_bytes};

fixed_bytes!(
    /// An X25519 public key that Noise authenticates.
    NoisePublic,
    32
);

/// An X25519 secret key that Noise authenticates.
pub struct NoiseSecret(Secret<32>);

impl NoiseSecret {
    /// Fresh from `rng`.
    pub fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        Self(Secret::random(rng))
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_secret(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// The secret bytes, for the Noise library and the key store.
    #[must_use]
    pub fn secret(&self) -> &Secret<32> {
        &self.0
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> NoisePublic {
        let secret = x25519_dalek::StaticSecret::from(*self.0.expose_secret());
        NoisePublic(x25519_dalek::PublicKey::from(&secret).to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_half_that_another_program_computed() {
        // With OpenSSL, for the secret 00 01 .. 1f.
        let secret = NoiseSecret::from_secret(Secret::take(&mut std::array::from_fn(|i| i as u8)));
        let public = "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f";
        assert_eq!(secret.public().to_string(), public);
    }
}
