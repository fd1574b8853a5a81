//! What a relay says to a client (protocol-spec/02-wire, section 4): nothing before the client's hello, then
//! [`Ready`] (or [`Enrolled`] first), then answers and pushes.

use amanat_primitives::{ConversationId, DeviceId, Digest, Incarnation, Timestamp};

use crate::{
    Bytes, List, Text, choice,
    client::{AddAgain, Nothing},
    code, limits,
    log::Entry,
    record,
};

choice!(
    /// A relay's message on a link.
    pub enum FromRelay: u8 {
        /// The hello is accepted.
        1 => Ready(Ready),
        /// The new device is enrolled; `Ready` follows.
        2 => Enrolled(Enrolled),
        /// An answer.
        3 => Answer(NumberedAnswer),
        /// A new log entry.
        4 => Push(Push),
        /// A new direct item.
        5 => PushDirect(DirectItem),
        /// Something is new that was not pushed (the device read too slowly): ask for `News`.
        6 => NewsHint(Nothing),
        /// A newer status statement.
        7 => PushStatus(Bytes<{ limits::CHAIN }>),
        /// The relay ends the link and says why.
        8 => Goodbye(Refusal),
        /// A member's device asks to be added again.
        9 => PushAgain(AddAgain),
    }
);

record!(
    /// Answers a hello.
    pub struct Ready {
        /// The relay's clock.
        now: Timestamp,
        /// The store's incarnation: another one than before means it was restored from a copy.
        incarnation: Incarnation,
        /// The latest status statement; empty where there is none.
        status: Bytes<{ limits::CHAIN }>,
    }
);

record!(
    /// Answers an enrolment.
    pub struct Enrolled {
        /// The relay's signed receipt, a statement (chapter 03).
        receipt: Bytes<{ limits::STATEMENT }>,
    }
);

record!(
    /// An answer with its request's number.
    pub struct NumberedAnswer {
        /// The request's number.
        number: u32,
        /// The answer.
        answer: Answer,
    }
);

choice!(
    /// What a relay answers.
    pub enum Answer: u8 {
        /// Done, and durable.
        1 => Done(Nothing),
        /// Not done; nothing has changed.
        2 => Refused(Refusal),
        /// A commit came first: process the log up to this commit's position and try again.
        3 => Conflict(u64),
        /// The message was encrypted too many commits ago; the last commit stands at this position.
        4 => StaleEpoch(u64),
        /// Appended, durably.
        5 => Appended(Appended),
        /// Answers `News`.
        6 => News(News),
        /// Answers `Read`.
        7 => Entries(Entries),
        /// Answers `ClaimKeyPackages`.
        8 => KeyPackages(List<ClaimedKeyPackage, { limits::ADDS }>),
        /// Answers `People` and `Chains`: `DeviceChain`s, which the client verifies.
        9 => Chains(Chains),
        /// Answers `Status`; empty where there is none.
        10 => Status(Bytes<{ limits::CHAIN }>),
        /// Answers `OpenDocument`.
        11 => Document(DocumentState),
        /// Answers `GetSegment`.
        12 => Segment(Bytes<{ limits::BODY }>),
        /// Answers `Revocations`.
        20 => Revocations(RevocationPage),
        /// Answers `OwnDevices`.
        25 => Devices(List<DeviceState, { limits::CHAINS }>),
        /// Answers `Cursors`.
        30 => Cursors(Cursors),
        /// Answers `Lapsed`.
        32 => Lapsed(LapsedPage),
        /// Answers `Resupply`: the log's last position.
        28 => Resupplied(u64),
    }
);

