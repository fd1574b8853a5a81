//! The engine's one interface (protocol-spec/07-delivery, section 12): [`Command`] in, [`Reply`] and [`Event`] out.
//!
//! A face (the command line, the desktop) holds an [`Engine`](crate::Engine) and asks it with
//! [`ask`](crate::Engine::ask); each command has one [`Reply`] or [`Failure`]. What happens without being asked comes
//! as [`Event`]s. Everything here is a plain value: no face ever touches the vault, the link or a key.

mod alert;
mod conversation;
mod device;
mod document;
mod filter;
mod message;
mod person;
mod progress;

use std::path::PathBuf;

pub use amanat_conversation::Role;
use amanat_identity::{Address, Tier};
use amanat_primitives::{ConversationId, DeviceId, DocumentId, MessageId, Timestamp};

pub use self::alert::{Alarm, MemberChange, Notice, Warning, WarningOf, Who};
pub use self::conversation::{ConversationState, ConversationView, Member};
pub use self::device::{HistoryFile, HistoryTaken, OwnDevice};
pub use self::document::{DocumentView, SentView, TransferState, TransferView};
pub use self::filter::{Action, Consent, Judged, Kind, KindFound, PLACES, Place, RecordView, Subject};
pub use self::message::{
    Acknowledgement, Change, ChangeView, Hit, Line, MessageBody, MessageRef, MessageState, MessageView, Quote,
    SendOptions,
};
pub use self::person::{Person, Verification};
pub use self::progress::{Direction, Progress};
pub use crate::failure::{Failure, FailureCode, kind_words};

