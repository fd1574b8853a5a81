//! Errors of opening (protocol-spec/07-delivery, section 10), the same for tables, relay stores and blobs.

use std::io;

/// Why a store does not open. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another handle in this one, has it open.
    #[error("the folder is in use by another process")]
    InUse,
    /// The folder, or a file in it, cannot be written.
    #[error("the folder cannot be written to")]
    ReadOnly,
    /// No space left.
    #[error("the disk is full")]
    Full,
    /// There is no store, and it was not to be created.
    #[error("there is no store in the folder")]
    Missing,
    /// The folder holds other files, or a store of another kind.
    #[error("the folder holds something else")]
    Foreign,
    /// The store has a newer format.
    #[error("the store has format {found}, this program reads up to {known}")]
    Newer {
        /// The format found.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The store has lost data or cannot be read. Restore it from a copy.
    #[error("the store is damaged: {0}")]
    Damaged(Damage),
    /// Anything else that the operating system reports.
    #[error("the store cannot be opened")]
    Io(#[source] io::Error),
}

/// What is wrong with a damaged store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file that says what the folder holds is missing or altered.
    #[error("the format marker is missing or altered")]
    Marker,
    /// The database file is missing, empty, or ends before what was acknowledged.
    #[error("the database file is missing or cut short")]
    Truncated,
    /// The engine cannot make sense of the database file.
    #[error("the database file cannot be read")]
    Unreadable,
    /// A stored value does not match its checksum.
    #[error("a stored value does not match its checksum")]
    Value,
    /// Rows that were durable have gone, or are what they were earlier.
    #[error("rows that were stored in it are gone, or are older ones")]
    Rows,
}

/// A refusal of the engine, inside this crate; each public module turns it into its own error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No space: refused before anything was written, or (then the engine is shut) in the middle of it.
    Full,
    /// A value does not match its checksum, or its record cannot be decoded.
    Damaged,
    /// The engine or a sync failed; nothing more is possible.
    Fatal,
    /// The store was closed.
    Closed,
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => Self::ReadOnly,
            _ => Self::Io(error),
        }
    }
}

/// Whether an error of the operating system says that there is no space.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