impl Answer {
    /// What it is, for a log: never what it says.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Refused(_) => "refused",
            Self::Conflict(_) => "conflict",
            Self::StaleEpoch(_) => "stale epoch",
            Self::Appended(_) => "appended",
            Self::News(_) => "news",
            Self::Entries(_) => "entries",
            Self::KeyPackages(_) => "key packages",
            Self::Chains(_) => "chains",
            Self::Status(_) => "status",
            Self::Document(_) => "document",
            Self::Segment(_) => "segment",
            Self::Revocations(_) => "revocations",
            Self::Devices(_) => "devices",
            Self::Cursors(_) => "cursors",
            Self::Resupplied(_) => "resupplied",
            Self::Lapsed(_) => "lapsed",
        }
    }
}

code!(
    /// Why a relay refuses. The client turns it into a sentence and something to try.
    pub enum Refusal {
        /// The hello's version is not spoken here.
        1 => Version,
        /// The chain does not verify, or the Noise key is not the certificate's.
        2 => Identity,
        /// The certificate, grant or a clock is outside its validity window.
        3 => Expired,
        /// The invitation was used before, by another device.
        4 => AlreadyRedeemed,
        /// The device, person or grant is revoked.
        5 => Revoked,
        /// Not for this kind of client, or not a member.
        6 => NotAllowed,
        /// There is no such conversation, document or entry.
        7 => Unknown,
        /// It exists already, with other content.
        8 => Exists,
        /// A quota is used up, or the disk is full.
        9 => Full,
        /// Too fast; wait and try again.
        10 => TooFast,
        /// The request cannot be understood or contradicts itself.
        11 => Malformed,
        /// The relay has failed; it may or may not have been done: ask again with the same id.
        12 => Failed,
        /// The relay is shutting down.
        13 => ShuttingDown,
        /// The device connected again elsewhere; this link is the older one.
        14 => Displaced,
        /// A statement's number is not above the last one's.
        16 => OldStatement,
        /// The device waits for another device of its person to approve it.
        25 => NotApproved,
        /// The relay was restored, and the log may have lost its end: wait, and ask again.
        28 => Settling,
        /// The officer who signed it, or whose link this is, is revoked.
        32 => OfficerRevoked,
    }
);

record!(
    /// Answers `Append`.
    pub struct Appended {
        /// The entry's position.
        position: u64,
        /// The relay's time.
        stamp: Timestamp,
        /// R at this position.
        running: Digest,
        /// A commit's [`crate::log::CommitReceipt`]; empty for a message.
        receipt: Bytes<{ limits::RECEIPT }>,
        /// The entry's [`seal`](crate::resupply::seal).
        seal: Digest,
    }
);

record!(
    /// Where a conversation's log stands for this device.
    pub struct LogState {
        /// Which conversation.
        conversation: ConversationId,
        /// The device's cursor.
        cursor: u64,
        /// The log's last position.
        head: u64,
        /// The first position still kept.
        first_kept: u64,
    }
);

record!(
    /// Answers `News`.
    pub struct News {
        /// Conversations whose head is beyond this device's cursor.
        logs: List<LogState, { limits::CONVERSATIONS }>,
        /// Direct items, in order, from the front of the queue.
        direct: List<DirectItem, { limits::DIRECT_ITEMS }>,
        /// There are more logs: ask for those behind this conversation.
        more_logs: Option<ConversationId>,
        /// There are more direct items: ask again once these are advanced over.
        more_direct: bool,
        /// One-time KeyPackages of this device that are left.
        key_packages: u16,
        /// How often the last-resort one was handed out since it was published.
        last_resort_used: u32,
    }
);

record!(
    /// Answers `Cursors`.
    pub struct Cursors {
        /// Conversations of this device, whether something is new in them or not.
        logs: List<LogState, { limits::CONVERSATIONS }>,
        /// There are more: ask for those behind this conversation.
        more: Option<ConversationId>,
    }
);

record!(
    /// Answers `Read`.
    pub struct Entries {
        /// In order, without gaps, beginning at the later of `after + 1` and `first_kept`.
        entries: List<Entry, { limits::ENTRIES }>,
        /// R just before the first of `entries` (at `after` where there are none).
        running_before: Digest,
        /// The log's last position.
        head: u64,
        /// The first position still kept.
        first_kept: u64,
    }
);

