//! Verification (protocol-spec/06-document, section 6): a document gets its final name only with a proof in hand.

use amanat_primitives::{Digest, DocumentId, hash::StreamHasher};

use crate::{manifest::Manifest, name::SafeName};

/// Why a document is not what its manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// More or fewer bytes.
    #[error("the document is not of the size that its sender gave")]
    Size,
    /// Other bytes.
    #[error("the document is not the one that its sender described")]
    Digest,
}

/// Is fed a document's plaintext, in order and from the first byte on.
pub struct Verifier {
    document: DocumentId,
    name: SafeName,
    size: u64,
    digest: Digest,
    seen: u64,
    hasher: StreamHasher,
}

impl Verifier {
    /// For the document that `manifest` describes.
    #[must_use]
    pub fn new(manifest: &Manifest) -> Self {
        Self {
            document: manifest.document,
            name: manifest.name.safe(),
            size: manifest.layout.size(),
            digest: manifest.digest,
            seen: 0,
            hasher: StreamHasher::new(),
        }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, plain: &[u8]) {
        self.seen = self.seen.saturating_add(plain.len() as u64);
        self.hasher.update(plain);
    }

    /// How many bytes were seen, and BLAKE3 of these.
    #[must_use]
    pub fn so_far(&self) -> (u64, Digest) {
        (self.seen, self.hasher.finish())
    }

    /// Says whether these were the document, all of it and nothing else.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn finish(self) -> Result<Verified, VerifyError> {
        // [DOC-15]
        if self.seen != self.size {
            return Err(VerifyError::Size);
        }
        if self.hasher.finish() != self.digest {
            return Err(VerifyError::Digest);
        }
        Ok(Verified { document: self.document, name: self.name, size: self.size })
    }
}

/// The proof that a whole document was seen and is its sender's. Who renames a file to its final name asks for one.
#[derive(Debug)]
pub struct Verified {
    document: DocumentId,
    name: SafeName,
    size: u64,
}

impl Verified {
    /// Which document.
    #[must_use]
    pub const fn document(&self) -> DocumentId {
        self.document
    }

    /// The name it may have.
    #[must_use]
    pub const fn name(&self) -> &SafeName {
        &self.name
    }

    /// Its bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }
}
