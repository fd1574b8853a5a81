//! This person's devices as faces see them (protocol-spec/07-delivery, section 6).

use amanat_identity::DeviceCode;
use amanat_primitives::{DeviceId, Timestamp};

/// One of this person's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnDevice {
    /// Which.
    pub device: DeviceId,
    /// It is this one.
    pub this: bool,
    /// When the relay enrolled it.
    pub added: Timestamp,
    /// Which other one approved it; none for a first one, and for one that waits.
    pub approved_by: Option<DeviceId>,
    /// It waits for being approved.
    pub pending: bool,
    /// What is compared before it is approved.
    pub code: DeviceCode,
    /// When it was last connected, as far as the relay remembers since it started: now, where it is.
    pub seen: Option<Timestamp>,
    /// When its certificate lapses.
    pub valid_until: Timestamp,
}

/// Messages in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryFile {
    /// The file's content.
    pub bytes: Vec<u8>,
    /// Conversations in it.
    pub conversations: u64,
    /// Messages in it.
    pub messages: u64,
    /// Conversations that are not, because of their tier.
    pub left_out: u64,
}

/// What was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistoryTaken {
    /// Conversations in the file that were looked at.
    pub conversations: u64,
    /// Messages that are new here.
    pub messages: u64,
    /// Messages that were here already.
    pub known: u64,
    /// Conversations that were not taken in: their tier forbids it, or this device is not in them.
    pub left_out: u64,
}
