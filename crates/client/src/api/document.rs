//! Documents as faces see them (protocol-spec/07-delivery, section 12, and 06-document).

use amanat_identity::Tier;
use amanat_primitives::{ConversationId, DocumentId, MessageId, Timestamp};

use super::Direction;

/// A document, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentView {
    /// Id.
    pub id: DocumentId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// In which message.
    pub message: MessageId,
    /// Sanitised name.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Tier.
    pub tier: Tier,
    /// BLAKE3 of the content, lower-case hexadecimal, as `b3sum` prints it; empty while it is still being sent.
    pub digest: String,
    /// Its upload or fetch, where that is not over.
    pub transfer: Option<TransferView>,
    /// Who sent it and when, by its message; none where that is not in this vault.
    pub sent: Option<SentView>,
}

/// Who sent a document, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentView {
    /// Name, from the certificate.
    pub by: String,
    /// It is one's own.
    pub own: bool,
    /// By its sender's clock.
    pub at: Timestamp,
}

impl DocumentView {
    /// One's own that was never sent.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.transfer.is_some_and(|transfer| transfer.state == TransferState::Cancelled)
    }
}

/// An upload or a fetch that is not over, or was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferView {
    /// Which way.
    pub direction: Direction,
    /// Whether it goes on.
    pub state: TransferState,
    /// Bytes of the document that are done.
    pub done: u64,
}

/// Whether an upload or a fetch goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferState {
    /// It runs.
    Running,
    /// For the link, or for others before it; an interrupted fetch for being saved or resumed.
    Waiting,
    /// For being resumed.
    Paused,
    /// For a person to see to its cause; an upload is tried again when the program starts again.
    Failed,
    /// An upload that was given up.
    Cancelled,
}

impl TransferState {
    /// As `--json` prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}
