//! Resupply (protocol-spec/02-wire, section 3, and 07-delivery, section 14): how members give a restored relay the end of
//! a log back, and how the relay knows an entry again as one that it has taken before.

use amanat_primitives::{ConversationId, DeviceId, Digest, Secret, Timestamp, UnitId, hash};

use crate::{
    Bytes, Encode as _, List, limits,
    log::{Entry, Joiner, RetentionClass, UnitKind},
    record,
};

record!(
    /// An entry as its members had it, and what its commit changed: the receipt speaks for that change.
    pub struct HeldEntry {
        /// As it was read.
        entry: Entry,
        /// Devices that a commit added.
        roster_add: List<DeviceId, { limits::ADDS }>,
        /// Devices that a commit removed.
        roster_remove: List<DeviceId, { limits::REMOVES }>,
    }
);

record!(
    /// What a member has of a log beyond the relay's head. Without entries it says that there is nothing.
    pub struct Resupply {
        /// Whose log.
        conversation: ConversationId,
        /// The position before the first of `entries`.
        after: u64,
        /// R there.
        running: Digest,
        /// In order, without gaps.
        entries: List<HeldEntry, { limits::ENTRIES }>,
    }
);

record!(
    /// The Welcome of a commit in the log, from its author.
    pub struct Welcomes {
        /// Whose log.
        conversation: ConversationId,
        /// The commit's position.
        position: u64,
        /// As in the commit's unit.
        group_info: Bytes<{ limits::BODY }>,
        /// As in the commit's unit.
        joiners: List<Joiner, { limits::ADDS }>,
    }
);

record!(
    /// What a seal is over.
    struct Sealed {
        conversation: ConversationId,
        position: u64,
        kind: UnitKind,
        class: RetentionClass,
        stamp: Timestamp,
        sender: DeviceId,
        unit: UnitId,
        seen_commit: u64,
        accepted_commit: u64,
        running: Digest,
    }
);

/// The relay's seal of an entry at which R is `running`: a keyed hash that the relay alone can make and check. R in it
/// stands for every body up to there.
#[must_use]
pub fn seal(key: &Secret<32>, conversation: ConversationId, entry: &Entry, running: Digest) -> Digest {
    let sealed = Sealed {
        conversation,
        position: entry.position,
        kind: entry.kind,
        class: entry.class,
        stamp: entry.stamp,
        sender: entry.sender,
        unit: entry.unit,
        seen_commit: entry.seen_commit,
        accepted_commit: entry.accepted_commit,
        running,
    };
    hash::keyed(key, &sealed.to_bytes())
}

/// Whether an entry bears its seal. What is compared is a keyed hash of each, so that the time that it takes says
/// nothing about the right one.
#[must_use]
pub fn is_sealed(key: &Secret<32>, conversation: ConversationId, entry: &Entry, running: Digest) -> bool {
    let right = seal(key, conversation, entry, running);
    hash::keyed(key, right.as_bytes()) == hash::keyed(key, entry.seal.as_bytes())
}
