//! Errors (protocol-spec/05-conversation, section 10): what goes wrong on this side. What a peer or the relay does
//! wrong has types of its own beside the function that finds it.

use amanat_primitives::DeviceId;
use amanat_wire::TooLong;

use crate::{
    credential::LeafFault,
    group::{FactsError, MembersError},
    history::NotNext,
    key_package::KeyPackageError,
    roles::NotAllowed,
    storage::{Storage, StorageError},
};

/// Why an operation was not done. The conversation is as it was before the call, in its records
/// at once, and in memory before anything else is done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConversationError {
    /// Fault of the relay or the caller: the entry is not the next one.
    #[error(transparent)]
    OutOfOrder(#[from] NotNext),
    /// Fault of the relay or the caller: the entry belongs to another conversation or another stage than this one.
    #[error("this belongs to another conversation, or to an earlier stage of this one")]
    Elsewhere,
    /// Own commit not yet found in the log: find out what became of it first.
    #[error("a commit of this device is still on its way")]
    CommitPending,
    /// There is no commit of this device to merge.
    #[error("no commit of this device is on its way")]
    NoCommitPending,
    /// This device was removed from the conversation.
    #[error("this device is no longer a member")]
    Removed,
    /// The signing key is not the device's certified one.
    #[error("the signing key is not the device's certified key")]
    OtherKey,
    /// A device to be removed is not a member.
    #[error("device {0} is not a member")]
    NotMember(DeviceId),
    /// A device cannot remove itself; another member must.
    #[error("a device cannot remove itself")]
    CannotRemoveOwn,
    /// A device to be added is refused.
    #[error("device {0} cannot be added: {1}")]
    CannotAdd(DeviceId, LeafFault),
    /// A device to be added is refused for its KeyPackage.
    #[error("device {0} cannot be added: {1}")]
    CannotAddPackage(DeviceId, KeyPackageError),
    /// This device's person may not make the change.
    #[error(transparent)]
    NotAllowed(#[from] NotAllowed),
    /// The members would not be allowed together.
    #[error(transparent)]
    Members(#[from] MembersError),
    /// More than fits into one request.
    #[error("more than the {limit} that fit into one request")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// More bytes than fit.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// Too many own messages are on their way unseen.
    #[error("too many of this device's messages are on their way; receive first")]
    TooManyUnseen,
    /// Our own storage: load the conversation again.
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
    /// The stored group is not one of ours.
    #[error("stored conversation: {0}")]
    Facts(#[from] FactsError),
    /// OpenMLS failed where it should not.
    #[error("the MLS library failed")]
    Library,
    /// The conversation could not be restored after another error: drop it and load it again.
    #[error("the conversation must be loaded again")]
    Broken,
}

impl ConversationError {
    /// For an error of OpenMLS in an operation of our own: storage's fault if storage had one, else the library's.
    pub(crate) fn of(storage: &Storage<'_>) -> Self {
        storage.fault().map_or(Self::Library, Self::Storage)
    }
}
