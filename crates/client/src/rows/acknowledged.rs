//! Rows of what is told no more of one's own contents (protocol-spec/07-delivery, section 12): what somebody lost who was
//! removed, and one's own earlier memberships.

use amanat_wire::{Text, record};

/// Runs of one's own contents in a conversation that somebody lost who was removed: so many are remembered.
pub(crate) const LOST: usize = 64;

/// Earlier memberships of this device in a conversation that are remembered.
pub(crate) const MEMBERSHIPS: usize = 64;

record!(
    /// What somebody who was removed had not told to have.
    pub(crate) struct LostRow {
        /// Whose device it was; empty for what was sent to nobody, and for several people.
        person: Text<256>,
        /// Of one's own contents those above this counter were not told to be delivered.
        after: u64,
        /// Those above this one were not told to be read.
        after_read: u64,
        /// And up to this one, the last when the device was removed.
        up_to: u64,
        /// The person is there again, without them.
        present: bool,
    }
);

record!(
    /// An earlier membership of this device in a conversation.
    pub(crate) struct EndedRow {
        /// Position from which it read.
        joined: u64,
        /// Up to here all the others have told that what it sent is delivered.
        has: u64,
        /// Up to here that it is read.
        has_read: u64,
    }
);
