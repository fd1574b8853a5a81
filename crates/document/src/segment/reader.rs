//! Opening segments (protocol-spec/06-document, section 3).

use super::Segment;
use crate::{
    layout::Layout,
    payload::{FileKey, NONCE_LEN, PayloadDecryptor, PayloadError, PayloadNonce, SEALED_CHUNK_LEN},
};

/// Why a segment was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError<E> {
    /// Altered, swapped, cut short, or of another document or size than the manifest says.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The padding behind the payload is not zero.
    #[error("the document's padding is not empty")]
    Padding,
    /// There are no more segments.
    #[error("no such segment")]
    NoSuchSegment,
    /// An earlier segment was refused: begin again with a new reader at that segment.
    #[error("an earlier segment was refused")]
    Broken,
    /// The caller could not take the plaintext.
    #[error("the document could not be written")]
    Sink(E),
}

/// Opens a document's segments in order and gives out plaintext that is the sender's, chunk by chunk.
///
/// That a document is whole is said by [`Verifier`](crate::Verifier) alone.
pub struct SegmentReader {
    layout: Layout,
    nonce: PayloadNonce,
    payload: PayloadDecryptor,
    next: u64,
    chunk: u64,
    broken: bool,
    /// What has arrived of the chunk that lies across the last cut.
    carry: Box<[u8]>,
    carried: usize,
}

impl SegmentReader {
    /// A reader at the first segment. `layout` is of the size that the manifest says.
    #[must_use]
    pub fn new(layout: Layout, file_key: &FileKey, nonce: PayloadNonce) -> Self {
        Self {
            layout,
            nonce,
            payload: PayloadDecryptor::new(file_key, &nonce),
            next: 0,
            chunk: 0,
            broken: false,
            carry: vec![0; SEALED_CHUNK_LEN].into_boxed_slice(),
            carried: 0,
        }
    }

    /// A reader that goes on at segment `next`, where an earlier one stopped that had [carried](Self::carried) `carry`.
    /// `None` where there is no such segment, or where another number of bytes would have come of the chunk that lies
    /// across the cut. Only its length is looked at: bytes that are not the sender's do not open.
    #[must_use]
    pub fn resume(layout: Layout, file_key: &FileKey, nonce: PayloadNonce, next: u64, carry: &[u8]) -> Option<Self> {
        let mut reader = Self::new(layout, file_key, nonce);
        if next == 0 {
            return carry.is_empty().then_some(reader);
        }
        if next > layout.segments() {
            return None;
        }
        // Behind the last segment stands no chunk at all.
        let (chunk, carried) = if next == layout.segments() {
            (layout.chunks(), 0)
        } else {
            let chunk = layout.chunks_in(next).start;
            (chunk, layout.segment(next).start.saturating_sub(layout.chunk_payload(chunk).start))
        };
        if carry.len() as u64 != carried {
            return None;
        }
        reader.carry.get_mut(..carry.len())?.copy_from_slice(carry);
        reader.payload = PayloadDecryptor::at_chunk(file_key, &nonce, chunk);
        (reader.next, reader.chunk, reader.carried) = (next, chunk, carry.len());
        Some(reader)
    }

    /// What has come of the chunk that lies across the last cut, still sealed: to be kept by whoever wants to
    /// [`resume`](Self::resume).
    #[must_use]
    pub fn carried(&self) -> &[u8] {
        self.carry.get(..self.carried).unwrap_or_default()
    }

    /// The number of the segment that is read next; the number of segments when all are read.
    #[must_use]
    pub const fn next_index(&self) -> u64 {
        self.next
    }

    /// How many bytes of plaintext stand before what is given out next.
    #[must_use]
    pub fn plain_offset(&self) -> u64 {
        self.layout.chunk_plain(self.chunk).start.min(self.layout.size())
    }

    /// Opens the next segment; the buffer is of no further use then. `sink` gets plaintext in order, a chunk at a time,
    /// each already authenticated.
    ///
    /// # Errors
    /// [`ReadError`]; the reader is of no further use then.
    pub fn read<E>(
        &mut self,
        segment: &mut Segment,
        sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), ReadError<E>> {
        if self.broken {
            return Err(ReadError::Broken);
        }
        if self.next >= self.layout.segments() {
            return Err(ReadError::NoSuchSegment);
        }
        self.broken = true;
        self.open(segment, sink)?;
        self.next += 1;
        self.broken = false;
        Ok(())
    }

    fn open<E>(
        &mut self,
        segment: &mut Segment,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), ReadError<E>> {
        let lies = self.layout.segment(self.next);
        let length = usize::try_from(lies.end - lies.start).map_err(|_| ReadError::NoSuchSegment)?;
        let (mut payload, padding) = segment.split_at_mut_checked(length).ok_or(ReadError::NoSuchSegment)?;
        // [DOC-06] Zero, so that nothing travels beside the document.
        if padding.iter().any(|byte| *byte != 0) {
            return Err(ReadError::Padding);
        }
        if self.next == 0 {
            let (nonce, rest) = payload.split_at_mut_checked(NONCE_LEN).ok_or(PayloadError::CutShort)?;
            if nonce != self.nonce.as_bytes() {
                return Err(PayloadError::Altered.into());
            }
            payload = rest;
        }
        while !payload.is_empty() {
            let chunk = self.layout.chunk_payload(self.chunk);
            let whole = usize::try_from(chunk.end - chunk.start).map_err(|_| PayloadError::Altered)?;
            let missing = whole.checked_sub(self.carried).ok_or(PayloadError::Altered)?;
            let available = missing.min(payload.len());
            let (here, rest) = std::mem::take(&mut payload).split_at_mut(available);
            payload = rest;
            let complete = here.len() == missing;
            let sealed = if self.carried == 0 && complete {
                here
            } else {
                let filled = self.carried + here.len();
                self.carry.get_mut(self.carried..filled).ok_or(PayloadError::Altered)?.copy_from_slice(here);
                self.carried = filled;
                if !complete {
                    break;
                }
                self.carried = 0;
                self.carry.get_mut(..whole).ok_or(PayloadError::Altered)?
            };
            let opened = self.payload.open_chunk(sealed)?;
            // [DOC-09] The end is where the manifest's size says, and nowhere else.
            if opened.last != self.layout.is_last_chunk(self.chunk) {
                return Err(PayloadError::CutShort.into());
            }
            self.chunk += 1;
            if !opened.plain.is_empty() {
                sink(opened.plain).map_err(ReadError::Sink)?;
            }
        }
        Ok(())
    }
}

impl Drop for SegmentReader {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.carry);
    }
}
