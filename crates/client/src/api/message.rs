//! Messages as faces see them (protocol-spec/07-delivery, section 12, and 05-conversation, section 7): what they say, how
//! far they are, and what happened to them after they were sent.

use amanat_identity::Address;
use amanat_primitives::{ConversationId, DeviceId, MessageId, Timestamp};

use super::{Consent, DocumentView, MemberChange, Who};

/// What a text or a document is sent with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SendOptions {
    /// Ask each recipient to acknowledge that it was read and understood.
    pub ask_acknowledgement: bool,
    /// Remove its content everywhere so long after it was sent, in whole seconds; the tier's own limit holds beside it.
    pub expires_after: Option<std::time::Duration>,
    /// How its sender answers the leak filter.
    pub consent: Consent,
}

/// A message in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageRef {
    /// Where.
    pub conversation: ConversationId,
    /// Which.
    pub message: MessageId,
}

/// A message, as a conversation shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    /// Id.
    pub id: MessageId,
    /// This vault's own number in the conversation, from 1, never used twice.
    pub sequence: u64,
    /// Author's address.
    pub from: Address,
    /// Author's name, from the certificate.
    pub name: String,
    /// Author's device.
    pub device: DeviceId,
    /// When its author sent it, by his clock.
    pub at: Timestamp,
    /// What it says.
    pub body: MessageBody,
    /// How far it is.
    pub state: MessageState,
    /// It is one's own.
    pub own: bool,
    /// It came from a file: another device of one's own vouches for it, not its author's signature.
    pub imported: bool,
    /// The message that it answers.
    pub reply_to: Option<Quote>,
    /// When it was last edited, by its author's clock.
    pub edited: Option<Timestamp>,
    /// Its author took it back.
    pub deleted: bool,
    /// One a person, in the order in which they first reacted.
    pub reactions: Vec<(Address, String)>,
    /// It asks to be acknowledged.
    pub acknowledgement: Option<Acknowledgement>,
    /// When its content is removed, or was.
    pub expires_at: Option<Timestamp>,
}

/// What a conversation shows, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A message.
    Message(Box<MessageView>),
    /// Something else that happened there.
    Change(ChangeView),
}

impl Line {
    /// This vault's own number in the conversation. Messages and changes share the numbers.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        match self {
            Self::Message(message) => message.sequence,
            Self::Change(change) => change.sequence,
        }
    }

    /// The message, where it is one.
    #[must_use]
    pub fn into_message(self) -> Option<MessageView> {
        match self {
            Self::Message(message) => Some(*message),
            Self::Change(_) => None,
        }
    }
}

/// A change of a conversation. It is no message: never unread, and nothing can be done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeView {
    /// This vault's own number in the conversation.
    pub sequence: u64,
    /// Who made it.
    pub by: Who,
    /// When, by his clock.
    pub at: Timestamp,
    /// What it is.
    pub change: Change,
}

/// What has changed of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Its members or their roles.
    Member {
        /// Whom it is about.
        whom: Who,
        /// Which of that person's devices, where it is about one.
        device: Option<DeviceId>,
        /// What.
        change: MemberChange,
    },
    /// Its title, to this one.
    Title(String),
}

/// What a message answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Its id.
    pub message: MessageId,
    /// Its author's name; `None` where the message is not in this vault.
    pub name: Option<String>,
    /// The beginning of what it says now, on one line; `None` where that is not here, or not any more.
    pub text: Option<String>,
}

/// Who said "read and understood".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Those who did, of what the message says now.
    pub by: Vec<Address>,
    /// The other members who did not.
    pub missing: Vec<Address>,
}

/// A message that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Where.
    pub conversation: ConversationId,
    /// What.
    pub message: MessageView,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageBody {
    /// Text.
    Text(String),
    /// A document.
    Document(DocumentView),
    /// Nobody's words: this further device of its person reads from here on, as of the message's time. What was said
    /// before comes by a transfer from another device of the same person.
    ReadsFromHere,
    /// It is no longer here: [`deleted`](MessageView::deleted), or [`Expired`](MessageState::Expired).
    Gone,
    /// A content type that this version does not know.
    NeedsNewerVersion,
}

/// How far a message is. Own: queued, accepted, delivered, read, expired, cancelled; others': unread, read, expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageState {
    /// Durable in this vault's outbox.
    Queued,
    /// Durable at the relay.
    Accepted,
    /// Durable in the vault of a device of every other member.
    Delivered,
    /// Read by every other member; of others' messages: read here.
    Read,
    /// Someone else's, not yet read here.
    Unread,
    /// Its time is over and its content is removed; or it is one's own, not everybody got it, and the relay's
    /// retention is over.
    Expired,
    /// Its document's upload was given up: it is never sent.
    Cancelled,
}

impl MessageState {
    /// As `--json` prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Accepted => "accepted",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Unread => "unread",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }
}
