//! Why the relay's store refuses (protocol-spec/07-delivery, section 10).

use crate::error::Fault;

/// A refusal. But for [`Unknown`](Self::Unknown) and [`Fatal`](Self::Fatal), nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The peer: a commit came first.
    #[error("another commit came first")]
    Conflict {
        /// Position of the last commit: process the log up to it and try again.
        last_commit: u64,
    },
    /// The peer: more than two commits stand in the log after the one that the message was encrypted at.
    #[error("the message was encrypted too many commits ago")]
    StaleEpoch {
        /// Position of the last commit.
        last_commit: u64,
    },
    /// Us: the author has seen a commit that the log does not have: it has lost its end.
    #[error("the log has lost its end")]
    Behind,
    /// The peer: not in the roster.
    #[error("the device is not in the roster")]
    NotMember,
    /// The peer: the conversation, or another author's unit of this id, exists already.
    #[error("it exists already")]
    Exists,
    /// The peer: there is no such conversation.
    #[error("there is no such conversation")]
    UnknownConversation,
    /// The peer: `accepted_commit` is not a commit that may be built upon (any more).
    #[error("the accepted commit is not known")]
    UnknownCommit,
    /// The peer: the request contradicts itself or exceeds a limit.
    #[error("the request cannot be carried out as it stands")]
    Invalid,
    /// A quota is used up, or the disk is (nearly) full.
    #[error("no room: {0}")]
    Full(Quota),
    /// Us: the store was closed before it answered. Done or not: try again with the same id.
    #[error("the outcome is not known")]
    Unknown,
    /// Us: a stored value does not match its checksum.
    #[error("a stored value is damaged")]
    Damaged,
    /// Us: a sync or the engine failed. Stop the process; done or not: try again with the same id.
    #[error("the store has failed")]
    Fatal,
}

/// What is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Quota {
    /// Bytes kept of one conversation.
    #[error("the conversation's bytes")]
    ConversationBytes,
    /// Devices in one conversation.
    #[error("the conversation's devices")]
    Roster,
    /// Conversations of one device.
    #[error("the device's conversations")]
    Conversations,
    /// Direct items of one device.
    #[error("the device's direct items")]
    DirectItems,
    /// KeyPackages of one device.
    #[error("the device's key packages")]
    KeyPackages,
    /// The disk.
    #[error("the disk")]
    Disk,
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Full => Self::Full(Quota::Disk),
            Fault::Damaged => Self::Damaged,
            Fault::Fatal => Self::Fatal,
            Fault::Closed => Self::Unknown,
        }
    }
}
