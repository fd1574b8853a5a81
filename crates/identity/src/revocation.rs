//! Revocations (protocol-spec/03-identity, section 8): the list that a status statement names, and what it makes of a
//! device.
//!
//! ```text
//! L_0 = H("revocation list")      L_i = H("revocation list", L_(i-1), statement id of entry i)
//! ```
//! A status statement names how many entries there are and the last L. Each entry's number is that of the status
//! statement which first listed it, so that everybody who holds a list that reaches some number comes to the same
//! verdict about that moment, whatever was revoked later.

use std::collections::HashMap;

use amanat_primitives::{DeviceId, Digest, Label, StatementId, Timestamp, hash};
use amanat_wire::{Encode as _, choice, code, record};

use crate::{
    Authority, ChainError, Handle, IssueError, OfficerKeys, Powers, Statement, Tier, VerifiedDevice, VerifiedOfficer,
    VerifiedStatus,
    body::{RevocationBody, empty_revocation_list},
    statement::{Body as _, Frame, Moment},
    text::ruled_text,
};

/// Entries of a list.
pub const ENTRIES_MAX: u32 = 100_000;

choice!(
    /// What a revocation is about.
    pub enum Target: u8 {
        /// One device.
        1 => Device(DeviceId),
        /// All devices of a person whose grants were issued up to then: the person can be enrolled again.
        2 => Person(Handle),
        /// A grant, redeemed or not.
        3 => Grant(StatementId),
    }
);

code!(
    /// Why something is revoked.
    pub enum Reason {
        /// The device was lost.
        1 => Lost,
        /// The device was stolen.
        2 => Stolen,
        /// The person has left, or has another device or clearance.
        3 => Left,
        /// Somebody else may have the keys.
        4 => Compromised,
        /// See the note.
        5 => Other,
    }
);

impl Reason {
    /// The word that the command line takes and prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Stolen => "stolen",
            Self::Left => "left",
            Self::Compromised => "compromised",
            Self::Other => "other",
        }
    }
}

ruled_text!(
    /// An officer's note beside a revocation.
    Note,
    256,
    "note",
    "1 to 256 bytes without control or direction-override characters, not beginning or ending with a space",
    crate::person::is_display_text
);

record!(
    /// A revocation with the certificate of the officer who signed it: an entry of the list.
    pub struct RevocationEntry {
        /// The officer's certificate.
        officer_certificate: Statement,
        /// The revocation.
        statement: Statement,
    }
);

impl RevocationEntry {
    /// What it says, without believing it: to be signed again under a later number.
    ///
    /// # Errors
    /// [`ChainError`] where it is no revocation.
    pub fn said(&self) -> Result<RevocationBody, ChainError> {
        self.statement.peek()
    }

    /// The number of the status statement that first listed it, unchecked.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.statement.signed.number
    }

    /// When it was signed, unchecked.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.statement.signed.not_before
    }
}

impl OfficerKeys {
    /// Signs a revocation that takes effect with the status statement of that number.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn revoke(
        &self,
        officer: &VerifiedOfficer,
        number: u64,
        body: &RevocationBody,
        now: Timestamp,
    ) -> Result<RevocationEntry, IssueError> {
        self.require_own(officer, Powers::REVOKE, RevocationBody::KIND, now)?;
        let authority = officer.authority().id();
        let frame = Frame { authority, number, not_before: now, not_after: Timestamp::FAR_FUTURE };
        let statement = Statement::issue(frame, body, self.signing())?;
        Ok(RevocationEntry { officer_certificate: officer.statement().clone(), statement })
    }
}

/// How many entries a list has, and its hash: what a status statement says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListSummary {
    /// Entries.
    pub count: u32,
    /// L of the last one.
    pub hash: Digest,
}

impl Default for ListSummary {
    /// Of the list without entries.
    fn default() -> Self {
        Self { count: 0, hash: empty_revocation_list() }
    }
}

impl ListSummary {
    /// Of the list with one more entry.
    #[must_use]
    pub fn with(self, entry: &RevocationEntry) -> Self {
        let id = entry.statement.id();
        let hash = hash::digest(Label::REVOCATION_LIST, &[self.hash.as_bytes(), id.as_bytes()]);
        Self { count: self.count.saturating_add(1), hash }
    }
}