/// What a face may ask.
#[derive(Debug, Clone)]
pub enum Command {
    /// Who am I, how is the link, is the status statement fresh? Replies [`Reply::Status`]. Works offline.
    Status,
    /// People whose handle, name or post contains `query`; everyone where it is empty. Replies [`Reply::People`].
    /// Asks the relay; offline, answers from the chains this vault has verified before and says so.
    People {
        /// Part of a handle, name or post.
        query: String,
    },
    /// All conversations, those that are pinned before the others, and then the latest first. Replies
    /// [`Reply::Conversations`]. Works offline.
    Conversations,
    /// Finds a conversation by its id or a unique prefix of 8 or more characters. Replies [`Reply::Found`].
    Find {
        /// Lower-case hexadecimal.
        prefix: String,
    },
    /// Opens a group conversation with its members. Needs the relay. Replies [`Reply::Sent`] with the conversation.
    New {
        /// Shown to all members; at most 200 bytes.
        title: String,
        /// Its tier; every member's clearance must reach it.
        tier: Tier,
        /// The other members.
        members: Vec<Address>,
    },
    /// Queues a text. Replies [`Reply::Sent`] once it is durable in the outbox; [`Event::MessageState`] tells the rest.
    SendText {
        /// Where to.
        to: Target,
        /// At most 64 KiB of UTF-8.
        text: String,
    },
    /// As [`SendText`](Self::SendText), with more to it.
    SendWith {
        /// Where to.
        to: Target,
        /// At most 64 KiB of UTF-8.
        text: String,
        /// What more.
        options: SendOptions,
    },
    /// Answers a message with a text, in its conversation. Replies [`Reply::Sent`] as `SendText` does.
    SendReply {
        /// The message that it answers.
        to: MessageRef,
        /// At most 64 KiB of UTF-8.
        text: String,
        /// What more; a reply cannot ask to be acknowledged.
        options: SendOptions,
    },
    /// Reacts to a message, in place of one's earlier reaction. Replies [`Reply::Changed`] once it is durable in the
    /// outbox; so do the next three. [`Event::MessageChanged`] shows the message.
    React {
        /// Which.
        message: MessageRef,
        /// At most 32 bytes of UTF-8; empty takes the reaction back.
        text: String,
    },
    /// Gives one's own message another text. Not a document's, and not what was deleted or has expired.
    Edit {
        /// Which.
        message: MessageRef,
        /// At most 64 KiB of UTF-8.
        text: String,
        /// How its author answers the leak filter.
        consent: Consent,
    },
    /// Takes one's own message back: its content is removed from every vault that hears of it. That it was there stays.
    Delete {
        /// Which.
        message: MessageRef,
    },
    /// Says "read and understood" to a message that asks for it, as it reads here now.
    Acknowledge {
        /// Which.
        message: MessageRef,
    },
    /// What the leak filter says of a text that is being written. Nothing is sent, and nothing goes on record. Replies
    /// [`Reply::Judged`]. Works offline.
    Judge {
        /// Where it would go.
        to: Target,
        /// At most 64 KiB of UTF-8.
        text: String,
    },
    /// What the leak filter said of what was to be sent from this device, the earliest first: at most 10,000 records.
    /// Replies [`Reply::Records`]. Works offline.
    Records {
        /// Only those with a number above this; 0 for the first ones.
        since: u64,
    },
    /// Finds a message by its id or a unique prefix of 8 or more characters, over all conversations. Replies
    /// [`Reply::FoundMessage`]. Works offline.
    FindMessage {
        /// Lower-case hexadecimal.
        prefix: String,
    },
    /// Messages that hold all words of a query, in their text or their document's name, the newest first. Case, Urdu
    /// and Arabic forms of a letter or digit, and diacritics make no difference. Replies [`Reply::Hits`]. Works
    /// offline. The first search opens the vault's index of texts, and reads the messages that are not in it; an empty
    /// query finds nothing and begins to do both, in steps between other work.
    Search {
        /// Words, separated by white space.
        query: String,
        /// In this conversation alone; in all where none is named.
        conversation: Option<ConversationId>,
        /// At most this many.
        limit: u32,
    },
    /// Queues a document. Replies [`Reply::Sent`] once it is durable in the outbox; [`Event::Progress`] and
    /// [`Event::MessageState`] tell the rest.
    SendDocument {
        /// Where to.
        to: Target,
        /// The file, read while it is uploaded.
        path: PathBuf,
        /// What more; a lifetime counts from now on, also while it is uploaded.
        options: SendOptions,
    },
    /// What a conversation shows. Replies [`Reply::Lines`]. Works offline.
    Read {
        /// Which.
        conversation: ConversationId,
        /// Only what has a sequence above this; 0 for all.
        since: u64,
        /// At most this many, the earliest first.
        limit: u32,
        /// Mark them as read, and tell their senders.
        mark: bool,
    },
    /// The first message or change of a conversation that was sent at a time or later, and not later than now. Replies
    /// [`Reply::Place`]. Works offline.
    FirstSince {
        /// Which.
        conversation: ConversationId,
        /// By its author's clock.
        at: Timestamp,
    },
    /// Keeps what is written in a conversation and not sent, sealed in the vault, in place of what was kept of it.
    /// Replies [`Reply::Kept`] once it is durable. Works offline.
    KeepDraft {
        /// Which.
        conversation: ConversationId,
        /// At most 64 KiB of UTF-8; empty forgets it.
        text: String,
    },
    /// Puts a conversation before the others in the list, or keeps it from notifying. Replies
    /// [`Reply::ConversationChanged`] once it is durable. Works offline; nobody else is told.
    Arrange {
        /// Which.
        conversation: ConversationId,
        /// Before the others.
        pinned: bool,
        /// No notifications.
        muted: bool,
    },
    /// The alarms and notices that are kept in the vault, the earliest first: all that nobody has read, and the latest of
    /// those that somebody has. Replies [`Reply::Warnings`]. Works offline. Each [`Event::Alarm`] and each
    /// [`Event::Notice`] is among them before it is told.
    Warnings,
    /// Somebody has read these. Replies [`Reply::Kept`] once it is durable. Works offline.
    WarningsRead {
        /// Which.
        warnings: Vec<u64>,
    },
    /// Seals the vault's key under another passphrase, made to cost as much work as the old one; the old one opens nothing
    /// here after it, though still a copy that was made before. [`FailureCode::Passphrase`] where the old one is wrong; a
    /// failure that says that the new one counts where it cannot be made durable. Replies [`Reply::Kept`] once it is durable.
    /// Works offline.
    ChangePassphrase {
        /// As it is.
        old: crate::HistoryPassphrase,
        /// As it shall be; not empty.
        new: crate::HistoryPassphrase,
    },
    /// Documents of a conversation. Replies [`Reply::Documents`]. Works offline.
    Documents {
        /// Which.
        conversation: ConversationId,
    },
    /// Finds a document by its id or a unique prefix of 8 or more characters. Replies [`Reply::FoundDocument`].
    FindDocument {
        /// Lower-case hexadecimal.
        prefix: String,
    },
    /// Fetches a document, verifies all of it and only then gives it its name. Replies [`Reply::Saved`] at the end.
    /// Where an earlier fetch into the same folder was broken off, it goes on from there.
    Save {
        /// Which.
        document: DocumentId,
        /// A folder (the document's own, sanitised name is used, numbered if taken) or a file name that does not exist.
        out: PathBuf,
    },
    /// Lets an upload or a fetch rest, also over restarts, until it is resumed. Replies [`Reply::Document`]. Works
    /// offline.
    PauseDocument {
        /// Which.
        document: DocumentId,
    },
    /// Lets an upload or a fetch go on. Replies [`Reply::Document`] at once for an upload, whose progress is told in
    /// events; [`Reply::Saved`] at the end of a fetch, which needs the relay.
    ResumeDocument {
        /// Which.
        document: DocumentId,
    },
    /// Gives up an upload, whose message is never sent, or a fetch, whose part file is removed. Replies
    /// [`Reply::Document`]. Works offline.
    CancelDocument {
        /// Which.
        document: DocumentId,
    },
    /// Members of a conversation, each device on a line. Replies [`Reply::Members`]. Works offline.
    Members {
        /// Which.
        conversation: ConversationId,
    },
    /// This person's devices. Replies [`Reply::Devices`]. Asks the relay; offline, answers from what this vault knows.
    Devices,
    /// Approves a device of this person that waits for it. Needs the relay. Replies [`Reply::DeviceApproved`] once the
    /// relay has it; then each of the person's devices that is online adds it to the conversations that it is in.
    ApproveDevice {
        /// What the new device showed.
        code: amanat_identity::DeviceCode,
    },
    /// Seals the messages of this vault to another device of this person. Replies [`Reply::HistoryPacked`]. Works offline.
    PackTransfer {
        /// Its id, or a beginning of 8 or more characters.
        device: String,
        /// Of these conversations; of all where none is named.
        conversations: Vec<ConversationId>,
    },
    /// Seals the messages of this vault under a passphrase. Replies [`Reply::HistoryPacked`]. Works offline.
    PackHistory {
        /// The passphrase.
        passphrase: crate::HistoryPassphrase,
        /// Of these conversations; of all where none is named.
        conversations: Vec<ConversationId>,
    },
    /// Takes in a file that `PackTransfer` or `PackHistory` made, all of it or nothing; what is here already stays as it
    /// is. [`FailureCode::NotAllowed`] unless an approved device of this person made it, or this one. Replies
    /// [`Reply::HistoryTaken`]. Works offline.
    TakeHistory {
        /// The file.
        bytes: Vec<u8>,
        /// Where it is under one.
        passphrase: Option<crate::HistoryPassphrase>,
        /// Also from a device of this person's that is lost, replaced or revoked: whoever has it and the passphrase could
        /// have written anything.
        from_lost: bool,
    },
    /// Someone's chain and the safety number with them. Replies [`Reply::Verification`].
    Verify {
        /// Who.
        address: Address,
        /// The safety number that was compared, spaces or not: it is remembered if it is the number still, and else
        /// refused with [`FailureCode::NotAllowed`].
        compared: Option<String>,
    },
    /// Adds people to a group. Needs the relay. Replies [`Reply::ConversationChanged`] once the change stands in the log.
    Add {
        /// Which.
        conversation: ConversationId,
        /// Whom, with all their devices.
        members: Vec<Address>,
    },
    /// Removes someone, with all their devices. Needs the relay. Replies [`Reply::ConversationChanged`] once the change stands in the
    /// log.
    Remove {
        /// From which.
        conversation: ConversationId,
        /// Whom.
        member: Address,
    },
    /// Makes a member a moderator, or a moderator a member. Needs the relay, and the founder. Replies
    /// [`Reply::ConversationChanged`] once the change stands in the log.
    SetRole {
        /// Where.
        conversation: ConversationId,
        /// Whom.
        person: Address,
        /// A moderator, or none any more.
        moderator: bool,
    },
    /// Asks the other members to remove this person. Replies [`Reply::ConversationChanged`] once that is durable in the outbox.
    Leave {
        /// Which.
        conversation: ConversationId,
    },
    /// Gives a group another title. Replies [`Reply::ConversationChanged`] once that is durable in the outbox.
    Retitle {
        /// Which.
        conversation: ConversationId,
        /// Shown to all members; 1 to 200 bytes.
        title: String,
    },
    /// Waits until everything the relay has for this device is in the vault, everything queued is accepted and all
    /// receipts are sent. Replies [`Reply::Synced`]; fails with [`FailureCode::Offline`] when the relay does not answer.
    Sync,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An existing conversation.
    Conversation(ConversationId),
    /// The 1:1 conversation with someone at a tier (the lowest if none is named), opened if need be.
    Person(Address, Option<Tier>),
}

