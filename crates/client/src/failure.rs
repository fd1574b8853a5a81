//! Failures as people meet them (protocol-spec/07-delivery, section 12): what failed, and what to try.

mod from;

use std::fmt;

pub(crate) use from::*;

/// A stable name for each kind of failure: scripts match on it, faces translate by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureCode {
    /// The relay cannot be reached, or does not answer.
    Offline,
    /// The relay is not the one that the authority certified.
    RelayIdentity,
    /// The relay refused this device.
    Refused,
    /// This device's certificate, or the relay's, is outside its validity window.
    Expired,
    /// The clock of this machine is wrong.
    Clock,
    /// The invitation was used before, by another device.
    AlreadyRedeemed,
    /// The invitation cannot be used.
    Invitation,
    /// This device is revoked.
    Revoked,
    /// Wrong passphrase.
    Passphrase,
    /// There is no profile here.
    NoProfile,
    /// There is a profile here already.
    ProfileExists,
    /// Another process has this profile open.
    InUse,
    /// The vault is damaged.
    Damaged,
    /// The disk is full.
    DiskFull,
    /// A file or folder cannot be read or written.
    File,
    /// There is no such conversation, document, person or message.
    NotFound,
    /// More than one thing fits.
    Ambiguous,
    /// Someone's clearance is below the tier.
    Clearance,
    /// Someone has no KeyPackage for the suite.
    NoKeyPackage,
    /// The status statement has lapsed and the tier forbids sending.
    StatusExpired,
    /// The document is not what its sender sent.
    DocumentDamaged,
    /// The relay no longer has it.
    Gone,
    /// Too large or too long.
    TooLarge,
    /// The conversation cannot be used.
    Conversation,
    /// It is not this person's to do, or not with this message.
    NotAllowed,
    /// A quota of the relay is used up.
    Quota,
    /// This device waits for another device of the same person to approve it.
    NotApproved,
    /// Someone paused or cancelled it.
    Stopped,
    /// A fault of this program.
    Internal,
}

impl FailureCode {
    /// As `--json` prints it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::RelayIdentity => "relay-identity",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Clock => "clock",
            Self::AlreadyRedeemed => "already-redeemed",
            Self::Invitation => "invitation",
            Self::Revoked => "revoked",
            Self::Passphrase => "passphrase",
            Self::NoProfile => "no-profile",
            Self::ProfileExists => "profile-exists",
            Self::InUse => "in-use",
            Self::Damaged => "damaged",
            Self::DiskFull => "disk-full",
            Self::File => "file",
            Self::NotFound => "not-found",
            Self::Ambiguous => "ambiguous",
            Self::Clearance => "clearance",
            Self::NoKeyPackage => "no-key-package",
            Self::StatusExpired => "status-expired",
            Self::DocumentDamaged => "document-damaged",
            Self::Gone => "gone",
            Self::TooLarge => "too-large",
            Self::Conversation => "conversation",
            Self::NotAllowed => "not-allowed",
            Self::Quota => "quota",
            Self::NotApproved => "not-approved",
            Self::Stopped => "stopped",
            Self::Internal => "internal",
        }
    }
}

/// What failed and what to try, each one sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind.
    pub code: FailureCode,
    /// What failed.
    pub failed: String,
    /// What to try.
    pub advice: String,
}

impl Failure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(code: FailureCode, failed: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { code, failed: failed.into(), advice: advice.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.failed)
    }
}

impl std::error::Error for Failure {}
