//! Identity (protocol-spec/03-identity): who someone is, as a chain of signed statements that anyone can check offline.
//!
//! Start with [`statement`], the one envelope of everything that is signed, and [`body`], what each kind says. The
//! authority ([`authority`]) certifies officers, auditors and relays from their [`card`]s; an officer ([`officer`])
//! grants, and hands over an [`invitation`]; the new device redeems it ([`enrolment`]); the relay signs a receipt; and
//! [`chain`] checks all of it into the one value that other crates trust, [`VerifiedDevice`]. [`status`] says what is
//! revoked and how fresh that knowledge is. Pure: time, randomness and bytes come in as arguments.
//!
//! Absent on purpose: nothing here makes a `VerifiedDevice`, `VerifiedRelay`, `VerifiedOfficer`, `VerifiedAuditor`,
//! `VerifiedStatus` or `Authority` except by checking signatures, windows and links; no statement is believed because of
//! who sent it.

pub mod address;
pub mod approval;
pub mod armour;
pub mod auditor;
pub mod authority;
pub mod body;
pub mod card;
pub mod certified;
pub mod chain;
pub mod code;
pub mod cosignature;
pub mod enrolment;
pub mod error;
pub mod invitation;
pub mod keys;
pub mod officer;
pub mod person;
pub mod policy;
pub mod renewal;
pub mod revocation;
pub mod safety;
pub mod standing;
pub mod statement;
pub mod status;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod text;
pub mod tier;
pub mod verified;

pub use address::{Address, Domain, Handle, RelayAddress};
pub use approval::{Admittance, Approval, DeviceCode};
pub use auditor::VerifiedAuditor;
pub use authority::{Authority, AuthorityCertificate};
pub use body::Powers;
pub use card::{AuditorCard, OfficerCard, RelayCard};
pub use certified::CertifiedRelay;
pub use chain::DeviceChain;
pub use code::InvitationCode;
pub use cosignature::{Cosignature, Proposal};
pub use enrolment::{Enrolment, VerifiedEnrolment};
pub use error::{ChainError, IssueError};
pub use invitation::{Invitation, InvitationError, InvitationSummary, OpenedInvitation};
pub use keys::{AuditorKeys, AuthorityKeys, DeviceKeys, KeyBytesError, OfficerKeys, RelayKeys};
pub use officer::{Invitee, OfficerChain, VerifiedOfficer};
pub use person::{OfficeName, PersonName, Post};
pub use renewal::Renewal;
pub use revocation::{ListError, ListSummary, Reason, RevocationEntry, RevocationList, Target};
pub use safety::SafetyNumber;
pub use standing::{Standing, Subject};
pub use statement::{KeyId, Statement, StatementKind};
pub use status::{Acceptable, Freshness, NotAccepted, OldStatus, SignedStatus, StatusView, VerifiedStatus};
pub use text::NotText;
pub use tier::Tier;
pub use verified::{VerifiedDevice, VerifiedRelay};

/// MLS suite X-Wing / ChaCha20-Poly1305 / SHA-256 / Ed25519, which every device certificate lists.
pub const SUITE_XWING: u16 = 0x004D;