/// Answers a [`Command`].
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers [`Command::Status`].
    Status(Box<Overview>),
    /// Answers [`Command::People`].
    People {
        /// Each verified against the authority.
        people: Vec<Person>,
        /// The relay could not be asked.
        from_cache: bool,
    },
    /// Answers [`Command::Conversations`].
    Conversations(Vec<ConversationView>),
    /// Answers [`Command::Find`].
    Found(ConversationId),
    /// Answers [`Command::FindDocument`].
    FoundDocument(DocumentId),
    /// Answers [`Command::FindMessage`].
    FoundMessage(MessageRef),
    /// Answers [`Command::Search`].
    Hits(Vec<Hit>),
    /// Answers [`Command::React`], [`Command::Edit`], [`Command::Delete`], [`Command::Acknowledge`].
    Changed(MessageRef),
    /// Answers [`Command::New`], [`Command::SendText`], [`Command::SendWith`], [`Command::SendReply`],
    /// [`Command::SendDocument`].
    Sent {
        /// The conversation, opened if need be.
        conversation: ConversationId,
        /// The message; `None` for `New`.
        message: Option<MessageId>,
        /// The document, if one was sent.
        document: Option<DocumentId>,
    },
    /// Answers [`Command::Add`], [`Command::Remove`], [`Command::SetRole`], [`Command::Leave`], [`Command::Retitle`],
    /// [`Command::Arrange`].
    ConversationChanged {
        /// Which conversation.
        conversation: ConversationId,
    },
    /// Answers [`Command::Read`]: messages and changes, in order.
    Lines(Vec<Line>),
    /// Answers [`Command::FirstSince`]: its sequence; none where everything is earlier.
    Place(Option<u64>),
    /// Answers [`Command::Warnings`].
    Warnings(Vec<Warning>),
    /// Answers [`Command::KeepDraft`], [`Command::WarningsRead`], [`Command::ChangePassphrase`].
    Kept,
    /// Answers [`Command::Judge`].
    Judged(Judged),
    /// Answers [`Command::Records`].
    Records(Vec<RecordView>),
    /// Answers [`Command::Documents`].
    Documents(Vec<DocumentView>),
    /// Answers [`Command::PauseDocument`], [`Command::ResumeDocument`] of an upload, [`Command::CancelDocument`].
    Document(DocumentView),
    /// Answers [`Command::Save`] and [`Command::ResumeDocument`] of a fetch.
    Saved {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// Answers [`Command::Members`].
    Members(Vec<Member>),
    /// Answers [`Command::Devices`].
    Devices {
        /// The earliest first.
        devices: Vec<OwnDevice>,
        /// The relay could not be asked.
        from_cache: bool,
    },
    /// Answers [`Command::PackTransfer`], [`Command::PackHistory`].
    HistoryPacked(HistoryFile),
    /// Answers [`Command::TakeHistory`].
    HistoryTaken(HistoryTaken),
    /// Answers [`Command::ApproveDevice`].
    DeviceApproved {
        /// Which.
        device: DeviceId,
    },
    /// Answers [`Command::Verify`].
    Verification(Verification),
    /// Answers [`Command::Sync`].
    Synced {
        /// Messages that are new in this vault since the engine started.
        received: u64,
    },
}

