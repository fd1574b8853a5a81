//! Hashes (protocol-spec/01-primitives, section 4): BLAKE3, keyed by purpose.
//!
//! `H(label, part_1 .. part_n)` is BLAKE3 in `derive_key` mode with the label as context, over each part preceded by
//! its length as eight big-endian bytes; so neither purposes nor part boundaries can be confused. Specification:
//! <https://github.com/BLAKE3-team/BLAKE3-specs>.

use crate::{Label, fixed::fixed_bytes};

fixed_bytes!(
    /// A hash of 32 bytes.
    Digest,
    32
);

impl Digest {
    /// All zero: stands for "nothing before this" at the start of a chain.
    pub const ZERO: Digest = Digest([0; 32]);
}

/// `H(label, parts)`.
#[must_use]
pub fn digest(label: Label, parts: &[&[u8]]) -> Digest {
    // [PRIM-02]
    let mut hasher = blake3::Hasher::new_derive_key(label.as_str());
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    Digest(*hasher.finalize().as_bytes())
}

/// `H("relay tls key", SubjectPublicKeyInfo)`: how a relay certificate pins the TLS key, given its DER encoding.
#[must_use]
pub fn tls_key_digest(subject_public_key_info: &[u8]) -> Digest {
    digest(Label::RELAY_TLS_KEY, &[subject_public_key_info])
}

/// Plain BLAKE3 of a stream, as `b3sum` prints it: the digest of a document's plaintext. [PRIM-03]
#[derive(Default, Clone)]
pub struct StreamHasher(blake3::Hasher);

impl StreamHasher {
    /// An empty stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes so far.
    #[must_use]
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

/// Keyed BLAKE3, for names that only the holder of the key can compute.
#[must_use]
pub fn keyed(key: &crate::Secret<32>, bytes: &[u8]) -> Digest {
    Digest(*blake3::keyed_hash(key.expose_secret(), bytes).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_part_boundaries_separate() {
        // [PRIM-02]
        let a = digest(Label::STATEMENT, &[b"ab", b"c"]);
        assert_ne!(a, digest(Label::STATEMENT, &[b"a", b"bc"]));
        assert_ne!(a, digest(Label::STATEMENT, &[b"abc"]));
        assert_ne!(a, digest(Label::POSSESSION, &[b"ab", b"c"]));
    }

    #[test]
    fn stream_hash_is_plain_blake3() {
        // [PRIM-03]
        let mut hasher = StreamHasher::new();
        hasher.update(b"");
        // From the BLAKE3 specification's test vectors, input length 0.
        assert_eq!(hasher.finish().to_string(), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        // In pieces as at once.
        hasher.update(b"some");
        hasher.update(b" bytes");
        assert_eq!(hasher.finish().as_bytes(), blake3::hash(b"some bytes").as_bytes());
    }
}
