//! Ledger (protocol-spec/06-document, section 4): which segments were made, so that no keystream covers two texts.
//!
//! A document's chunks are encrypted under nonces that count from 0. If a file were edited between two attempts and the
//! second used the same file key, one keystream would cover two texts, and their difference would be readable. So the
//! hash of each segment is on disk before the segment leaves; a segment that is made again must have that hash; where it
//! has not, the upload begins again under a new document id, file key and nonce.

use amanat_primitives::{DocumentId, Timestamp};

use crate::{
    layout::Layout,
    segment::{MadeSegment, SegmentHash},
};

/// What the file system says of a source file: a cheap first look for edits. The hashes decide.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceStamp {
    /// Bytes.
    pub size: u64,
    /// When it was last written, where the file system says so.
    pub modified: Option<Timestamp>,
}

/// Why a segment may not leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The document is not what it was when the upload began: begin again under a new [`DocumentId`] and file key.
    #[error("the file was changed while it was being sent")]
    Edited,
    /// Segments are offered for the first time in order, and only this document's.
    #[error("a segment out of order")]
    OutOfOrder,
    /// Its hash is not on disk yet.
    #[error("the segment's hash is not durable yet")]
    NotDurable,
    /// What was read back from the disk cannot be this document's ledger.
    #[error("the record of this upload is damaged")]
    Damaged,
}

/// The hashes of one upload's segments: those on disk, and behind them those still to be written there.
///
/// For each segment: [`offer`](Self::offer); write [`pending`](Self::pending) to disk, several at once where that is
/// cheaper; when the sync has returned, [`persisted`](Self::persisted); then [`clear`](Self::clear), and send.
pub struct SegmentLedger {
    document: DocumentId,
    layout: Layout,
    stamp: SourceStamp,
    hashes: Vec<SegmentHash>,
    durable: usize,
    /// Segments of this run that were found unchanged, counted from 0 without gaps.
    checked: usize,
}

/// Hashes that have to be made durable, and where they belong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending<'a> {
    /// Number of the first one's segment.
    pub first: u64,
    /// The hashes, in order.
    pub hashes: &'a [SegmentHash],
}

/// The proof that a segment may be sent: its hash is durable, and so is that of every segment before it, each checked
/// against the document as it is now.
#[derive(Debug)]
pub struct Cleared {
    segment: MadeSegment,
}

impl Cleared {
    /// What may be sent.
    #[must_use]
    pub const fn segment(&self) -> &MadeSegment {
        &self.segment
    }
}

impl SegmentLedger {
    /// Of an upload that begins.
    #[must_use]
    pub const fn begin(document: DocumentId, layout: Layout, stamp: SourceStamp) -> Self {
        Self { document, layout, stamp, hashes: Vec::new(), durable: 0, checked: 0 }
    }

    /// Of an upload that goes on: `hashes` are those read back from the disk, from segment 0 on, `stamp` is the file's
    /// when the upload began, `now` is its stamp today.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] for more hashes than segments, [`LedgerError::Edited`] where the stamps differ.
    pub fn resume(
        document: DocumentId,
        layout: Layout,
        stamp: SourceStamp,
        now: SourceStamp,
        hashes: Vec<SegmentHash>,
    ) -> Result<Self, LedgerError> {
        if hashes.len() as u64 > layout.segments() || stamp.size != layout.size() {
            return Err(LedgerError::Damaged);
        }
        let ledger = Self { document, layout, stamp, durable: hashes.len(), hashes, checked: 0 };
        ledger.same_source(now)?;
        Ok(ledger)
    }

    /// Compares the file's stamp with the one the upload began with; also wise at the end.
    ///
    /// # Errors
    /// [`LedgerError::Edited`].
    pub fn same_source(&self, now: SourceStamp) -> Result<(), LedgerError> {
        if now == self.stamp { Ok(()) } else { Err(LedgerError::Edited) }
    }

