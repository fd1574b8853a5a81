//! How far documents are (protocol-spec/06-document, section 8).

use amanat_primitives::DocumentId;

/// How far a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Which.
    pub document: DocumentId,
    /// Sending or fetching.
    pub direction: Direction,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// Which way a document goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From this device.
    Sending,
    /// To this device.
    Fetching,
}

impl Direction {
    /// As `--json` prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Fetching => "fetching",
        }
    }
}
