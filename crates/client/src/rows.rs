//! Rows of the vault (protocol-spec/07-delivery, section 12): what each scope holds, in the codec of chapter 02.

use amanat_conversation::content::REACTION;
use amanat_primitives::{
    ConversationId, DeviceId, Digest, Incarnation, MessageId, StatementId, Timestamp, UnitId, sign::Signature,
};
use amanat_wire::{Bytes, List, Text, choice, client::Nothing, code, limits, log::RetentionClass, record};

use crate::api::MemberChange;

mod acknowledged;
mod conversation;
pub(crate) mod documents;
mod warnings;
pub(crate) use acknowledged::{EndedRow, LOST, LostRow, MEMBERSHIPS};
pub(crate) use conversation::ConversationRow;
pub(crate) use documents::{DocumentRow, FetchRow, SegmentsRow, Upload};
pub(crate) use warnings::WarningRow;

/// People whose reactions and acknowledgements are kept for one message.
pub(crate) const PEOPLE: usize = 2048;
/// Changes that may wait for one message.
pub(crate) const WAITING: usize = 16;
/// Bytes of what is written and not sent.
pub(crate) const DRAFT: usize = 64 * 1024;
/// Messages whose folded texts are sealed together, for searching.
pub(crate) const BLOCK: usize = 128;
/// Bytes of a folded text in a block; a longer one is read by its message's row.
pub(crate) const BLOCK_TEXT: usize = 4096;
/// Bytes of a block's texts.
const BLOCK_TEXTS: usize = BLOCK * (BLOCK_TEXT + 1);
/// People who may wait to be added to one conversation: as many as it may have devices.
pub(crate) const NEWCOMERS: usize = 1500;

/// Outbox rows that may be noted as found in one log; what is beyond is sent again.
pub(crate) const FOUND: usize = 65_535;

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
    /// [`RolledBackRow`](super::RolledBackRow).
    pub(crate) const ROLLED_BACK: &[u8] = b"rolled back";
    /// [`KeyPackagesRow`](super::KeyPackagesRow).
    pub(crate) const KEY_PACKAGES: &[u8] = b"key packages";
    /// The last number of a warning, `uint64`.
    pub(crate) const WARNINGS: &[u8] = b"warnings";
    /// [`LastRecordRow`](super::LastRecordRow).
    pub(crate) const RECORDS: &[u8] = b"records";
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
        /// When that was verified: at the enrolment, or at a renewal since.
        enrolled_at: Timestamp,
        /// It came as a further device, which another one of its person has to approve.
        further: bool,
    }
);

record!(
    /// The last of the leak filter's records.
    pub(crate) struct LastRecordRow {
        /// Its number.
        number: u64,
        /// Its id, which the next one names.
        id: Digest,
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
        /// When the relay's incarnation was first seen.
        since: Option<Timestamp>,
    }
);

record!(
    /// A log that is looked through from where this vault stood when it fell out.
    pub(crate) struct SiftRow {
        /// Whose.
        conversation: ConversationId,
        /// Where that was.
        from: u64,
        /// How far it is looked through.
        position: u64,
        /// R there, hashed on from this vault's own; none where that is not known.
        running: Option<Digest>,
        /// Up to where it is to be looked through; 0 for its head.
        until: u64,
        /// It is.
        done: bool,
        /// Numbers of outbox rows that were found in it: they count as accepted once R is compared.
        found: List<u64, FOUND>,
    }
);

impl SiftRow {
    /// From where this vault stands, to the log's head.
    pub(crate) fn new(conversation: ConversationId, from: u64, running: Option<Digest>) -> Self {
        Self { conversation, from, position: from, running, until: 0, done: false, found: List::default() }
    }
}

record!(
    /// What is left to do after this vault was put back from an older copy.
    pub(crate) struct RolledBackRow {
        /// Logs of conversations that have fallen out.
        logs: List<SiftRow, 65_535>,
        /// The KeyPackages at the relay are still to be replaced.
        packages: bool,
    }
);

record!(
    /// This device's KeyPackages at the relay.
    pub(crate) struct KeyPackagesRow {
        /// When they are to be replaced, used or not.
        replace_at: Timestamp,
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
        /// This device was removed by a member.
        4 => Removed,
        /// A commit could not be followed: a member has to add this device again.
        5 => FellOut,
        /// This person has left.
        6 => Left,
        /// A 1:1 in which the other person is no more.
        7 => Over,
        /// Taken in from a file: this device is not in it.
        9 => Archived,
    }
);