/// What happens without being asked.
#[derive(Debug, Clone)]
pub enum Event {
    /// The link's state changed.
    Link(LinkState),
    /// A conversation is new in this vault, or its title, members, roles or state have changed.
    Conversation(ConversationView),
    /// A message is new in this vault: someone else's, or one's own that was just queued. One that was known from a file
    /// alone is new when it comes from its author, under another sequence.
    Message {
        /// Where.
        conversation: ConversationId,
        /// What.
        message: MessageView,
    },
    /// A message that is in this vault already looks different: it was edited, deleted, reacted to, acknowledged, or
    /// has expired.
    MessageChanged {
        /// Where.
        conversation: ConversationId,
        /// As it is now.
        message: MessageView,
    },
    /// One's own message has come further.
    MessageState {
        /// Where.
        conversation: ConversationId,
        /// Which.
        message: MessageId,
        /// How far.
        state: MessageState,
    },
    /// A document is on its way.
    Progress(Progress),
    /// A document could not be sent or fetched; what is done is kept for the next try.
    DocumentFailed {
        /// Which.
        document: DocumentId,
        /// Why.
        failure: Failure,
    },
    /// Something is wrong with a conversation. Never hidden, never only logged.
    Alarm {
        /// Where.
        conversation: ConversationId,
        /// What.
        alarm: Alarm,
    },
    /// Something about this device or the authority's statements needs a person's attention.
    Notice(Notice),
    /// The face read too slowly and missed events: what it shows must be read from the vault again.
    Missed,
    /// The engine has stopped and cannot go on.
    Stopped(Failure),
}

