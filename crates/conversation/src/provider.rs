//! Provider (protocol-spec/05-conversation, sections 1 and 9): what OpenMLS is given to work with. Its own cryptography
//! narrowed to our suite, our storage, and the caller's randomness.
//!
//! OpenMLS draws the randomness of HPKE inside its cryptography from the operating system; that cannot be given to it.
//! So a seed replays the schedule of a test, not the bytes (section 9).

use std::{cell::RefCell, sync::Arc};

use amanat_primitives::{CryptoRngCore, sign::SigningKey};
use openmls::prelude::tls_codec::SecretVLBytes;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::{
    OpenMlsProvider,
    crypto::OpenMlsCrypto,
    random::OpenMlsRand,
    signatures::{Signer, SignerError},
    types::{
        AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeCiphertext, HpkeConfig, HpkeKeyPair,
        KemOutput, SignatureScheme,
    },
};

use crate::{hash_cache::HashCache, records::Records, storage::Storage};

/// The suite, as people are shown it.
pub const SUITE_NAME: &str = "X-Wing, ChaCha20-Poly1305, SHA-256, Ed25519 (0x004D)";
/// The one suite spoken so far: X-Wing, ChaCha20-Poly1305, SHA-256, Ed25519 (0x004D).
pub(crate) const SUITE: Ciphersuite = Ciphersuite::MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519;

/// OpenMLS's cryptography for one suite. `RustCrypto` refuses X-Wing in `supports` though its HPKE has it; here that
/// suite is allowed and every other one refused.
#[derive(Default)]
pub(crate) struct Crypto {
    library: RustCrypto,
    /// Where hashes are kept from one commit to the next.
    hashes: Option<Arc<HashCache>>,
}

type Done<T> = Result<T, CryptoError>;

impl OpenMlsCrypto for Crypto {
    // [CONV-01] No other suite is ever worked with, whatever a peer's bytes name.
    fn supports(&self, suite: Ciphersuite) -> Done<()> {
        if suite == SUITE { Ok(()) } else { Err(CryptoError::UnsupportedCiphersuite) }
    }
    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        vec![SUITE]
    }

    // All else is passed on as it is, but that what was hashed for a commit is not hashed again.
    fn hkdf_extract(&self, hash: HashType, salt: &[u8], ikm: &[u8]) -> Done<SecretVLBytes> {
        self.library.hkdf_extract(hash, salt, ikm)
    }
    fn hmac(&self, hash: HashType, key: &[u8], message: &[u8]) -> Done<SecretVLBytes> {
        self.library.hmac(hash, key, message)
    }
    fn hkdf_expand(&self, hash: HashType, prk: &[u8], info: &[u8], length: usize) -> Done<SecretVLBytes> {
        self.library.hkdf_expand(hash, prk, info, length)
    }
    fn hash(&self, hash: HashType, data: &[u8]) -> Done<Vec<u8>> {
        match &self.hashes {
            Some(hashes) if hash == HashType::Sha2_256 => hashes.get(data, |data| self.library.hash(hash, data)),
            _ => self.library.hash(hash, data),
        }
    }
    fn aead_encrypt(&self, aead: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Done<Vec<u8>> {
        self.library.aead_encrypt(aead, key, data, nonce, aad)
    }
    fn aead_decrypt(&self, aead: AeadType, key: &[u8], data: &[u8], nonce: &[u8], aad: &[u8]) -> Done<Vec<u8>> {
        self.library.aead_decrypt(aead, key, data, nonce, aad)
    }
    fn signature_key_gen(&self, scheme: SignatureScheme) -> Done<(Vec<u8>, Vec<u8>)> {
        self.library.signature_key_gen(scheme)
    }
    fn verify_signature(&self, scheme: SignatureScheme, data: &[u8], key: &[u8], signature: &[u8]) -> Done<()> {
        self.library.verify_signature(scheme, data, key, signature)
    }
    fn sign(&self, scheme: SignatureScheme, data: &[u8], key: &[u8]) -> Done<Vec<u8>> {
        self.library.sign(scheme, data, key)
    }
    fn hpke_seal(&self, c: HpkeConfig, key: &[u8], info: &[u8], aad: &[u8], text: &[u8]) -> Done<HpkeCiphertext> {
        self.library.hpke_seal(c, key, info, aad, text)
    }
    fn hpke_open(&self, c: HpkeConfig, input: &HpkeCiphertext, key: &[u8], info: &[u8], aad: &[u8]) -> Done<Vec<u8>> {
        self.library.hpke_open(c, input, key, info, aad)
    }
    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        key: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Done<(KemOutput, ExporterSecret)> {
        self.library.hpke_setup_sender_and_export(config, key, info, context, length)
    }
    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        enc: &[u8],
        key: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Done<ExporterSecret> {
        self.library.hpke_setup_receiver_and_export(config, enc, key, info, context, length)
    }
    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Done<HpkeKeyPair> {
        self.library.derive_hpke_keypair(config, ikm)
    }
}

