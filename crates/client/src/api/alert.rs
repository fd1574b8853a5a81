//! What must be said unasked (protocol-spec/07-delivery, section 12): alarms of a conversation, and notices about this
//! device and the authority's statements. Never hidden, never only logged.

use amanat_identity::{Address, DeviceCode, Reason};
use amanat_primitives::{ConversationId, DeviceId, DocumentId, MessageId, Timestamp};

use super::{Event, Failure};

/// Something is wrong with a conversation's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alarm {
    /// Messages of a sender are missing: counters `from..=to`.
    Gap {
        /// Whose.
        sender: Address,
        /// First missing.
        from: u64,
        /// Last missing.
        to: u64,
    },
    /// A member has seen another log than this device.
    Fork {
        /// Who.
        sender: Address,
        /// Where.
        position: u64,
    },
    /// A message came a second time. It is not shown again.
    Replay {
        /// Whose.
        sender: Address,
    },
    /// A message does not follow its sender's last one, though nothing is missing between: its sender told two stories, or
    /// somebody has a copy of that device. It is shown.
    Broken {
        /// Whose.
        sender: Address,
    },
    /// Someone tried to edit or delete a message that another person wrote. Nothing was changed.
    NotAuthor {
        /// Who tried.
        sender: Address,
        /// Whose message it is.
        message: MessageId,
    },
    /// Someone gave the conversation another title who may not. Nothing was changed.
    NotAllowed {
        /// Who tried.
        sender: Address,
    },
    /// An entry of the log does not decrypt.
    Undecryptable {
        /// Where.
        position: u64,
        /// Who sent it, as the relay says.
        sender: DeviceId,
    },
    /// A commit breaks the rules and was skipped.
    VoidCommit {
        /// Where.
        position: u64,
        /// Who sent it, as the relay says.
        sender: DeviceId,
    },
    /// The relay's receipt for a commit is missing, wrong, or contradicts an earlier one.
    Receipt {
        /// Where.
        position: u64,
    },
    /// A commit is followed by a certificate that the relay does not have, or that is refused: the log waits there.
    Waiting {
        /// Whose certificate.
        device: DeviceId,
    },
    /// A commit was judged by a status statement that cannot be had here: the log waits there.
    WaitingStatus {
        /// Its number.
        number: u64,
    },
    /// The relay keeps messages from this device although no valid commit has removed it.
    Excluded {
        /// From where on.
        position: u64,
    },
    /// Entries have gone under the relay's retention before they were fetched.
    ExpiredEntries {
        /// First missing position.
        from: u64,
        /// Last missing position.
        to: u64,
    },
}

