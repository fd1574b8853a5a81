//! Payload (protocol-spec/06-document, section 2): age v1's payload framing, to the byte.
//!
//! ```text
//! payload key = HKDF-SHA256(ikm = file key, salt = nonce, info = "payload")
//! payload     = nonce[16] ‖ chunk_0 ‖ chunk_1 ‖ .. ‖ chunk_n
//! chunk_i     = ChaCha20-Poly1305(payload key, nonce = uint88 i ‖ uint8 last, plaintext chunk of 64 KiB)
//! ```
//! Every chunk but the last holds 64 KiB of plaintext; the last holds 1 to 64 KiB, or nothing where the whole text is
//! empty. Specification: <https://c2sp.org/age>, "Payload".

use amanat_primitives::{
    CryptoRngCore, Secret,
    aead::{ChunkKey, TAG_LEN},
    kdf,
};

/// Bytes of plaintext in every chunk but the last.
pub const CHUNK_LEN: usize = 64 * 1024;
/// Bytes of a full chunk with its tag.
pub const SEALED_CHUNK_LEN: usize = CHUNK_LEN + TAG_LEN;
/// Bytes of a payload's nonce, which is its beginning.
pub const NONCE_LEN: usize = 16;

/// Why a payload does not open. Authentication failures say no more, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// A chunk is not what the sender sealed at this place under this file key.
    #[error("the document does not decrypt: it was altered, or the key is another document's")]
    Altered,
    /// The payload ends before its last chunk.
    #[error("the document is cut short")]
    CutShort,
    /// Something follows the last chunk.
    #[error("something follows the end of the document")]
    Trailing,
    /// The last chunk holds nothing although others stand before it.
    #[error("the document ends with an empty chunk")]
    EmptyLastChunk,
}

/// The secret of one document. Made fresh for each upload that begins; whoever holds it reads the document.
pub struct FileKey(Secret<16>);

impl FileKey {
    /// Fresh from `rng`.
    pub fn random(rng: &mut dyn CryptoRngCore) -> Self {
        Self(Secret::random(rng))
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_secret(secret: Secret<16>) -> Self {
        Self(secret)
    }

    /// The secret bytes, for the manifest and for the sender's vault.
    #[must_use]
    pub fn secret(&self) -> &Secret<16> {
        &self.0
    }

    /// A second copy, said aloud.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }

    fn payload_key(&self, nonce: &PayloadNonce) -> ChunkKey {
        // [DOC-01] age's derivation with age's literal `info`, so that age itself opens the payload.
        ChunkKey::new(&kdf::hkdf_sha256(self.0.expose_secret(), &nonce.0, b"payload"))
    }
}

/// The salt of one payload's key. Public: it is the payload's beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PayloadNonce([u8; NONCE_LEN]);

impl PayloadNonce {
    /// Fresh from `rng`.
    pub fn random(rng: &mut dyn CryptoRngCore) -> Self {
        let mut bytes = [0; NONCE_LEN];
        rng.fill_bytes(&mut bytes);
        Self(bytes)
    }

    /// Takes the bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; NONCE_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; NONCE_LEN] {
        &self.0
    }
}

/// Seals chunks at places that the caller knows from a [`Layout`](crate::Layout).
pub(crate) struct ChunkSealer(ChunkKey);

impl ChunkSealer {
    pub(crate) fn new(file_key: &FileKey, nonce: &PayloadNonce) -> Self {
        Self(file_key.payload_key(nonce))
    }

    /// Turns `plaintext ‖ 16 bytes of room` into chunk `index`, in place.
    pub(crate) fn seal(&self, index: u64, last: bool, chunk: &mut [u8]) {
        if let Some((plain, tag)) = chunk.split_last_chunk_mut::<TAG_LEN>() {
            *tag = self.0.encrypt(&chunk_nonce(index, last), plain);
        }
    }
}

/// Seals a whole text as one payload, for what is no document and has no segments.
pub struct PayloadEncryptor(ChunkSealer);

impl PayloadEncryptor {
    /// Under a key and nonce that are used for nothing else.
    #[must_use]
    pub fn new(file_key: &FileKey, nonce: &PayloadNonce) -> Self {
        Self(ChunkSealer::new(file_key, nonce))
    }

    /// Adds all chunks of `plain` to `out`.
    pub fn seal_all(&self, plain: &[u8], out: &mut Vec<u8>) {
        let chunks = plain.len().div_ceil(CHUNK_LEN).max(1);
        let mut chunk = Vec::with_capacity(SEALED_CHUNK_LEN);
        for index in 0..chunks {
            let rest = plain.get(index * CHUNK_LEN..).unwrap_or_default();
            chunk.clear();
            chunk.extend_from_slice(rest.get(..CHUNK_LEN).unwrap_or(rest));
            chunk.extend_from_slice(&[0; TAG_LEN]);
            self.0.seal(index as u64, index + 1 == chunks, &mut chunk);
            out.extend_from_slice(&chunk);
        }
    }
}