/// Randomness was asked for in an operation that draws none.
#[derive(Debug, thiserror::Error)]
#[error("no randomness in this operation")]
pub(crate) struct NoRandomness;

/// The caller's randomness; none for operations that need none.
pub(crate) struct Rand<'a>(RefCell<Option<&'a mut dyn CryptoRngCore>>);

impl OpenMlsRand for Rand<'_> {
    type Error = NoRandomness;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        self.0.borrow_mut().as_mut().ok_or(NoRandomness)?.fill_bytes(&mut bytes);
        Ok(bytes)
    }
    fn random_vec(&self, length: usize) -> Result<Vec<u8>, NoRandomness> {
        let mut bytes = vec![0; length];
        self.0.borrow_mut().as_mut().ok_or(NoRandomness)?.fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

/// What OpenMLS is given for one operation.
pub(crate) struct Provider<'a> {
    crypto: Crypto,
    rand: Rand<'a>,
    storage: Storage<'a>,
}

impl<'a> Provider<'a> {
    pub(crate) fn new(storage: Storage<'a>, rng: Option<&'a mut dyn CryptoRngCore>) -> Self {
        Self { crypto: Crypto::default(), rand: Rand(RefCell::new(rng)), storage }
    }

    pub(crate) fn storage_ref(&self) -> &Storage<'a> {
        &self.storage
    }

    /// For one conversation.
    pub(crate) fn of_group(group: &'a mut Records, rng: Option<&'a mut dyn CryptoRngCore>) -> Self {
        Self::new(Storage::of_group(group), rng)
    }

    /// With the hashes that are known of that conversation.
    pub(crate) fn with_hashes(mut self, hashes: &Arc<HashCache>) -> Self {
        self.crypto.hashes = Some(Arc::clone(hashes));
        self
    }
}

impl<'a> OpenMlsProvider for Provider<'a> {
    type CryptoProvider = Crypto;
    type RandProvider = Rand<'a>;
    type StorageProvider = Storage<'a>;

    fn storage(&self) -> &Storage<'a> {
        &self.storage
    }
    fn crypto(&self) -> &Crypto {
        &self.crypto
    }
    fn rand(&self) -> &Rand<'a> {
        &self.rand
    }
}

/// The device's certified key, signing for MLS. It is never among OpenMLS's records.
pub(crate) struct LeafSigner<'a>(pub(crate) &'a SigningKey);

impl Signer for LeafSigner<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign_mls(payload).as_bytes().to_vec())
    }
    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // [CONV-01]
    #[test]
    fn one_suite_and_no_other() {
        let supported = |number: u16| Ciphersuite::try_from(number).map(|suite| Crypto::default().supports(suite));
        for number in (0..=0xff).chain(0xf000..=0xffff) {
            let verdict = supported(number);
            assert_eq!(matches!(verdict, Ok(Ok(()))), number == 0x4d, "{number:#x}");
        }
        assert_eq!(Crypto::default().supported_ciphersuites(), [SUITE]);
    }

    #[test]
    fn no_randomness_is_made_up() {
        let mut records = Records::default();
        assert!(Provider::of_group(&mut records, None).rand().random_vec(1).is_err());
        assert!(Provider::of_group(&mut records, None).rand().random_array::<4>().is_err());
    }
}
