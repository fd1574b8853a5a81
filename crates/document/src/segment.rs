//! Segments (protocol-spec/06-document, section 3): the payload in pieces of 1 MiB, made and opened one at a time.
//!
//! The sender's [`SegmentWriter`] makes segments in order, reading each byte of the document once; a segment that has
//! to be sent again is made again from the same place in the document, byte for byte. The recipient's
//! [`SegmentReader`] takes them in order. Both hold one chunk (64 KiB) besides the caller's segment, whatever the
//! document's size.

mod reader;
mod writer;

use amanat_primitives::{Digest, DocumentId, Label, hash};

use crate::layout::SEGMENT_LEN;

pub use reader::{ReadError, SegmentReader};
pub use writer::{SegmentWriter, WriteError};

/// A segment's bytes.
pub type Segment = [u8; SEGMENT_LEN];

/// A buffer for one segment, on the heap.
#[must_use]
pub fn segment_buffer() -> Box<Segment> {
    // A boxed slice of exactly this length always converts; the empty branch is for the compiler.
    vec![0; SEGMENT_LEN].into_boxed_slice().try_into().unwrap_or_else(|_| Box::new([0; SEGMENT_LEN]))
}

/// Names one segment's content: `H("amanat/1 document segment", document id, index as uint64, bytes)`. [DOC-07]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentHash(Digest);

impl SegmentHash {
    /// Of these bytes at this place.
    #[must_use]
    pub fn of(document: DocumentId, index: u64, bytes: &Segment) -> Self {
        Self(hash::digest(Label::SEGMENT, &[document.as_bytes(), &index.to_be_bytes(), bytes]))
    }

    /// As it was stored.
    #[must_use]
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// For storing.
    #[must_use]
    pub const fn digest(self) -> Digest {
        self.0
    }
}

/// What [`SegmentWriter`] put into the caller's buffer. It may leave this machine only as
/// [`Cleared`](crate::ledger::Cleared).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MadeSegment {
    document: DocumentId,
    index: u64,
    hash: SegmentHash,
}

impl MadeSegment {
    /// Of which document.
    #[must_use]
    pub const fn document(&self) -> DocumentId {
        self.document
    }

    /// Its number, from 0.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> SegmentHash {
        self.hash
    }
}

#[cfg(test)]
mod tests;
