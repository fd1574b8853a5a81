//! The row of a conversation (protocol-spec/07-delivery, section 12): what it is, and how far this device has come in it.

use amanat_primitives::{ConversationId, Digest, Timestamp};
use amanat_wire::{List, Text, record};

use super::{EndedRow, LOST, LostRow, MEMBERSHIPS, Stage};

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
        /// How many of these are no receipts.
        accepted_lasting: u64,
        /// Own frames up to this counter were sent to somebody, if nobody else is there now.
        alone: u64,
        /// What those lost who were removed.
        lost: List<LostRow, LOST>,
        /// The log up to here is in the vault.
        position: u64,
        /// Position from which this device reads.
        joined: u64,
        /// The relay's stamp of the last entry applied.
        stamp: Timestamp,
        /// Id of the last commit receipt.
        receipt: Digest,
        /// When this device's keys in the group are to be renewed, if anything was sent or received since.
        renew_at: Timestamp,
        /// What this device has sent since they were last renewed.
        sent: u32,
        /// Something was sent or received since.
        used: bool,
        /// This device's last memberships before this one.
        ended: List<EndedRow, MEMBERSHIPS>,
    }
);

impl ConversationRow {
    /// One in which nothing has happened, without a title, between nobody.
    pub(crate) fn new(id: ConversationId, tier: u8, stage: Stage, since: Timestamp) -> Self {
        Self {
            id,
            title: Text::default(),
            peer: Text::default(),
            tier,
            stage,
            since,
            sequence: 0,
            read: 0,
            unread: 0,
            latest: Timestamp::default(),
            accepted: 0,
            accepted_lasting: 0,
            alone: 0,
            lost: List::default(),
            position: 0,
            joined: 0,
            stamp: Timestamp::default(),
            receipt: Digest::ZERO,
            renew_at: since,
            sent: 0,
            used: false,
            ended: List::default(),
        }
    }
}
