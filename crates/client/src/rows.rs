//! Rows of the vault (protocol-spec/07-delivery, section 12): what each scope holds, in the codec of chapter 02.

use amanat_primitives::{
    ConversationId, DeviceId, Digest, DocumentId, Incarnation, MessageId, StatementId, Timestamp, UnitId,
};
use amanat_wire::{Bytes, List, Text, code, limits, log::RetentionClass, record};

/// Bytes of a manifest.
const MANIFEST: usize = 16 * 1024;
/// Bytes of a sealed chunk.
const CARRY: usize = 64 * 1024 + 16;

/// Keys of the single rows in [`Scope::Meta`](crate::vault::Scope::Meta).
pub(crate) mod meta {
    /// [`ProfileRow`](super::ProfileRow).
    pub(crate) const PROFILE: &[u8] = b"profile";
    /// The device's secret keys, as `DeviceKeys` encodes them.
    pub(crate) const KEYS: &[u8] = b"keys";
    /// The latest `SignedStatus`.
    pub(crate) const STATUS: &[u8] = b"status";
    /// [`RelayRow`](super::RelayRow).
    pub(crate) const RELAY: &[u8] = b"relay";
    /// [`UnsettledRow`](super::UnsettledRow).
    pub(crate) const UNSETTLED: &[u8] = b"unsettled";
}

record!(
    /// Who this device is.
    pub(crate) struct ProfileRow {
        /// The pinned authority certificate.
        authority: Bytes<{ limits::STATEMENT }>,
        /// Certificates of the authority's relays.
        relays: List<Bytes<{ limits::STATEMENT }>, 8>,
        /// The redeemed invitation's enrolment, so that an interrupted join goes on with the same keys.
        enrolment: Bytes<{ limits::CHAIN }>,
        /// This device's chain; empty until it is enrolled.
        chain: Bytes<{ limits::CHAIN }>,
        /// When that was.
        enrolled_at: Timestamp,
    }
);

record!(
    /// What is known of the relay.
    pub(crate) struct RelayRow {
        /// Its store.
        incarnation: Incarnation,
        /// Direct items up to this number are in the vault.
        direct: u64,
    }
);

record!(
    /// Conversations whose log the relay may have lost the end of, after a restore.
    pub(crate) struct UnsettledRow {
        /// Their ids.
        conversations: List<ConversationId, 65_535>,
    }
);

code!(
    /// Where a conversation stands.
    pub(crate) enum Stage {
        /// Created here; the relay has not accepted it yet.
        1 => Creating,
        /// Open.
        2 => Active,
        /// Forked or damaged.
        3 => Frozen,
    }
);

record!(
    /// A conversation.
    pub(crate) struct ConversationRow {
        /// Its id.
        id: ConversationId,
        /// Title; empty for a 1:1.
        title: Text<256>,
        /// The other person's address in a 1:1; empty for a group.
        peer: Text<256>,
        /// Tier's number.
        tier: u8,
        /// Where it stands.
        stage: Stage,
        /// When it came into this vault.
        since: Timestamp,
        /// Last sequence given to a message.
        sequence: u64,
        /// Messages up to this sequence are read.
        read: u64,
        /// Others' messages that are not read.
        unread: u64,
        /// Time of the last message, for the order of the list.
        latest: Timestamp,
        /// Own frames up to this counter are accepted by the relay.
        accepted: u64,
        /// The log up to here is in the vault.
        position: u64,
        /// Position from which this device reads.
        joined: u64,
        /// The relay's stamp of the last entry applied.
        stamp: Timestamp,
        /// Id of the last commit receipt.
        receipt: Digest,
    }
);

record!(
    /// Another device in a conversation: what it sent, and how much of what we sent it has.
    pub(crate) struct TrackRow {
        /// Which.
        device: DeviceId,
        /// Counter of its last frame that a person sees; receipts are owed for these, not for its receipts.
        shown: u64,
        /// Its frames up to this counter are read here.
        read: u64,
        /// Up to here we told it that its frames are delivered.
        told_delivered: u64,
        /// Up to here we told it that its frames are read.
        told_read: u64,
        /// Up to here it told us that ours are delivered.
        has: u64,
        /// Up to here it told us that ours are read.
        has_read: u64,
    }
);

impl TrackRow {
    /// Of a device from which nothing has come yet.
    pub(crate) fn new(device: DeviceId) -> Self {
        Self { device, shown: 0, read: 0, told_delivered: 0, told_read: 0, has: 0, has_read: 0 }
    }
}

record!(
    /// A message.
    pub(crate) struct MessageRow {
        /// Its id.
        id: MessageId,
        /// This vault's number.
        sequence: u64,
        /// Author's device.
        device: DeviceId,
        /// Author's address.
        from: Text<256>,
        /// Author's name when it came.
        name: Text<128>,
        /// Author's counter; 0 while a document is being uploaded.
        counter: u64,
        /// Author's clock.
        at: Timestamp,
        /// Content type (chapter 05).
        content_type: u16,
        /// Content.
        body: Bytes<{ limits::BODY }>,
        /// One's own.
        own: bool,
    }
);

record!(
    /// Something that waits to be appended to a log. A row goes when its entry has been applied here.
    pub(crate) struct OutboxRow {
        /// Order of queuing; also the row's key.
        number: u64,
        /// Whose log.
        conversation: ConversationId,
        /// The request's id, the same for every try of the same bytes.
        unit: UnitId,
        /// Which message's state this moves; none for receipts and titles.
        message: Option<MessageId>,
        /// The frame's counter; 0 for the commit that creates the conversation.
        counter: u64,
        /// How long the relay shall keep it.
        class: RetentionClass,
        /// The fixed part of the content frame (chapter 05); empty for a creation.
        content: Bytes<{ limits::BODY }>,
        /// The encoded request, once it is encrypted: sent again as it is until the relay answers.
        request: Bytes<{ limits::MESSAGE }>,
        /// Hash of the ciphertext in it; zero before.
        ciphertext: Digest,
    }
);

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
    }
);

record!(
    /// A grant and the one certificate that was seen for it.
    pub(crate) struct GrantRow {
        /// The grant.
        grant: StatementId,
        /// The certificate.
        certificate: StatementId,
        /// A second one was seen: neither is believed any more.
        reused: bool,
    }
);

record!(
    /// Someone's chain.
    pub(crate) struct ChainRow {
        /// As the relay sent it.
        chain: Bytes<{ limits::CHAIN }>,
        /// When it was verified.
        verified_at: Timestamp,
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
