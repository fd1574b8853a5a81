//! Documents (protocol-spec/06-document): encryption, segments, manifest, names, verification.
//!
//! A sender goes [`Keys`] -> [`SegmentWriter`] -> [`SegmentLedger`] -> [`Cleared`] -> upload, and tells
//! the conversation in a [`Manifest`]; a recipient goes [`Manifest`] -> [`SegmentReader`] -> [`Verifier`] ->
//! [`Verified`] -> final name. Pure: plaintext comes from and goes to callbacks, a segment's buffer is the caller's, and
//! besides it 64 KiB are held, whatever the size. Absent here: files, paths, clocks; the relay, which sees segments as
//! opaque.

pub mod keys;
pub mod layout;
pub mod ledger;
pub mod manifest;
pub mod name;
pub mod payload;
pub mod segment;
pub mod verify;

pub use keys::Keys;
pub use layout::{Layout, MAX_SIZE, SEGMENT_LEN, TooLarge};
pub use ledger::{Cleared, LedgerError, SegmentLedger, SourceStamp};
pub use manifest::{ClaimedName, Manifest, MediaType};
pub use name::{SafeName, safe_name};
pub use payload::{FileKey, PayloadDecryptor, PayloadError, PayloadNonce};
pub use segment::{
    MadeSegment, ReadError, Segment, SegmentHash, SegmentReader, SegmentWriter, WriteError, segment_buffer,
};
pub use verify::{Verified, Verifier, VerifyError};