/// The link to the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Trying.
    Connecting,
    /// Connected; everything the relay has is being fetched.
    Up(LinkView),
    /// Connected, and all that the relay had is in the vault.
    CaughtUp,
    /// Not connected; the engine tries again by itself after the wait.
    Down {
        /// Why.
        failure: Failure,
        /// Until the next try; `MAX` where there is none until the engine is started again.
        retry_in: std::time::Duration,
    },
}

/// What a link negotiated, in the standards' own names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// `host:port`.
    pub address: String,
    /// For example `TLS 1.3`.
    pub tls: String,
    /// For example `X25519MLKEM768`.
    pub key_exchange: String,
    /// For example `TLS13_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// For example `Noise_IK_25519_ChaChaPoly_BLAKE2s`.
    pub noise: String,
}

/// Answers "who am I".
#[derive(Debug, Clone)]
pub struct Overview {
    /// Own address.
    pub address: Address,
    /// Own name, post and clearance, from the certificate.
    pub name: String,
    /// Own post.
    pub post: String,
    /// Own clearance.
    pub clearance: Tier,
    /// This device.
    pub device: DeviceId,
    /// When this device's certificate lapses.
    pub valid_until: Timestamp,
    /// The authority's name and domain.
    pub authority: String,
    /// The link, where it is up.
    pub link: Option<LinkView>,
    /// The latest status statement's number and when it lapses; `None` before the first.
    pub status: Option<StatusSummary>,
    /// MLS suite of this device's conversations.
    pub suite: &'static str,
    /// Conversations in this vault.
    pub conversations: usize,
    /// Messages not yet accepted by the relay.
    pub queued: usize,
    /// Messages not yet read.
    pub unread: u64,
    /// After an empty search: what the next one needs is still being read, or written to the index.
    pub preparing_search: bool,
}

/// The latest status statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusSummary {
    /// Never goes down.
    pub number: u64,
    /// When it must be renewed.
    pub next_update: Timestamp,
    /// It has lapsed: from confidential upward nothing is sent.
    pub expired: bool,
}
