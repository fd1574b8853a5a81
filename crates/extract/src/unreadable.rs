//! Errors (protocol-spec/09-policy, section 9): why a document, or a part of it, was not read.

use std::fmt;

/// Why a document was not read in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The reason that rules can name.
    pub reason: Reason,
    /// The same for a person, in a few words.
    pub detail: String,
    /// The names of the entries in which it was met, outermost first; empty for the document itself. They are shown by
    /// `Display` and `Debug`: for the person whose document it is, not for a log.
    pub within: Vec<String>,
}

/// The reasons, whose names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The file ends too early.
    Truncated,
    /// A password is needed.
    Encrypted,
    /// The name says one kind, the bytes another.
    Mislabelled,
    /// More bytes than are read: in the file, expanded, or of text.
    TooLarge,
    /// Archives within archives, or objects within objects, beyond the limit.
    TooDeep,
    /// More entries, pages or objects than are read.
    TooMany,
    /// Its parts contradict each other.
    Damaged,
    /// A kind, a compression or a font that is not read.
    Unknown,
    /// The caller's time was over.
    OutOfTime,
}

impl Reason {
    /// Whether it ends the whole reading; the others end that of one entry.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::OutOfTime | Self::TooLarge | Self::TooMany)
    }

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Encrypted => "encrypted",
            Self::Mislabelled => "mislabelled",
            Self::TooLarge => "too-large",
            Self::TooDeep => "too-deep",
            Self::TooMany => "too-many",
            Self::Damaged => "damaged",
            Self::Unknown => "unknown",
            Self::OutOfTime => "out-of-time",
        }
    }
}

impl Unreadable {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), within: Vec::new() }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.within {
            write!(f, "{entry}: ")?;
        }
        write!(f, "{}: {}", self.reason.name(), self.detail)
    }
}

impl std::error::Error for Unreadable {}
