//! A conversation's row for tests (protocol-spec/07-delivery, section 12).

use amanat_primitives::{ConversationId, Digest, Timestamp};
use amanat_wire::{List, Text};

use crate::rows::{ConversationRow, Stage};

impl ConversationRow {
    /// One in which nothing has happened.
    pub(crate) fn empty(id: ConversationId) -> Self {
        Self {
            id,
            title: Text::default(),
            peer: Text::default(),
            tier: 1,
            stage: Stage::Active,
            since: Timestamp::default(),
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
            renew_at: Timestamp::default(),
            sent: 0,
            used: false,
            ended: List::default(),
        }
    }
}
