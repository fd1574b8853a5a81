//! Rows of documents (protocol-spec/07-delivery, section 12, and 06-document): where each stands, and what its transfers
//! have on record.

use amanat_primitives::{ConversationId, Digest, DocumentId, MessageId, MessageSeed};
use amanat_wire::{Bytes, List, Text, code, record};

/// Bytes of a manifest.
const MANIFEST: usize = 16 * 1024;
/// Bytes of a sealed chunk.
const CARRY: usize = 64 * 1024 + 16;

code!(
    /// Where a document of one's own stands.
    pub(crate) enum Upload {
        /// Someone else's.
        1 => None,
        /// Being uploaded.
        2 => Running,
        /// Its manifest is in the outbox or sent.
        3 => Posted,
        /// Its upload rests until someone says otherwise.
        4 => Paused,
        /// Its upload was given up; its message is never sent.
        5 => Cancelled,
        /// Its manifest is sent, and the relay, since restored, may have lost it: it is being brought again.
        6 => Again,
    }
);

record!(
    /// A document.
    pub(crate) struct DocumentRow {
        /// Its id.
        id: DocumentId,
        /// In which conversation.
        conversation: ConversationId,
        /// In which message.
        message: MessageId,
        /// That message's sequence.
        sequence: u64,
        /// Sanitised name.
        name: Text<255>,
        /// Size in bytes.
        size: u64,
        /// Tier's number.
        tier: u8,
        /// The manifest (chapter 06); empty while it is being uploaded.
        manifest: Bytes<{ MANIFEST }>,
        /// Where one's own stands.
        upload: Upload,
        /// One's own: the file, as the platform writes its path.
        path: Bytes<4096>,
        /// One's own while it is uploaded: file key and payload nonce.
        key: Bytes<32>,
        /// One's own while it is uploaded: the file's modification time when it was begun.
        modified: u64,
        /// One's own: the seed of its message's id.
        seed: MessageSeed,
    }
);

record!(
    /// Hashes of segments that may have left, from a number on.
    pub(crate) struct SegmentsRow {
        /// In order.
        hashes: List<Digest, 64>,
    }
);

record!(
    /// A document that is being fetched, or whose fetch was broken off.
    pub(crate) struct FetchRow {
        /// Which; also the row's key.
        document: DocumentId,
        /// What it is to become, as the platform writes its path.
        out: Bytes<4096>,
        /// Its part file.
        part: Bytes<4096>,
        /// It rests until someone says otherwise.
        paused: bool,
        /// Segments that are verified and synced in the part file.
        segments: u64,
        /// The part file's bytes up to there.
        plain: u64,
        /// BLAKE3 of these.
        digest: Digest,
        /// What had come of the chunk across the last cut, sealed.
        carry: Bytes<CARRY>,
    }
);
