//! Authenticated encryption (protocol-spec/01-primitives, section 8): XChaCha20-Poly1305 with random nonces for what is
//! at rest, ChaCha20-Poly1305 (RFC 8439) with counted nonces for document chunks.

use chacha20poly1305::{AeadInPlace as _, ChaCha20Poly1305, KeyInit as _, XChaCha20Poly1305};
use rand_core::CryptoRngCore;

use crate::Secret;

/// Bytes of a Poly1305 tag.
pub const TAG_LEN: usize = 16;
/// Bytes that [`SealKey::seal`] adds: nonce and tag.
pub const SEAL_OVERHEAD: usize = 24 + TAG_LEN;

/// What was opened is not what was sealed, or not under this key. Says no more, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not open")]
pub struct OpenError;

/// A key for values at rest.
pub struct SealKey(Secret<32>);

impl SealKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(secret: Secret<32>) -> Self {
        Self(secret)
    }

    /// Its bytes, to be sealed under another key.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8; 32] {
        self.0.expose_secret()
    }

    /// `nonce ‖ ciphertext ‖ tag` of `plain`, tied to `aad`.
    #[must_use]
    pub fn seal(&self, aad: &[u8], plain: &[u8], rng: &mut dyn CryptoRngCore) -> Vec<u8> {
        let mut nonce = [0; 24];
        rng.fill_bytes(&mut nonce);
        let mut out = Vec::with_capacity(plain.len() + SEAL_OVERHEAD);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        // [PRIM-09]
        let (_, body) = out.split_at_mut(24);
        // The cipher's only error is a text beyond 256 GiB, which no memory here holds; an all-zero tag would not open.
        let tag = self.cipher().encrypt_in_place_detached(&nonce.into(), aad, body).unwrap_or_default();
        out.extend_from_slice(&tag);
        out
    }

    /// The plaintext of what [`seal`](Self::seal) made with the same `aad`.
    ///
    /// # Errors
    /// [`OpenError`] for anything else.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (nonce, rest) = sealed.split_first_chunk::<24>().ok_or(OpenError)?;
        let (body, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(OpenError)?;
        let mut plain = body.to_vec();
        self.cipher().decrypt_in_place_detached(nonce.into(), aad, &mut plain, tag.into()).map_err(|_| OpenError)?;
        Ok(plain)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.0.expose_secret().into())
    }
}

/// A key whose caller counts the nonces, for the chunks of one document.
pub struct ChunkKey(ChaCha20Poly1305);

impl ChunkKey {
    /// The key with these bytes.
    #[must_use]
    pub fn new(secret: &Secret<32>) -> Self {
        Self(ChaCha20Poly1305::new(secret.expose_secret().into()))
    }

    /// Encrypts `chunk` in place and returns its tag. A nonce must never be used for two texts.
    #[must_use]
    pub fn encrypt(&self, nonce: &[u8; 12], chunk: &mut [u8]) -> [u8; TAG_LEN] {
        self.encrypt_bytes(nonce, &[], chunk)
    }

    /// Decrypts `chunk` in place; on failure it is left as it was (the tag is checked first). [PRIM-10]
    ///
    /// # Errors
    /// [`OpenError`] when the tag does not fit.
    pub fn decrypt(&self, nonce: &[u8; 12], chunk: &mut [u8], tag: &[u8; TAG_LEN]) -> Result<(), OpenError> {
        self.decrypt_bytes(nonce, &[], chunk, tag)
    }

    /// [`encrypt`](Self::encrypt) with associated data, for test vectors that others made: documents have none.
    #[cfg(any(test, feature = "test-util"))]
    #[must_use]
    pub fn encrypt_with_aad(&self, nonce: &[u8; 12], aad: &[u8], chunk: &mut [u8]) -> [u8; TAG_LEN] {
        self.encrypt_bytes(nonce, aad, chunk)
    }