record!(
    /// A new log entry, pushed to a member that is connected.
    pub struct Push {
        /// Whose log.
        conversation: ConversationId,
        /// The entry.
        entry: Entry,
    }
);

record!(
    /// Something for one device alone.
    pub struct DirectItem {
        /// From 1, in order.
        number: u64,
        /// What it is.
        body: Direct,
    }
);

choice!(
    /// What a direct item holds.
    pub enum Direct: u8 {
        /// The device was added to a conversation.
        1 => Welcome(WelcomePart),
        /// The device's last-resort KeyPackage was handed out: publish new ones.
        2 => LastResortUsed(Nothing),
        /// A second device tried to redeem this device's grant.
        3 => GrantReused(GrantReused),
        /// A further device of this device's person was enrolled, or approved.
        25 => FurtherDevice(FurtherDevice),
    }
);

record!(
    /// What a joiner needs to rebuild its MLS Welcome.
    pub struct WelcomePart {
        /// The conversation.
        conversation: ConversationId,
        /// Position of the commit that added the joiner.
        position: u64,
        /// R at that position, as the relay says; the first message of a member confirms it.
        running: Digest,
        /// The device that sent the commit, as the relay says.
        sender: DeviceId,
        /// The commit's [`crate::log::CommitReceipt`].
        receipt: Bytes<{ limits::RECEIPT }>,
        /// The encrypted GroupInfo.
        group_info: Bytes<{ limits::BODY }>,
        /// This joiner's `EncryptedGroupSecrets`.
        group_secrets: Bytes<{ limits::JOINER_PART }>,
    }
);

record!(
    /// A grant was presented again with another certificate.
    pub struct GrantReused {
        /// Device id that the second certificate would have had.
        device: DeviceId,
        /// When.
        at: Timestamp,
    }
);

record!(
    /// A person has a further device.
    pub struct FurtherDevice {
        /// Which.
        device: DeviceId,
        /// Another device has approved it; else it asks for that.
        approved: bool,
    }
);

record!(
    /// A device of the asking device's person.
    pub struct DeviceState {
        /// Its `DeviceChain` (chapter 03).
        chain: Bytes<{ limits::CHAIN }>,
        /// It waits for another device to approve it.
        pending: bool,
        /// When it was last connected, as far as the relay remembers.
        seen: Option<Timestamp>,
    }
);

record!(
    /// A KeyPackage that is now this client's to use.
    pub struct ClaimedKeyPackage {
        /// Whose.
        device: DeviceId,
        /// As the device published it; empty where it has none.
        key_package: Bytes<{ limits::KEY_PACKAGE }>,
        /// It is the last-resort one, which others may get too.
        last_resort: bool,
    }
);

record!(
    /// A page of chains.
    pub struct Chains {
        /// `DeviceChain`s (chapter 03).
        chains: List<Bytes<{ limits::CHAIN }>, { limits::CHAINS }>,
        /// There are more after the last.
        more: bool,
    }
);

record!(
    /// Devices whose chains ended more than 7 days ago.
    pub struct LapsedPage {
        /// `DeviceChain`s (chapter 03), which the officer verifies.
        chains: List<Bytes<{ limits::CHAIN }>, { limits::CHAINS }>,
        /// There may be more behind this handle.
        more: Option<Text<{ limits::QUERY }>>,
    }
);

record!(
    /// A page of the list of revocations.
    pub struct RevocationPage {
        /// `RevocationEntry`s (chapter 03), in the order of the list.
        revocations: List<Bytes<{ limits::REVOCATION }>, { limits::REVOCATIONS }>,
        /// There are more after the last.
        more: bool,
    }
);

record!(
    /// How far an upload has come.
    pub struct DocumentState {
        /// Segments held, counted from 0 without gaps, durably.
        held: u64,
        /// The document is complete.
        sealed: bool,
    }
);
