//! Making segments (protocol-spec/06-document, section 3).

use amanat_primitives::{Digest, DocumentId, aead::TAG_LEN, hash::StreamHasher};
use zeroize::Zeroizing;

use super::{MadeSegment, Segment, SegmentHash};
use crate::{
    layout::Layout,
    payload::{ChunkSealer, FileKey, NONCE_LEN, PayloadNonce, SEALED_CHUNK_LEN},
};

/// Why a segment was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteError<E> {
    /// The source could not give the bytes that were asked for.
    #[error("the document could not be read")]
    Source(E),
    /// An earlier call failed half-way: begin again with a new writer.
    #[error("an earlier read failed")]
    Broken,
}

/// Makes a document's segments from its plaintext.
///
/// [`write_next`](Self::write_next) goes through the document once, in order, and never reads a byte twice: so what is
/// encrypted is what [`plain_digest`](Self::plain_digest) is of, even if someone edits the file meanwhile.
pub struct SegmentWriter {
    document: DocumentId,
    layout: Layout,
    nonce: PayloadNonce,
    sealer: ChunkSealer,
    pub(super) next: u64,
    broken: bool,
    /// The chunk across the end of the last segment that was made in order.
    front: Straddler,
    hasher: StreamHasher,
}

/// One sealed chunk that does not lie in a single segment.
struct Straddler {
    bytes: Zeroizing<Box<[u8]>>,
    holds: Option<u64>,
}

impl Straddler {
    fn new() -> Self {
        Self { bytes: Zeroizing::new(vec![0; SEALED_CHUNK_LEN].into_boxed_slice()), holds: None }
    }
}

impl SegmentWriter {
    /// A writer at the beginning of a document. The pair of key and nonce must be fresh, or be the one under which
    /// this very document was begun; the [`SegmentLedger`](crate::SegmentLedger) sees to the second half.
    #[must_use]
    pub fn new(document: DocumentId, layout: Layout, file_key: &FileKey, nonce: PayloadNonce) -> Self {
        Self {
            document,
            layout,
            nonce,
            sealer: ChunkSealer::new(file_key, &nonce),
            next: 0,
            broken: false,
            front: Straddler::new(),
            hasher: StreamHasher::new(),
        }
    }

    /// Where everything lies.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The number of the segment that [`write_next`](Self::write_next) makes; the number of segments when all are made.
    #[must_use]
    pub const fn next_index(&self) -> u64 {
        self.next
    }

    /// Makes the next segment in `out`; `None` when all are made. `read_at(offset, buffer)` fills the whole buffer
    /// with plaintext from `offset` on; offsets only go up.
    ///
    /// # Errors
    /// [`WriteError::Source`] with what `read_at` gave; the writer is of no further use then.
    pub fn write_next<E>(
        &mut self,
        mut read_at: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
        out: &mut Segment,
    ) -> Result<Option<MadeSegment>, WriteError<E>> {
        if self.broken {
            return Err(WriteError::Broken);
        }
        if self.next >= self.layout.segments() {
            return Ok(None);
        }
        self.broken = true;
        let hasher = &mut self.hasher;
        let read_and_hash = |offset, plain: &mut [u8]| {
            read_at(offset, plain)?;
            hasher.update(plain);
            Ok(())
        };
        let make = Make { layout: self.layout, nonce: &self.nonce, sealer: &self.sealer, index: self.next };
        make.fill(read_and_hash, &mut self.front, out).map_err(WriteError::Source)?;
        self.broken = false;
        let made = self.made(self.next, out);
        self.next += 1;
        Ok(Some(made))
    }

    /// BLAKE3 of the plaintext, once all segments are made.
    #[must_use]
    pub fn plain_digest(&self) -> Option<Digest> {
        (self.next == self.layout.segments() && !self.broken).then(|| self.hasher.finish())
    }

    fn made(&self, index: u64, bytes: &Segment) -> MadeSegment {
        MadeSegment { document: self.document, index, hash: SegmentHash::of(self.document, index, bytes) }
    }
}

/// One segment in the making.
struct Make<'a> {
    layout: Layout,
    nonce: &'a PayloadNonce,
    sealer: &'a ChunkSealer,
    index: u64,
}

impl Make<'_> {
    fn fill<E>(
        &self,
        mut read_at: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
        straddler: &mut Straddler,
        out: &mut Segment,
    ) -> Result<(), E> {
        let mut room = out.as_mut_slice();
        if self.index == 0 {
            take(&mut room, NONCE_LEN).copy_from_slice(self.nonce.as_bytes());
        }
        let segment = self.layout.segment(self.index);
        for chunk in self.layout.chunks_in(self.index) {
            let lies = self.layout.chunk_payload(chunk);
            let length = to_usize(lies.end - lies.start);
            if segment.start <= lies.start && lies.end <= segment.end {
                self.seal(chunk, &mut read_at, take(&mut room, length))?;
                continue;
            }
            let sealed = straddler.bytes.get_mut(..length).unwrap_or_default();
            if straddler.holds != Some(chunk) {
                self.seal(chunk, &mut read_at, sealed)?;
                straddler.holds = Some(chunk);
            }
            let from = to_usize(segment.start.saturating_sub(lies.start));
            let to = to_usize(lies.end.min(segment.end) - lies.start);
            let part = sealed.get(from..to).unwrap_or_default();
            take(&mut room, part.len()).copy_from_slice(part);
        }
        room.fill(0); // [DOC-06]
        Ok(())
    }

    fn seal<E>(
        &self,
        chunk: u64,
        read_at: &mut impl FnMut(u64, &mut [u8]) -> Result<(), E>,
        sealed: &mut [u8],
    ) -> Result<(), E> {
        let plain_len = sealed.len().saturating_sub(TAG_LEN);
        if plain_len > 0 {
            read_at(self.layout.chunk_plain(chunk).start, sealed.get_mut(..plain_len).unwrap_or_default())?;
        }
        self.sealer.seal(chunk, self.layout.is_last_chunk(chunk), sealed);
        Ok(())
    }
}

/// Cuts `n` bytes off the front of `room`. The layout keeps `n` within it.
fn take<'a>(room: &mut &'a mut [u8], n: usize) -> &'a mut [u8] {
    let (head, rest) = std::mem::take(room).split_at_mut_checked(n).unwrap_or_default();
    *room = rest;
    head
}

/// Lengths inside one segment or chunk.
fn to_usize(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