    /// [`decrypt`](Self::decrypt) with associated data, as above.
    ///
    /// # Errors
    /// [`OpenError`].
    #[cfg(any(test, feature = "test-util"))]
    pub fn decrypt_with_aad(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        chunk: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        self.decrypt_bytes(nonce, aad, chunk, tag)
    }

    fn encrypt_bytes(&self, nonce: &[u8; 12], aad: &[u8], chunk: &mut [u8]) -> [u8; TAG_LEN] {
        // As in `seal`: the only error is a chunk beyond 256 GiB.
        self.0.encrypt_in_place_detached(nonce.into(), aad, chunk).unwrap_or_default().into()
    }

    fn decrypt_bytes(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        chunk: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        self.0.decrypt_in_place_detached(nonce.into(), aad, chunk, tag.into()).map_err(|_| OpenError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::OsRng;

    #[test]
    fn an_exposed_key_opens_what_it_sealed() {
        let kept = SealKey::new(Secret::random(&mut OsRng));
        let mut copy = *kept.expose_secret();
        let sealed = kept.seal(b"aad", b"plain", &mut OsRng);
        assert_eq!(SealKey::new(Secret::take(&mut copy)).open(b"aad", &sealed).as_deref(), Ok(b"plain".as_slice()));
    }

    #[test]
    fn what_is_sealed_opens_once_unaltered() {
        // [PRIM-09]
        let key = SealKey::new(Secret::random(&mut OsRng));
        let sealed = key.seal(b"aad", b"plain", &mut OsRng);
        assert_eq!(sealed.len(), 5 + SEAL_OVERHEAD);
        assert_eq!(key.open(b"aad", &sealed).as_deref(), Ok(b"plain".as_slice()));
        assert_eq!(key.open(b"other", &sealed), Err(OpenError));
        for i in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[i] ^= 1;
            assert_eq!(key.open(b"aad", &bad), Err(OpenError), "byte {i}");
            assert_eq!(key.open(b"aad", &sealed[..i]), Err(OpenError), "cut at {i}");
        }
    }

    #[test]
    fn each_seal_has_a_fresh_nonce_of_24_bytes() {
        // [PRIM-09]
        let key = SealKey::new(Secret::random(&mut OsRng));
        let nonces: std::collections::BTreeSet<Vec<u8>> =
            (0..64).map(|_| key.seal(b"aad", b"plain", &mut OsRng)[..24].to_vec()).collect();
        assert_eq!(nonces.len(), 64);
        for byte in 0..24 {
            assert!(
                nonces.iter().any(|nonce| nonce[byte] != nonces.first().unwrap()[byte]),
                "byte {byte} stands still"
            );
        }
    }

    #[test]
    fn a_chunk_that_does_not_open_is_left_as_it_was() {
        // [PRIM-10]
        let key = ChunkKey::new(&Secret::random(&mut OsRng));
        let mut chunk = *b"a chunk of some text";
        let tag = key.encrypt(&[1; 12], &mut chunk);
        let sealed = chunk;
        assert_eq!(key.decrypt(&[2; 12], &mut chunk, &tag), Err(OpenError));
        assert_eq!(chunk, sealed);
        assert_eq!(key.decrypt(&[1; 12], &mut chunk, &tag), Ok(()));
        assert_eq!(&chunk, b"a chunk of some text");
    }

    #[test]
    fn a_chunk_opens_with_its_own_associated_data_alone() {
        let key = ChunkKey::new(&Secret::random(&mut OsRng));
        let mut chunk = *b"text";
        let tag = key.encrypt_with_aad(&[1; 12], b"aad", &mut chunk);
        assert_eq!(key.decrypt(&[1; 12], &mut chunk, &tag), Err(OpenError));
        assert_eq!(key.decrypt_with_aad(&[1; 12], b"other", &mut chunk, &tag), Err(OpenError));
        assert_eq!(key.decrypt_with_aad(&[1; 12], b"aad", &mut chunk, &tag), Ok(()));
        assert_eq!(&chunk, b"text");
    }
}