/// What a revocation is judged by. Cheap to keep for each link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    /// Which device.
    pub device: DeviceId,
    /// Whose.
    pub handle: Handle,
    /// By which grant.
    pub grant: StatementId,
    /// When that was issued.
    pub granted_at: Timestamp,
    /// When its clearance was stated: by the grant, or by a renewal since.
    pub cleared_at: Timestamp,
    /// That clearance.
    pub clearance: Tier,
}

/// What the list makes of a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Not revoked.
    Good {
        /// Cleared so far: the certificate's clearance, or lower.
        clearance: Tier,
    },
    /// Revoked.
    Revoked {
        /// Why.
        reason: Reason,
        /// From which status statement on.
        number: u64,
        /// When that was signed.
        at: Timestamp,
    },
}

impl Standing {
    /// Whether it is revoked.
    #[must_use]
    pub fn is_revoked(self) -> bool {
        matches!(self, Self::Revoked { .. })
    }

    /// Refuses a revoked device, and a tier above what it is still cleared for. `[ID-34]`
    ///
    /// # Errors
    /// [`ChainError::Revoked`], [`ChainError::ClearanceTooLow`].
    pub fn require(self, needed: Tier) -> Result<(), ChainError> {
        match self {
            Self::Revoked { .. } => Err(ChainError::Revoked),
            Self::Good { clearance: held } if held < needed => Err(ChainError::ClearanceTooLow { needed, held }),
            Self::Good { .. } => Ok(()),
        }
    }
}

/// Why a list is not the one that a status statement names, or may not follow the one that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// An entry is not believed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// Entries are missing.
    #[error("the status statement names {named} revocations and {held} are here")]
    Missing {
        /// Entries here, those that were offered included.
        held: u32,
        /// Entries that the statement names.
        named: u32,
    },
    /// The statement names fewer than are known already.
    #[error("the status statement names {named} revocations and {held} are known: none is ever taken back")]
    Shorter {
        /// Entries known.
        held: u32,
        /// Entries that the statement names.
        named: u32,
    },
    /// The statement names other revocations.
    #[error("the status statement names other revocations than those that are here")]
    Differs,
    /// An entry's number does not fit its place.
    #[error("a revocation's number does not fit its place in the list")]
    Order,
    /// The list would be longer than is allowed.
    #[error("a list has {ENTRIES_MAX} revocations at most")]
    TooMany,
}

#[derive(Clone, Debug)]
struct Listed {
    target: Target,
    ceiling: Option<Tier>,
    reason: Reason,
    number: u64,
    at: Timestamp,
}

/// Verified entries that may follow those of a list.
pub(crate) struct Extension {
    first: u32,
    number: u64,
    entries: Vec<Listed>,
    summary: ListSummary,
}

/// The revocations that the latest accepted status statement names, all verified.
#[derive(Clone, Debug, Default)]
pub struct RevocationList {
    entries: Vec<Listed>,
    /// Places in `entries` by the encoding of their target.
    by_target: HashMap<Vec<u8>, Vec<usize>>,
    summary: ListSummary,
    /// Number of that status statement; 0 where there is none.
    number: u64,
}

impl RevocationList {
    /// How many there are, and their hash.
    #[must_use]
    pub fn summary(&self) -> ListSummary {
        self.summary
    }

    /// Number of the status statement against which the list was verified; 0 before the first.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the list says all there is to say about that number.
    #[must_use]
    pub fn reaches(&self, as_of: u64) -> bool {
        self.number >= as_of
    }

    /// What the list makes of a device, as of the status statement of that number; `u64::MAX` for everything known.
    /// The device must be of the authority whose list this is.
    #[must_use]
    pub fn standing(&self, device: &VerifiedDevice, as_of: u64) -> Standing {
        self.standing_of(&device.subject(), as_of)
    }

