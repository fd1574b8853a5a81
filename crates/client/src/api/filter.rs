//! The leak filter as faces see it (protocol-spec/09-policy, section 10): what it says of a text that is being written, how a
//! sender answers it, and what was put on record.

use std::ops::Range;

use amanat_identity::Tier;
pub use amanat_policy::{Action, Kind, record::Subject};
use amanat_primitives::{ConversationId, Timestamp};

/// How a sender answers the filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Consent {
    /// Nothing was shown: only what the policy allows is taken.
    #[default]
    None,
    /// What was found was shown, and it is to be sent all the same: enough for [`Action::Warn`].
    Seen,
    /// The same, and this is why, in 1 to 500 bytes, which go on record: enough for
    /// [`Action::Reason`], too.
    Reason(String),
}

/// What the filter says of a text, in the conversation that it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The conversation's tier.
    pub tier: Tier,
    /// What has to be done before it is sent.
    pub action: Action,
    /// Each kind that was found, the severest first.
    pub kinds: Vec<KindFound>,
    /// Where it stands, in the order of the text; at most [`PLACES`].
    pub places: Vec<Place>,
    /// Not all of it could be read.
    pub unread: bool,
}

/// Places that are told of one text.
pub const PLACES: usize = 1_000;

/// A kind of what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindFound {
    /// The kind.
    pub kind: Kind,
    /// Distinct values.
    pub count: u32,
    /// What the policy asks for, for so many.
    pub action: Action,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What it is.
    pub kind: Kind,
    /// The rule that found it, as the policy calls it.
    pub rule: String,
    /// Bytes of the text, on boundaries of characters.
    pub range: Range<usize>,
}

/// A record of what the filter said, as the vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordView {
    /// From 1, each one above the one before.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Where it was to go; `None` for a conversation that was not there yet.
    pub conversation: Option<ConversationId>,
    /// That conversation's tier.
    pub tier: Tier,
    /// What was to be sent.
    pub subject: Subject,
    /// What the policy asks for.
    pub action: Action,
    /// It was taken, once its sender had done that.
    pub passed: bool,
    /// What was found, with its count.
    pub found: Vec<(Kind, u32)>,
    /// Not all of it could be read.
    pub unread: bool,
    /// The reason that its sender gave; empty where none was asked for.
    pub reason: String,
}