/// Something that needs a person's attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The status statement has lapsed.
    StatusExpired {
        /// When it should have been renewed.
        since: Timestamp,
    },
    /// The relay was restored from a copy.
    RelayRestored,
    /// The relay has lost the end of a conversation's log, which this device has: nothing is sent in it, and what is
    /// queued stays queued.
    RelayBehind {
        /// Which.
        conversation: ConversationId,
        /// Entries that it lacks.
        missing: u64,
    },
    /// This profile is older than what was sent and read with it: it was put back from a copy, or somebody else uses one.
    /// What is behind in it is out of use until a member adds this device again.
    ProfileOutdated {
        /// Conversations that are.
        conversations: u64,
    },
    /// The relay was restored and waits for what it has lost of this conversation: what is sent stays queued for so long,
    /// ten minutes at most.
    RelaySettling {
        /// Which.
        conversation: ConversationId,
    },
    /// Someone has a device that this vault had not seen; a compared safety number does not speak for it.
    NewDevice {
        /// Whose.
        address: Address,
        /// Which.
        device: DeviceId,
    },
    /// A further device was enrolled in this person's name, and waits to be approved by one of the person's.
    DeviceAsks {
        /// Which.
        device: DeviceId,
        /// What it shows.
        code: DeviceCode,
    },
    /// A further device of this person was approved by another one.
    DeviceApproved {
        /// Which.
        device: DeviceId,
        /// By which.
        by: DeviceId,
    },
    /// This device waits for being approved by another one of this person's; until then nothing is sent or fetched.
    AwaitingApproval {
        /// What to compare on the other device.
        code: DeviceCode,
    },
    /// Two devices hold a certificate for one grant: neither is believed, and the officer must be told.
    GrantReused {
        /// Whose.
        address: Address,
    },
    /// A device is revoked now.
    Revoked {
        /// Whose.
        address: Address,
        /// Which.
        device: DeviceId,
        /// Why.
        reason: Reason,
    },
    /// This device's last-resort KeyPackage was used; new ones are being published.
    LastResortUsed,
    /// Someone tried to use this device's invitation again.
    InvitationReused {
        /// When.
        at: Timestamp,
    },
    /// A restored relay has lost a document that this device has sent, and cannot be given it again.
    DocumentLost {
        /// Which.
        document: DocumentId,
        /// Why, and what to do.
        failure: Failure,
    },
    /// A conversation to which this device was added was refused.
    JoinRefused {
        /// Which.
        conversation: ConversationId,
        /// Why.
        failure: Failure,
    },
    /// The relay refused to create a conversation; it is forgotten here.
    CreationRefused {
        /// Which.
        conversation: ConversationId,
        /// Why.
        failure: Failure,
    },
    /// The members of a conversation, or their roles, are others now.
    Member {
        /// Which.
        conversation: ConversationId,
        /// Who changed it.
        by: Who,
        /// Whom it is about.
        whom: Who,
        /// Which of that person's devices, where it is about one.
        device: Option<DeviceId>,
        /// What changed.
        change: MemberChange,
    },
    /// The clocks of this machine and the relay differ by more than ten minutes.
    ClockSkew {
        /// By how much.
        by: std::time::Duration,
    },
}

/// An alarm or a notice, as the vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// This vault's own number, never used twice.
    pub id: u64,
    /// When this device found it.
    pub at: Timestamp,
    /// Somebody has read it.
    pub read: bool,
    /// What it says.
    pub of: WarningOf,
}

/// What a warning says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WarningOf {
    /// Something is wrong with a conversation.
    Alarm {
        /// Which.
        conversation: ConversationId,
        /// What.
        alarm: Alarm,
    },
    /// Something needs attention.
    Notice(Notice),
}

impl From<WarningOf> for Event {
    fn from(of: WarningOf) -> Self {
        match of {
            WarningOf::Alarm { conversation, alarm } => Self::Alarm { conversation, alarm },
            WarningOf::Notice(notice) => Self::Notice(notice),
        }
    }
}

/// A person, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Address.
    pub address: Address,
    /// Name, from the certificate; the address again where there is none.
    pub name: String,
}

amanat_wire::code!(
    /// What a commit has changed for a person.
    pub enum MemberChange {
        /// Is a member now.
        1 => Added,
        /// Was removed.
        2 => Removed,
        /// Asked to be removed, and was.
        3 => Left,
        /// Is a moderator now.
        4 => Moderator,
        /// Is no moderator any more.
        5 => NotModerator,
        /// A member has another device here.
        6 => DeviceAdded,
        /// A member has a device less here.
        7 => DeviceRemoved,
        /// A device that could not follow was added again.
        8 => AddedAgain,
    }
);

impl MemberChange {
    /// As `--json` prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Left => "left",
            Self::Moderator => "moderator",
            Self::NotModerator => "not-moderator",
            Self::DeviceAdded => "device-added",
            Self::DeviceRemoved => "device-removed",
            Self::AddedAgain => "added-again",
        }
    }
}

impl Alarm {
    /// A stable name, for logs and `--json`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::Fork { .. } => "fork",
            Self::Replay { .. } => "replay",
            Self::Broken { .. } => "broken",
            Self::NotAuthor { .. } => "not-author",
            Self::NotAllowed { .. } => "not-allowed",
            Self::Undecryptable { .. } => "undecryptable",
            Self::VoidCommit { .. } => "void-commit",
            Self::Receipt { .. } => "receipt",
            Self::Waiting { .. } => "waiting",
            Self::WaitingStatus { .. } => "waiting-status",
            Self::Excluded { .. } => "excluded",
            Self::ExpiredEntries { .. } => "expired",
        }
    }
}