/// A chunk that opened.
pub struct OpenedChunk<'a> {
    /// Its plaintext, in the buffer it came in.
    pub plain: &'a [u8],
    /// The sender made it the last one.
    pub last: bool,
}

/// Opens a payload chunk by chunk, in order, as age does. A text is whole only when [`finish`](Self::finish) says so.
pub struct PayloadDecryptor {
    key: ChunkKey,
    index: u64,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Open,
    Ended,
    Failed(PayloadError),
}

impl PayloadDecryptor {
    /// At the first chunk, behind the nonce.
    #[must_use]
    pub fn new(file_key: &FileKey, nonce: &PayloadNonce) -> Self {
        Self::at_chunk(file_key, nonce, 0)
    }

    /// At a later chunk, for a transfer that goes on.
    pub(crate) fn at_chunk(file_key: &FileKey, nonce: &PayloadNonce, index: u64) -> Self {
        Self { key: file_key.payload_key(nonce), index, state: State::Open }
    }

    /// Opens the next chunk in place: [`SEALED_CHUNK_LEN`] bytes, or what is left of the payload where that is less.
    ///
    /// # Errors
    /// [`PayloadError`]; nothing of a chunk that does not open is released, and none opens after it.
    pub fn open_chunk<'a>(&mut self, chunk: &'a mut [u8]) -> Result<OpenedChunk<'a>, PayloadError> {
        let opened = self.open(chunk);
        if let Err(error) = &opened {
            self.state = State::Failed(*error);
        }
        opened
    }

    fn open<'a>(&mut self, chunk: &'a mut [u8]) -> Result<OpenedChunk<'a>, PayloadError> {
        match self.state {
            State::Open => {}
            State::Ended => return Err(PayloadError::Trailing), // [DOC-04]
            State::Failed(error) => return Err(error),
        }
        if chunk.len() > SEALED_CHUNK_LEN {
            return Err(PayloadError::Altered);
        }
        let full = chunk.len() == SEALED_CHUNK_LEN;
        let (body, tag) = chunk.split_last_chunk_mut::<TAG_LEN>().ok_or(PayloadError::CutShort)?;
        // [DOC-02] Only a full chunk can have successors. A failed attempt leaves the chunk as it was ([PRIM-10]).
        let inner = full && self.key.decrypt(&chunk_nonce(self.index, false), body, tag).is_ok();
        if !inner {
            self.key.decrypt(&chunk_nonce(self.index, true), body, tag).map_err(|_| PayloadError::Altered)?;
            if body.is_empty() && self.index > 0 {
                return Err(PayloadError::EmptyLastChunk); // [DOC-03]
            }
            self.state = State::Ended;
        }
        self.index = self.index.checked_add(1).ok_or(PayloadError::Trailing)?;
        Ok(OpenedChunk { plain: body, last: !inner })
    }

    /// Says that no bytes are left.
    ///
    /// # Errors
    /// [`PayloadError::CutShort`] where the last chunk has not been seen.
    pub fn finish(self) -> Result<(), PayloadError> {
        match self.state {
            State::Ended => Ok(()),
            State::Open => Err(PayloadError::CutShort), // [DOC-04]
            State::Failed(error) => Err(error),
        }
    }
}

/// `uint88 index ‖ uint8 last`. The counter is 64 bits wide in our hands, so its 88 cannot overflow, and a document has
/// at most 2^24 chunks.
fn chunk_nonce(index: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    if let Some(counter) = nonce.get_mut(3..11) {
        counter.copy_from_slice(&index.to_be_bytes());
    }
    if let Some(flag) = nonce.last_mut() {
        *flag = u8::from(last);
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use amanat_primitives::Secret;

    // [DOC-02] [DOC-03]
    #[test]
    fn a_text_of_any_length_is_sealed_as_one_payload() {
        let (key, nonce) = (FileKey::from_secret(Secret::take(&mut [3; 16])), PayloadNonce::from_bytes([4; 16]));
        for length in [0, 1, CHUNK_LEN - 1, CHUNK_LEN, CHUNK_LEN + 1, 2 * CHUNK_LEN, 2 * CHUNK_LEN + 7] {
            let plain: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let mut sealed = b"before".to_vec();
            PayloadEncryptor::new(&key, &nonce).seal_all(&plain, &mut sealed);
            let mut payload = sealed.split_off(6);
            assert_eq!(sealed, b"before");
            let (mut opener, mut opened) = (PayloadDecryptor::new(&key, &nonce), Vec::new());
            for chunk in payload.chunks_mut(SEALED_CHUNK_LEN) {
                opened.extend_from_slice(opener.open_chunk(chunk).unwrap().plain);
            }
            assert_eq!(opener.finish(), Ok(()));
            assert!(opened == plain, "{length} bytes");
        }
    }
}