    /// Takes note of a segment that was made.
    ///
    /// # Errors
    /// [`LedgerError::Edited`] where it was made before with other bytes, [`LedgerError::OutOfOrder`] for another
    /// document's, and for one that skips.
    pub fn offer(&mut self, made: &MadeSegment) -> Result<(), LedgerError> {
        let index = self.place(made)?;
        // [DOC-11] After a restart the recorded segments are made again from the first on, before any new one.
        if index > self.checked || made.index() >= self.layout.segments() {
            return Err(LedgerError::OutOfOrder);
        }
        match self.hashes.get(index) {
            Some(hash) if *hash != made.hash() => return Err(LedgerError::Edited), // [DOC-12]
            Some(_) => {}
            None => self.hashes.push(made.hash()),
        }
        self.checked = self.checked.max(index.saturating_add(1));
        Ok(())
    }

    /// What is not on disk yet.
    #[must_use]
    pub fn pending(&self) -> Pending<'_> {
        Pending { first: self.durable as u64, hashes: self.hashes.get(self.durable..).unwrap_or_default() }
    }

    /// How many segments' hashes are on disk.
    #[must_use]
    pub const fn durable(&self) -> u64 {
        self.durable as u64
    }

    /// Says that the sync has returned for the hashes of all segments below `up_to`.
    pub fn persisted(&mut self, up_to: u64) {
        let up_to = usize::try_from(up_to).unwrap_or(usize::MAX).min(self.hashes.len());
        self.durable = self.durable.max(up_to);
    }

    /// Lets a segment go.
    ///
    /// # Errors
    /// [`LedgerError::NotDurable`], [`LedgerError::Edited`], [`LedgerError::OutOfOrder`] where it was not offered.
    pub fn clear(&self, made: &MadeSegment) -> Result<Cleared, LedgerError> {
        let index = self.place(made)?;
        if index >= self.checked {
            return Err(LedgerError::OutOfOrder);
        }
        if index >= self.durable {
            return Err(LedgerError::NotDurable); // [DOC-10]
        }
        match self.hashes.get(index) {
            Some(hash) if *hash == made.hash() => Ok(Cleared { segment: *made }),
            _ => Err(LedgerError::Edited), // [DOC-12]
        }
    }

    /// All segments are on disk, and unchanged.
    #[must_use]
    pub fn complete(&self) -> bool {
        let all = self.layout.segments();
        self.durable as u64 == all && self.checked as u64 == all
    }

    fn place(&self, made: &MadeSegment) -> Result<usize, LedgerError> {
        if made.document() != self.document {
            return Err(LedgerError::OutOfOrder);
        }
        usize::try_from(made.index()).map_err(|_| LedgerError::OutOfOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FileKey, PayloadNonce, SegmentWriter, segment_buffer};
    use amanat_primitives::Secret;
    use std::convert::Infallible;

    const SIZE: u64 = 3_000_000;
    const DOCUMENT: DocumentId = DocumentId::from_bytes([7; 16]);
    const STAMP: SourceStamp = SourceStamp { size: SIZE, modified: Some(Timestamp::from_secs(1)) };

    fn layout() -> Layout {
        Layout::new(SIZE).unwrap()
    }

    /// The segments of a document of `SIZE` bytes that is all zero but for one edit.
    fn segments(edit: Option<u64>) -> Vec<MadeSegment> {
        let key = FileKey::from_secret(Secret::take(&mut [3; 16]));
        let mut writer = SegmentWriter::new(DOCUMENT, layout(), &key, PayloadNonce::from_bytes([4; 16]));
        let read_at = |offset: u64, plain: &mut [u8]| {
            plain.fill(0);
            if let Some(at) = edit.and_then(|edit| edit.checked_sub(offset))
                && let Some(byte) = plain.get_mut(at as usize)
            {
                *byte = 1;
            }
            Ok::<(), Infallible>(())
        };
        let mut out = segment_buffer();
        std::iter::from_fn(|| writer.write_next(read_at, &mut out).unwrap()).collect()
    }

    #[test]
    fn nothing_leaves_before_its_hash_is_durable() {
        // [DOC-10]
        let made = segments(None);
        assert_eq!(made.len(), 3);
        let mut ledger = SegmentLedger::begin(DOCUMENT, layout(), STAMP);
        assert_eq!(ledger.clear(&made[0]).err(), Some(LedgerError::OutOfOrder));
        assert_eq!(ledger.offer(&made[1]), Err(LedgerError::OutOfOrder));
        ledger.offer(&made[0]).unwrap();
        ledger.offer(&made[1]).unwrap();
        assert_eq!(ledger.clear(&made[0]).err(), Some(LedgerError::NotDurable));
        assert_eq!(ledger.pending(), Pending { first: 0, hashes: &[made[0].hash(), made[1].hash()] });
        ledger.persisted(1);
        assert_eq!(ledger.clear(&made[0]).unwrap().segment(), &made[0]);
        assert_eq!(ledger.clear(&made[1]).err(), Some(LedgerError::NotDurable));
        ledger.offer(&made[2]).unwrap();
        assert_eq!(ledger.pending(), Pending { first: 1, hashes: &[made[1].hash(), made[2].hash()] });
        // What was not offered cannot be said to be durable.
        assert_eq!(ledger.durable(), 1);
        ledger.persisted(2);
        assert_eq!(ledger.durable(), 2);
        ledger.persisted(u64::MAX);
        assert_eq!(ledger.durable(), 3);
        assert!(ledger.complete());
        // [DOC-12] Nor can another one pass for one that is.
        assert_eq!(ledger.clear(&segments(Some(0))[0]).err(), Some(LedgerError::Edited));
        assert!(made.iter().all(|segment| ledger.clear(segment).is_ok()));
    }

    #[test]
    fn an_edit_between_attempts_is_found_before_anything_leaves() {
        // [DOC-11] [DOC-12] Every place of an edit: in what was sent, in the chunk across the cut, and behind it.
        let recorded: Vec<SegmentHash> = segments(None)[..2].iter().map(MadeSegment::hash).collect();
        let resume = || SegmentLedger::resume(DOCUMENT, layout(), STAMP, STAMP, recorded.clone()).unwrap();
        for (edit, found_at) in [(0, Some(0)), (1_000_000, Some(0)), (1_100_000, Some(1)), (2_999_999, None)] {
            let mut ledger = resume();
            let made = segments(Some(edit));
            let first_refused = made.iter().position(|segment| ledger.offer(segment).is_err());
            assert_eq!(first_refused, found_at, "edit at {edit}");
            if let Some(index) = found_at {
                assert_eq!(ledger.offer(&made[index]), Err(LedgerError::Edited));
                // Nothing at or behind the edit is let go.
                assert!(made[index..].iter().all(|segment| ledger.clear(segment).is_err()));
                assert!(!ledger.complete());
            }
        }
        // A new segment is not taken before the old ones were checked.
        let made = segments(None);
        assert_eq!(resume().offer(&made[2]), Err(LedgerError::OutOfOrder));
        assert_eq!(resume().clear(&made[0]).err(), Some(LedgerError::OutOfOrder));
    }

    #[test]
    fn another_stamp_document_or_too_many_hashes_are_refused() {
        let made = segments(None);
        let hashes: Vec<SegmentHash> = made.iter().map(MadeSegment::hash).collect();
        let resume = |now, hashes| SegmentLedger::resume(DOCUMENT, layout(), STAMP, now, hashes).err();
        assert_eq!(resume(STAMP, hashes.clone()), None);
        let unchecked = SegmentLedger::resume(DOCUMENT, layout(), STAMP, STAMP, hashes.clone()).unwrap();
        assert!(!unchecked.complete());
        let later = SourceStamp { modified: Some(Timestamp::from_secs(2)), ..STAMP };
        assert_eq!(resume(later, hashes.clone()), Some(LedgerError::Edited));
        assert_eq!(resume(STAMP, [hashes.clone(), hashes].concat()), Some(LedgerError::Damaged));
        let other = SegmentLedger::begin(DocumentId::from_bytes([8; 16]), layout(), STAMP).offer(&made[0]);
        assert_eq!(other, Err(LedgerError::OutOfOrder));
    }
}