    /// As [`standing`](Self::standing), by what it rests on. `[ID-33]`
    #[must_use]
    pub fn standing_of(&self, subject: &Subject, as_of: u64) -> Standing {
        let mut clearance = subject.clearance;
        if self.entries.is_empty() {
            return Standing::Good { clearance };
        }
        let targets =
            [Target::Device(subject.device), Target::Person(subject.handle.clone()), Target::Grant(subject.grant)];
        let places = targets.iter().filter_map(|target| self.by_target.get(&target.to_bytes())).flatten();
        for entry in places.filter_map(|place| self.entries.get(*place)).filter(|entry| entry.number <= as_of) {
            // A person is enrolled again by a later grant.
            let of_before = subject.granted_at <= entry.at || !matches!(entry.target, Target::Person(_));
            match entry.ceiling {
                None if of_before => {
                    return Standing::Revoked { reason: entry.reason, number: entry.number, at: entry.at };
                }
                // [ID-38] A clearance that was stated later holds.
                Some(ceiling) if of_before && subject.cleared_at <= entry.at => clearance = clearance.min(ceiling),
                _ => {}
            }
        }
        Standing::Good { clearance }
    }

    /// Checks that the list with `entries` behind it is the one that the status statement names.
    pub(crate) fn check(
        &self,
        status: &VerifiedStatus,
        entries: &[RevocationEntry],
        authority: &Authority,
    ) -> Result<Extension, ListError> {
        let named = status.revocations();
        let held = self.summary.count;
        // [ID-35]
        if named.count > ENTRIES_MAX {
            return Err(ListError::TooMany);
        }
        // [ID-32]
        if named.count < held {
            return Err(ListError::Shorter { held, named: named.count });
        }
        let new = usize::try_from(named.count - held).unwrap_or(usize::MAX);
        // [ID-25]
        let Some(entries) = entries.get(..new) else {
            let here = held.saturating_add(u32::try_from(entries.len()).unwrap_or(u32::MAX));
            return Err(ListError::Missing { held: here, named: named.count });
        };
        let summary = entries.iter().fold(self.summary, ListSummary::with);
        if summary != named {
            return Err(ListError::Differs);
        }
        let mut listed: Vec<Listed> = Vec::with_capacity(entries.len());
        let mut officer = None;
        for entry in entries {
            let opened = open(entry, authority, &mut officer)?;
            // [ID-31]
            let before = listed.last().map_or(self.number.saturating_add(1), |last| last.number);
            let in_time = opened.at <= status.this_update().after(Timestamp::CLOCK_TOLERANCE);
            if opened.number < before || opened.number > status.number() || !in_time {
                return Err(ListError::Order);
            }
            listed.push(opened);
        }
        Ok(Extension { first: held, number: status.number(), entries: listed, summary })
    }

    /// Appends what was checked against this list. Says whether it fitted.
    pub(crate) fn extend(&mut self, extension: Extension) -> bool {
        if extension.first != self.summary.count || extension.number < self.number {
            return false;
        }
        for entry in extension.entries {
            self.by_target.entry(entry.target.to_bytes()).or_default().push(self.entries.len());
            self.entries.push(entry);
        }
        self.summary = extension.summary;
        self.number = extension.number;
        true
    }
}

/// Opens one entry. A revocation is judged at its own time: it stays when its officer's certificate has ended. What
/// keeps a former officer from signing for the past is that an officer's status statement must name it. `[ID-30]`
fn open(
    entry: &RevocationEntry,
    authority: &Authority,
    last: &mut Option<VerifiedOfficer>,
) -> Result<Listed, ChainError> {
    let signed = &entry.statement.signed;
    let checker = authority.checker(Moment::at(signed.not_before))?;
    let known = last.take().filter(|officer| *officer.statement() == entry.officer_certificate);
    let officer = match known {
        Some(officer) => {
            let certificate = &officer.statement().signed;
            checker.moment.within(certificate.kind, certificate.not_before, certificate.not_after)?;
            officer
        }
        None => VerifiedOfficer::open(&entry.officer_certificate, &checker, authority)?,
    };
    officer.require(Powers::REVOKE, RevocationBody::KIND)?;
    let body: RevocationBody = checker.open(&entry.statement, officer.signing_key())?;
    *last = Some(officer);
    let RevocationBody { target, ceiling, reason, .. } = body;
    Ok(Listed { target, ceiling, reason, number: signed.number, at: signed.not_before })
}
