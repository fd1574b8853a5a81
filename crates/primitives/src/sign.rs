//! Signatures (protocol-spec/01-primitives, section 5): Ed25519 (RFC 8032) over `label ‖ 0x00 ‖ message`.
//!
//! Verification is `verify_strict`: points of small order and a non-canonical R or s are refused, so that a signature
//! has one meaning for every verifier.

use ed25519_dalek::Signer as _;
use rand_core::CryptoRngCore;

use crate::{Label, Secret, fixed::fixed_bytes};

fixed_bytes!(
    /// An Ed25519 signature.
    Signature,
    64
);
fixed_bytes!(
    /// An Ed25519 public key, not yet checked to be a point; [`VerifyingKey::verify`] refuses one that is not.
    VerifyingKey,
    32
);

/// A signature that does not fit the key, the label and the message. Says no more, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// An Ed25519 secret key.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Fresh from `rng`.
    pub fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        Self::from_seed(&Secret::random(rng))
    }

    /// The key of an RFC 8032 seed.
    #[must_use]
    pub fn from_seed(seed: &Secret<32>) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed.expose_secret()))
    }

    /// The seed, to be kept sealed.
    #[must_use]
    pub fn to_seed(&self) -> Secret<32> {
        Secret::take(&mut self.0.to_bytes())
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` for the purpose `label`.
    #[must_use]
    pub fn sign(&self, label: Label, message: &[u8]) -> Signature {
        Signature(self.0.sign(&signed_bytes(label, message)).to_bytes())
    }

    /// Signs a text that carries its own separation, as MLS's `SignWithLabel` does (RFC 9420, section 5.1.2).
    /// For that one caller; everything of ours goes through [`sign`](Self::sign). [PRIM-08]
    #[must_use]
    pub fn sign_mls(&self, content: &[u8]) -> Signature {
        Signature(self.0.sign(content).to_bytes())
    }
}

impl VerifyingKey {
    /// Checks that `signature` is this key's over `message` for the purpose `label`.
    ///
    /// # Errors
    /// [`BadSignature`] for a wrong signature, and for a key or signature that RFC 8032 or `verify_strict` refuses.
    pub fn verify(&self, label: Label, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.verify_bytes(&signed_bytes(label, message), signature)
    }

    /// [`verify`](Self::verify) without a label, for test vectors that others made.
    ///
    /// # Errors
    /// [`BadSignature`].
    #[cfg(any(test, feature = "test-util"))]
    pub fn verify_unlabelled(&self, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        self.verify_bytes(message, signature)
    }

    fn verify_bytes(&self, signed: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(&self.0).map_err(|_| BadSignature)?;
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        key.verify_strict(signed, &signature).map_err(|_| BadSignature) // [PRIM-07]
    }
}

// [PRIM-06]
fn signed_bytes(label: Label, message: &[u8]) -> Vec<u8> {
    [label.as_str().as_bytes(), &[0], message].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    #[test]
    fn a_signature_fits_one_key_label_and_message() {
        // [PRIM-06]
        let key = SigningKey::generate(&mut OsRng);
        let signature = key.sign(Label::STATEMENT, b"text");
        let public = key.verifying_key();
        assert_eq!(public.verify(Label::STATEMENT, b"text", &signature), Ok(()));
        assert_eq!(public.verify(Label::POSSESSION, b"text", &signature), Err(BadSignature));
        assert_eq!(public.verify(Label::STATEMENT, b"texT", &signature), Err(BadSignature));
        let other = SigningKey::generate(&mut OsRng).verifying_key();
        assert_eq!(other.verify(Label::STATEMENT, b"text", &signature), Err(BadSignature));
        // As MLS and other people's vectors sign: nothing before the text.
        let unlabelled = key.sign_mls(b"text");
        assert_eq!(public.verify_unlabelled(b"text", &unlabelled), Ok(()));
        assert_eq!(public.verify_unlabelled(b"text", &signature), Err(BadSignature));
        // [PRIM-07] The identity point verifies anything where verification is not strict.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut forged = [0; 64];
        forged[0] = 1;
        let weak = VerifyingKey::from_bytes(identity);
        assert_eq!(weak.verify(Label::STATEMENT, b"text", &Signature::from_bytes(forged)), Err(BadSignature));
    }
}
