//! Failures as people meet them (protocol-spec/07-delivery, section 12): what failed, and what to try.

mod filtered;
mod from;

use std::fmt;

pub(crate) use filtered::filtered;
pub use filtered::kind_words;
pub(crate) use from::*;

amanat_wire::code!(
    /// A stable name for each kind of failure: scripts match on it, faces translate by it. A number is never used for
    /// another kind.
    #[non_exhaustive]
    pub enum FailureCode {
        /// The relay cannot be reached, or does not answer.
        1 => Offline,
        /// The relay is not the one that the authority certified.
        2 => RelayIdentity,
        /// The relay refused this device.
        3 => Refused,
        /// This device's certificate, or the relay's, is outside its validity window.
        4 => Expired,
        /// The clock of this machine is wrong.
        5 => Clock,
        /// The invitation was used before, by another device.
        6 => AlreadyRedeemed,
        /// The invitation cannot be used.
        7 => Invitation,
        /// This device is revoked.
        8 => Revoked,
        /// Wrong passphrase.
        9 => Passphrase,
        /// There is no profile here.
        10 => NoProfile,
        /// There is a profile here already.
        11 => ProfileExists,
        /// Another process has this profile open.
        12 => InUse,
        /// The vault is damaged.
        13 => Damaged,
        /// The disk is full.
        14 => DiskFull,
        /// A file or folder cannot be read or written.
        15 => File,
        /// There is no such conversation, document, person or message.
        16 => NotFound,
        /// More than one thing fits.
        17 => Ambiguous,
        /// Someone's clearance is below the tier.
        18 => Clearance,
        /// Someone has no KeyPackage for the suite.
        19 => NoKeyPackage,
        /// The status statement has lapsed and the tier forbids sending.
        20 => StatusExpired,
        /// The document is not what its sender sent.
        21 => DocumentDamaged,
        /// The relay no longer has it.
        22 => Gone,
        /// Too large or too long.
        23 => TooLarge,
        /// The conversation cannot be used.
        24 => Conversation,
        /// It is not this person's to do, or not with this message.
        25 => NotAllowed,
        /// A quota of the relay is used up.
        26 => Quota,
        /// This device waits for another device of the same person to approve it.
        27 => NotApproved,
        /// Someone paused or cancelled it.
        28 => Stopped,
        /// A fault of this program.
        29 => Internal,
        /// The leak filter stops it.
        30 => Filtered,
    }
);

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
            Self::Filtered => "filtered",
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
