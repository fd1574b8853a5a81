//! Layout (protocol-spec/06-document, section 3): where chunks and segments of a document lie. Arithmetic only.
//!
//! A document of `size` bytes has `max(1, ceil(size / 65,536))` chunks; its payload is
//! `16 + size + 16 * chunks` bytes long and is cut every 1,048,576 bytes. Chunks and cuts do not fall together, so a
//! chunk may lie across two segments.

use std::ops::Range;

use amanat_wire::limits;

use crate::payload::{CHUNK_LEN, NONCE_LEN, SEALED_CHUNK_LEN};

/// Bytes of every segment, the last one included: what a relay stores and serves.
pub const SEGMENT_LEN: usize = 1024 * 1024;
/// The largest document: 1 TiB less 256 MiB, so that its payload fits into [`limits::SEGMENTS`] segments.
pub const MAX_SIZE: u64 = 1024 * 1024 * 1024 * 1024 - 256 * 1024 * 1024;

const CHUNK: u64 = CHUNK_LEN as u64;
const SEALED: u64 = SEALED_CHUNK_LEN as u64;
const NONCE: u64 = NONCE_LEN as u64;
const SEGMENT: u64 = SEGMENT_LEN as u64;

const _: () = assert!(Layout { size: MAX_SIZE }.segments() <= limits::SEGMENTS && SEGMENT_LEN <= limits::BODY);

/// A document above [`MAX_SIZE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the document is larger than {MAX_SIZE} bytes")]
pub struct TooLarge;

/// Where everything of a document lies, from its size alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    size: u64,
}

impl Layout {
    /// The layout of a document of `size` bytes.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub const fn new(size: u64) -> Result<Self, TooLarge> {
        if size > MAX_SIZE { Err(TooLarge) } else { Ok(Self { size }) } // [DOC-05]
    }

    /// Bytes of plaintext.
    #[must_use]
    pub const fn size(self) -> u64 {
        self.size
    }

    /// Number of chunks, at least 1.
    #[must_use]
    pub const fn chunks(self) -> u64 {
        if self.size == 0 { 1 } else { self.size.div_ceil(CHUNK) }
    }

    /// Bytes of the payload: nonce and chunks, without padding.
    #[must_use]
    pub const fn payload_len(self) -> u64 {
        NONCE + self.size + self.chunks() * (SEALED - CHUNK)
    }

    /// Number of segments, at least 1.
    #[must_use]
    pub const fn segments(self) -> u64 {
        self.payload_len().div_ceil(SEGMENT)
    }

    /// Which bytes of the payload segment `index` holds. Empty beyond the last segment.
    #[must_use]
    pub fn segment(self, index: u64) -> Range<u64> {
        let end = self.payload_len();
        let start = index.saturating_mul(SEGMENT).min(end);
        start..start.saturating_add(SEGMENT).min(end)
    }

    /// Which chunks have bytes in segment `index`. Empty beyond the last segment.
    #[must_use]
    pub fn chunks_in(self, index: u64) -> Range<u64> {
        let bytes = self.segment(index);
        if bytes.is_empty() {
            return 0..0;
        }
        bytes.start.saturating_sub(NONCE) / SEALED..(bytes.end.saturating_sub(NONCE)).div_ceil(SEALED)
    }

    /// Which bytes of the plaintext are needed to make segment `index`.
    #[must_use]
    pub fn plain_range(self, index: u64) -> Range<u64> {
        let chunks = self.chunks_in(index);
        (chunks.start * CHUNK).min(self.size)..(chunks.end * CHUNK).min(self.size)
    }

    /// Which bytes of the plaintext are chunk `index`.
    pub(crate) fn chunk_plain(self, index: u64) -> Range<u64> {
        (index * CHUNK).min(self.size)..((index + 1) * CHUNK).min(self.size)
    }

    /// Which bytes of the payload are chunk `index`.
    pub(crate) fn chunk_payload(self, index: u64) -> Range<u64> {
        let start = NONCE + index * SEALED;
        start..(start + SEALED).min(self.payload_len())
    }

    pub(crate) fn is_last_chunk(self, index: u64) -> bool {
        index + 1 == self.chunks()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_sizes() {
        // [DOC-05]
        let of = |size| Layout::new(size).map(|l| (l.chunks(), l.payload_len(), l.segments()));
        assert_eq!(of(0), Ok((1, 32, 1)));
        assert_eq!(of(65_536), Ok((1, 16 + 65_552, 1)));
        assert_eq!(of(65_537), Ok((2, 16 + 65_552 + 17, 1)));
        // 15 full chunks and one of 65,264 bytes fill a segment to the last byte.
        assert_eq!(of(15 * 65_536 + 65_264), Ok((16, 1_048_576, 1)));
        assert_eq!(of(15 * 65_536 + 65_265), Ok((16, 1_048_577, 2)));
        assert_eq!(of(MAX_SIZE), Ok((16_773_120, 1_099_511_562_256, 1_048_576)));
        assert_eq!(of(MAX_SIZE + 1), Err(TooLarge));
        assert_eq!(of(u64::MAX), Err(TooLarge));
    }

    proptest! {
        #[test]
        fn segments_and_chunks_tile_the_payload(size in 0..=MAX_SIZE, pick in any::<u64>()) {
            let layout = Layout::new(size).unwrap();
            let index = pick % layout.segments();
            let bytes = layout.segment(index);
            prop_assert!(!bytes.is_empty());
            prop_assert_eq!(bytes.end == layout.payload_len(), index + 1 == layout.segments());
            let chunks = layout.chunks_in(index);
            // The first and the last chunk named have bytes in the segment, and their neighbours have none.
            let (first, last) = (layout.chunk_payload(chunks.start), layout.chunk_payload(chunks.end - 1));
            prop_assert!(first.start <= bytes.start.max(16) && first.end > bytes.start);
            prop_assert!(last.start < bytes.end && last.end >= bytes.end);
            prop_assert_eq!(layout.chunk_payload(layout.chunks() - 1).end, layout.payload_len());
            let plain = layout.plain_range(index);
            prop_assert_eq!(plain.start, layout.chunk_plain(chunks.start).start);
            prop_assert_eq!(plain.end, layout.chunk_plain(chunks.end - 1).end);
            prop_assert!(plain.end - plain.start <= 17 * CHUNK);
            prop_assert!(layout.segment(layout.segments()).is_empty());
            prop_assert!(layout.chunks_in(layout.segments()).is_empty());
            prop_assert!(layout.chunks_in(u64::MAX).is_empty());
        }
    }
}