impl Stage {
    /// Whether entries of the log are applied.
    pub(crate) fn follows_log(self) -> bool {
        matches!(self, Self::Creating | Self::Active | Self::Over)
    }
}

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
        /// Our last frame before it was added: those up to it were not sent to it. 0 where it was there before this device.
        base: u64,
        /// How many of these are no receipts.
        base_lasting: u64,
        /// It has asked to leave: what it signed.
        leaving: Option<Signature>,
        /// When it was last added, by the committer's clock: what it asked before is done.
        added_at: Timestamp,
        /// It writes in an epoch that has not begun here, or on another branch, since the last commit of another device that was
        /// accepted: behind this commit, by the relay's word. 0 where it does not.
        beyond: u64,
    }
);

impl TrackRow {
    /// Of a device from which nothing has come yet.
    pub(crate) fn new(device: DeviceId) -> Self {
        Self {
            device,
            shown: 0,
            read: 0,
            told_delivered: 0,
            told_read: 0,
            has: 0,
            has_read: 0,
            base: 0,
            base_lasting: 0,
            leaving: None,
            added_at: Timestamp::default(),
            beyond: 0,
        }
    }
}

/// Content type of a row that no member sent: from here on this further device reads. In the private range.
pub(crate) const READS_FROM: u16 = 0xF0A1;

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
        /// Of one's own: position from which this device read when the counter was given. Counters begin anew there.
        joined: u64,
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
    /// A person, as people know him.
    pub(crate) struct PersonRow {
        /// Address.
        address: Text<256>,
        /// Name when it happened.
        name: Text<256>,
    }
);

record!(
    /// What a commit has changed for a person.
    pub(crate) struct MemberChangeRow {
        /// Whom it is about.
        whom: PersonRow,
        /// Which of that person's devices, where it is about one.
        device: Option<DeviceId>,
        /// What.
        change: MemberChange,
    }
);

choice!(
    /// What has changed of a conversation.
    pub(crate) enum ChangeOf: u8 {
        /// Its members or their roles.
        1 => Member(MemberChangeRow),
        /// Its title, to this one.
        2 => Title(Text<256>),
    }
);

record!(
    /// A change of a conversation, in its place among the messages.
    pub(crate) struct ChangeRow {
        /// This vault's number: messages and changes share them.
        sequence: u64,
        /// Who made it.
        by: PersonRow,
        /// His clock.
        at: Timestamp,
        /// What it is.
        of: ChangeOf,
    }
);

record!(
    /// What is written in a conversation and not sent.
    pub(crate) struct DraftRow {
        /// Never empty.
        text: Text<DRAFT>,
    }
);

record!(
    /// How this person wants a conversation in the list; none where it is like the others.
    pub(crate) struct ArrangedRow {
        /// Before the others.
        pinned: bool,
        /// No notifications.
        muted: bool,
    }
);

record!(
    /// Messages that came from a file.
    pub(crate) struct ImportedRow {
        /// The first one's sequence.
        first: u64,
        /// The last one's.
        last: u64,
        /// When the first one was sent.
        first_at: Timestamp,
    }
);

record!(
    /// Where a message's folded text stands in a block.
    pub(crate) struct BlockLine {
        /// The message's place among those of the block, from 0.
        place: u8,
        /// When it was sent.
        at: Timestamp,
        /// Bytes of its text.
        length: u16,
    }
);

record!(
    /// Folded texts of messages that stand side by side, for searching: an aid, made from the messages' own rows.
    pub(crate) struct BlockRow {
        /// Its number ([`block_of`]); also the row's key.
        number: u64,
        /// In the order of their texts.
        lines: List<BlockLine, BLOCK>,
        /// Of each line its text and a byte FF, which no text holds.
        texts: Bytes<BLOCK_TEXTS>,
        /// Places of messages that are read by their rows.
        rest: List<u8, BLOCK>,
    }
);

/// The number of the block that holds a message's text. Sequences begin at 1.
pub(crate) fn block_of(sequence: u64) -> u64 {
    sequence.saturating_sub(1) / BLOCK as u64
}

code!(
    /// Whether a message's content is still in this vault.
    pub(crate) enum Presence {
        /// It is.
        1 => Here,
        /// Its author took it back.
        2 => Deleted,
        /// Its time is over.
        3 => Expired,
    }
);

record!(
    /// One person's reaction.
    pub(crate) struct ReactionRow {
        /// Whose.
        from: Text<256>,
        /// Never empty.
        text: Text<REACTION>,
    }
);

