//! Conversations and their members, as faces show them (protocol-spec/07-delivery, section 12).

use amanat_conversation::Role;
use amanat_identity::{Address, Tier};
use amanat_primitives::{ConversationId, DeviceId};

use super::MessageView;

/// A conversation, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationView {
    /// Id.
    pub id: ConversationId,
    /// Title; of a 1:1, the other's name.
    pub title: String,
    /// 1:1 or group.
    pub direct: bool,
    /// Tier.
    pub tier: Tier,
    /// Number of people in it, whatever devices each of them has, oneself included.
    pub members: usize,
    /// The MLS epoch: each accepted commit begins another.
    pub epoch: u64,
    /// Others' messages not yet read.
    pub unread: u64,
    /// The last message.
    pub last: Option<MessageView>,
    /// What is written here and not sent; empty where nothing is.
    pub draft: String,
    /// It stands before the others.
    pub pinned: bool,
    /// It does not notify.
    pub muted: bool,
    /// Whether messages can be sent now, and if not why.
    pub state: ConversationState,
}

/// Whether a conversation can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConversationState {
    /// Open.
    Active,
    /// The relay has not yet accepted its creation.
    Creating,
    /// The status statement has lapsed and the tier forbids sending.
    StatusExpired,
    /// The log forked or the group is damaged: nothing is sent or applied until it is repaired.
    Frozen,
    /// This device was removed: it can be read, and nothing more can be sent.
    Removed,
    /// This person has left.
    Left,
    /// A 1:1 in which the other person is no more: it can be read, and nothing more is sent.
    Over,
    /// Taken in from a file: it can be read, and this device is not in it.
    Archived,
    /// This device missed a change of members that it cannot catch up with: a member has to add it again.
    FellOut,
    /// A member is revoked, or no longer cleared for the tier: what is queued waits until it is removed.
    Removing,
    /// A new member's certificate cannot be had: what comes after waits for it.
    Waiting,
}

/// A member's device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Address.
    pub address: Address,
    /// Device.
    pub device: DeviceId,
    /// Name, from the certificate.
    pub name: String,
    /// Post, from the certificate.
    pub post: String,
    /// Clearance, from the certificate; none where that is refused, because its grant was used twice.
    pub clearance: Option<Tier>,
    /// What the person may do here; none in a 1:1.
    pub role: Option<Role>,
    /// The safety number was compared.
    pub verified: bool,
    /// It is this device.
    pub own: bool,
}