record!(
    /// What happened to a message after it was sent; there is none while nothing has.
    pub(crate) struct LifeRow {
        /// The message's sequence.
        sequence: u64,
        /// Whether its content is still here.
        presence: Presence,
        /// When its content is to be removed.
        expires_at: Option<Timestamp>,
        /// When it was last edited, by its author's clock.
        edited: Option<Timestamp>,
        /// The content that holds its last edit; none before the first.
        version: Option<MessageId>,
        /// In the order in which people first reacted.
        reactions: List<ReactionRow, PEOPLE>,
        /// Addresses of those who acknowledged what it says now.
        acknowledged: List<Text<256>, PEOPLE>,
    }
);

impl LifeRow {
    /// Of a message to which nothing has happened.
    pub(crate) fn new(sequence: u64) -> Self {
        Self {
            sequence,
            presence: Presence::Here,
            expires_at: None,
            edited: None,
            version: None,
            reactions: List::default(),
            acknowledged: List::default(),
        }
    }
}

record!(
    /// A change of a message that is not here yet.
    pub(crate) struct WaitingChange {
        /// The change's own id.
        id: MessageId,
        /// Its author's device.
        device: DeviceId,
        /// Its author's address.
        from: Text<256>,
        /// Its author's clock.
        at: Timestamp,
        /// When it came.
        came: Timestamp,
        /// Content type (chapter 05).
        content_type: u16,
        /// Content.
        body: Bytes<{ limits::BODY }>,
    }
);

record!(
    /// All changes that wait for one message.
    pub(crate) struct WaitingRow {
        /// For which.
        message: MessageId,
        /// In the order of the log.
        changes: List<WaitingChange, WAITING>,
    }
);

record!(
    /// A message whose content will be removed.
    pub(crate) struct ExpiryRow {
        /// In which conversation.
        conversation: ConversationId,
        /// Its sequence.
        sequence: u64,
        /// When.
        at: Timestamp,
    }
);

record!(
    /// A message that waits to be appended to a log. A row goes when its entry has been applied here.
    pub(crate) struct OutboxRow {
        /// Order of queuing; also the row's key.
        number: u64,
        /// Whose log.
        conversation: ConversationId,
        /// The request's id, the same for every try of the same bytes.
        unit: UnitId,
        /// Which message's state this moves; none for receipts and titles.
        message: Option<MessageId>,
        /// The frame's counter.
        counter: u64,
        /// How long the relay shall keep it.
        class: RetentionClass,
        /// The fixed part of the content frame (chapter 05).
        content: Bytes<{ limits::BODY }>,
        /// The encoded request, once it is encrypted: sent again as it is until the relay answers.
        request: Bytes<{ limits::MESSAGE }>,
        /// Hash of the ciphertext in it, also of one that was refused as stale; zero before.
        ciphertext: Digest,
    }
);

choice!(
    /// What a commit of this device is for, so that it can be made again when another one came first.
    pub(crate) enum Change: u8 {
        /// Open the conversation.
        1 => Create(Nothing),
        /// Add devices.
        2 => Add(List<DeviceId, { limits::ADDS }>),
        /// Remove devices.
        3 => Remove(List<DeviceId, { limits::REMOVES }>),
        /// Renew this device's keys.
        4 => Renew(Nothing),
        /// Say who is a moderator.
        5 => Appoint(Nothing),
    }
);

record!(
    /// The one commit of this device that is on its way in a conversation. The row goes when it is merged, lost to another
    /// one, or given up.
    pub(crate) struct CommitRow {
        /// In which conversation; also the row's key.
        conversation: ConversationId,
        /// What it is for.
        change: Change,
        /// The encoded request: sent again as it is until the relay answers.
        request: Bytes<{ limits::MESSAGE }>,
        /// Hash of the ciphertext in it.
        ciphertext: Digest,
    }
);

record!(
    /// People who are still to be added to a conversation, by commits that are not made yet.
    pub(crate) struct NewcomersRow {
        /// To which; also the row's key.
        conversation: ConversationId,
        /// Their addresses.
        people: List<Text<256>, NEWCOMERS>,
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
    /// A safety number that was compared, and the devices whose keys stand in it: it speaks for no other.
    pub(crate) struct ConfirmedRow {
        /// As it was shown.
        number: Text<128>,
        /// The other person's devices.
        devices: List<DeviceId, 256>,
    }
);
