//! Revocations (protocol-spec/03-identity, section 8): the list that a status statement names, and what it makes of a
//! device.
//!
//! ```text
//! L_0 = H("revocation list")      L_i = H("revocation list", L_(i-1), entry i)
//! ```
//! A status statement names how many entries there are and the last L, which is over all of each entry. Each entry's number is that of the status
//! statement which first listed it, so that everybody who holds a list that reaches some number comes to the same
//! verdict about that moment, whatever was revoked later.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use amanat_primitives::{DeviceId, Digest, Label, StatementId, Timestamp, hash};
use amanat_wire::{Encode as _, List, choice, code, record};

use crate::{
    Authority, AuthorityKeys, ChainError, Handle, IssueError, KeyId, OfficerKeys, Powers, Standing, Statement,
    StatementKind, Subject, Tier, VerifiedDevice, VerifiedOfficer, VerifiedStatus,
    body::{AuthorityBody, RevocationBody, empty_revocation_list},
    cosignature::{COSIGNATURES, Cosignature, Said},
    policy::ALONE,
    statement::{Body as _, Frame, Moment, Signed},
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
        /// An officer: what they sign from then on, and what nobody else can say was signed before.
        4 => Officer(KeyId),
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
        /// Nobody renewed the device in time.
        6 => Lapsed,
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
            Self::Lapsed => "lapsed",
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
    /// A revocation with the certificate of whoever signed it: an entry of the list.
    pub struct RevocationEntry {
        /// The officer's certificate; of the root, the authority's own.
        certificate: Statement,
        /// The revocation.
        statement: Statement,
        /// Where one officer may not list it alone: by two officers.
        cosignatures: List<Cosignature, COSIGNATURES>,
    }
);

impl RevocationEntry {
    /// The same with signatures over what it says, which are checked where the list is.
    #[must_use]
    pub fn cosigned(self, cosignatures: List<Cosignature, COSIGNATURES>) -> Self {
        Self { cosignatures, ..self }
    }

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

    /// Who signed it, unchecked.
    #[must_use]
    pub fn issuer(&self) -> KeyId {
        self.statement.signed.issuer
    }
}

impl AuthorityKeys {
    /// Signs the revocation of an officer, which takes effect with the status statement of that number. Another officer
    /// signs that one.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn revoke(
        &self,
        authority: &Authority,
        number: u64,
        body: &RevocationBody,
        now: Timestamp,
    ) -> Result<RevocationEntry, IssueError> {
        if authority.id() != self.id() {
            return Err(IssueError::OtherKeys);
        }
        authority.checker(Moment::at(now))?;
        require_signer(body, true)?;
        let frame = Frame { authority: self.id(), number, not_before: now, not_after: Timestamp::FAR_FUTURE };
        let statement = Statement::issue(frame, body, self.signing())?;
        let certificate = authority.certificate().statement().clone();
        Ok(RevocationEntry { certificate, statement, cosignatures: List::default() })
    }
}

impl OfficerKeys {
    /// Signs a revocation of anything but an officer, which takes effect with the status statement of that number.
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
        require_signer(body, false)?;
        let authority = officer.authority().id();
        let frame = Frame { authority, number, not_before: now, not_after: Timestamp::FAR_FUTURE };
        let statement = Statement::issue(frame, body, self.signing())?;
        let certificate = officer.statement().clone();
        Ok(RevocationEntry { certificate, statement, cosignatures: List::default() })
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
        // [ID-63] All of it: whoever brings a list could take cosignatures off it else, and another list would verify.
        let hash = hash::digest(Label::REVOCATION_LIST, &[self.hash.as_bytes(), &entry.to_bytes()]);
        Self { count: self.count.saturating_add(1), hash }
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
    /// The statement, or an entry that it names, was signed for another time than it says.
    #[error("the status statement bears an earlier time than a revocation that it names")]
    Backdated,
    /// One officer has listed more than one may, and nobody else has signed.
    #[error("an officer has revoked more alone than one may: a second officer must sign what is above that")]
    Alone,
    /// The list would be longer than is allowed.
    #[error("a list has {ENTRIES_MAX} revocations at most")]
    TooMany,
}

#[derive(Clone, Debug)]
struct Listed {
    /// None: the root.
    officer: Option<KeyId>,
    /// What it says, where another officer's signature counts beside it.
    cosigned: Option<Digest>,
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
    /// What two officers have signed, and was listed by that.
    cosigned: HashSet<Digest>,
    /// The highest time that an entry bears.
    latest: Timestamp,
    summary: ListSummary,
    /// Number of that status statement; 0 where there is none.
    number: u64,
}

impl RevocationList {
    /// A whole list, for the officer who is about to sign a status statement of that number that names it.
    ///
    /// # Errors
    /// [`ListError`].
    pub fn of(
        entries: &[RevocationEntry],
        authority: &Authority,
        number: u64,
        now: Timestamp,
    ) -> Result<Self, ListError> {
        let mut list = Self::default();
        let opened = list.open_all(entries, authority, (number, now))?;
        let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
        list.extend(Extension { first: 0, number, entries: opened, summary });
        Ok(list)
    }

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
        self.standing_when(subject, as_of, Timestamp::FAR_FUTURE)
    }

    /// As [`standing_of`](Self::standing_of), for what was done at a time: a clearance that was stated after it lifts no
    /// ceiling, whoever has a chain that says so already. `[ID-46]`
    #[must_use]
    pub fn standing_when(&self, subject: &Subject, as_of: u64, at: Timestamp) -> Standing {
        let granted = (subject.granted, subject.granted_at);
        let renewed = (subject.clearance, subject.cleared_at);
        if self.entries.is_empty() {
            return Standing::Good { clearance: granted.0.max(renewed.0) };
        }
        // [ID-41] A renewal bears no other date than its officer's: it may have been signed since.
        let by_former = subject.renewed_by.is_some_and(|officer| self.is_officer_revoked(officer, as_of));
        let mut stated = [granted, if by_former { granted } else { renewed }];
        let targets = [
            Target::Device(subject.device),
            Target::Person(subject.handle.clone()),
            Target::Grant(subject.grant),
            Target::Officer(subject.officer),
        ];
        for entry in targets.iter().flat_map(|target| self.about(target, as_of)) {
            match entry.ceiling {
                _ if !subject.is_met_by(&entry.target, entry.at) => {}
                None => return Standing::Revoked { reason: entry.reason, number: entry.number, at: entry.at },
                Some(ceiling) => {
                    // [ID-38] A clearance that was stated later holds.
                    for (clearance, _) in stated.iter_mut().filter(|(_, said)| *said <= entry.at || *said > at) {
                        *clearance = (*clearance).min(ceiling);
                    }
                }
            }
        }
        let [(first, _), (second, _)] = stated;
        Standing::Good { clearance: first.max(second) }
    }

    /// How many entries an officer has listed alone in the time before that number.
    #[must_use]
    pub fn listed_alone(&self, officer: KeyId, number: u64, within: Duration) -> usize {
        let all = self.entries.iter().rev();
        let late = all.take_while(|entry| number.saturating_sub(entry.number) < millis(within));
        late.filter(|entry| entry.is_alone() && entry.officer == Some(officer)).count()
    }

    /// How many more an officer may list alone under that number.
    #[must_use]
    pub fn alone_left(&self, officer: KeyId, number: u64) -> usize {
        let left = ALONE.map(|(within, most)| most.saturating_sub(self.listed_alone(officer, number, within)));
        left.into_iter().min().unwrap_or(0)
    }

    /// Whether an officer is revoked, as of the status statement of that number.
    #[must_use]
    pub fn is_officer_revoked(&self, officer: KeyId, as_of: u64) -> bool {
        self.about(&Target::Officer(officer), as_of).next().is_some()
    }

    /// The entries about `target` up to that number, in their order.
    fn about(&self, target: &Target, as_of: u64) -> impl Iterator<Item = &Listed> {
        let places = self.by_target.get(&target.to_bytes()).into_iter().flatten();
        places.filter_map(|place| self.entries.get(*place)).filter(move |entry| entry.number <= as_of)
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
        let listed = self.open_all(entries, authority, (status.number(), status.this_update()))?;
        let by = Target::Officer(status.officer());
        if self.is_officer_revoked(status.officer(), u64::MAX) || listed.iter().any(|entry| entry.target == by) {
            return Err(ChainError::OfficerRevoked { what: StatementKind::Status }.into());
        }
        Ok(Extension { first: held, number: status.number(), entries: listed, summary })
    }

    /// Checks entries that are to stand behind this list, up to a status statement of that number and time.
    fn open_all(
        &self,
        entries: &[RevocationEntry],
        authority: &Authority,
        (number, time): (u64, Timestamp),
    ) -> Result<Vec<Listed>, ListError> {
        let mut listed: Vec<Listed> = Vec::with_capacity(entries.len());
        let mut alone: HashMap<KeyId, Vec<u64>> = HashMap::new();
        let mut cosigned = HashSet::new();
        let mut officer = None;
        // [ID-47] Whoever has none of the list yet judges all of it by this time.
        let latest = time.after(Timestamp::CLOCK_TOLERANCE);
        if self.latest > latest {
            return Err(ListError::Backdated);
        }
        // [ID-42] What a revoked officer signs stands only where it stood before.
        let is_revoked = |officer: KeyId, listed: &[Listed]| {
            self.is_officer_revoked(officer, u64::MAX)
                || listed.iter().any(|entry| entry.target == Target::Officer(officer))
        };
        for entry in entries {
            let mut opened = open(entry, authority, &mut officer)?;
            if opened.officer.is_some_and(|officer| is_revoked(officer, &listed)) {
                return Err(ChainError::OfficerRevoked { what: RevocationBody::KIND }.into());
            }
            // [ID-31]
            let before = listed.last().map_or(self.number.saturating_add(1), |last| last.number);
            if opened.number < before || opened.number > number {
                return Err(ListError::Order);
            }
            if opened.at > latest {
                return Err(ListError::Backdated);
            }
            if let Some(officer) = opened.officer {
                let (said, others) = cosigners(entry, &opened, authority)?;
                let counts = |other: &KeyId| *other != officer && !is_revoked(*other, &listed);
                // [ID-60] The number is not in what the other one signed: one signature would do for any number of entries.
                if others.iter().any(counts) && !self.cosigned.contains(&said) && cosigned.insert(said) {
                    opened.cosigned = Some(said);
                }
                // [ID-44]
                if opened.is_alone() && !self.may_list_alone(officer, opened.number, alone.entry(officer).or_default())
                {
                    return Err(ListError::Alone);
                }
            }
            listed.push(opened);
        }
        Ok(listed)
    }

    /// Whether an officer may list one more alone, behind this list and those under the numbers `new`; notes it there.
    fn may_list_alone(&self, officer: KeyId, number: u64, new: &mut Vec<u64>) -> bool {
        let fits = ALONE.iter().all(|(within, most)| {
            let late = new.iter().rev().take_while(|other| number.saturating_sub(**other) < millis(*within)).count();
            late.saturating_add(self.listed_alone(officer, number, *within)) < *most
        });
        new.push(number);
        fits
    }

    /// Appends what was checked against this list. Says whether it fitted.
    pub(crate) fn extend(&mut self, extension: Extension) -> bool {
        if extension.first != self.summary.count || extension.number < self.number {
            return false;
        }
        for entry in extension.entries {
            self.by_target.entry(entry.target.to_bytes()).or_default().push(self.entries.len());
            self.cosigned.extend(entry.cosigned);
            self.latest = self.latest.max(entry.at);
            self.entries.push(entry);
        }
        self.summary = extension.summary;
        self.number = extension.number;
        true
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Officers are revoked by the root, which revokes nobody else; a ceiling is for clearances. `[ID-39]`
fn require_signer(body: &RevocationBody, is_root: bool) -> Result<(), ChainError> {
    let what = RevocationBody::KIND;
    let of_officer = matches!(body.target, Target::Officer(_));
    if of_officer != is_root {
        return Err(ChainError::WrongIssuer { what });
    }
    if of_officer && body.ceiling.is_some() { Err(ChainError::Mismatch { what }) } else { Ok(()) }
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
    if signed.issuer == authority.id() {
        checker.open::<AuthorityBody>(&entry.certificate, authority.key())?;
        if !entry.cosignatures.is_empty() {
            return Err(ChainError::Mismatch { what: RevocationBody::KIND });
        }
        let body: RevocationBody = checker.open(&entry.statement, authority.key())?;
        require_signer(&body, true)?;
        return Ok(Listed::of(body, None, signed));
    }
    let known = last.take().filter(|officer| *officer.statement() == entry.certificate);
    let officer = match known {
        Some(officer) => {
            let certificate = &officer.statement().signed;
            checker.moment.within(certificate.kind, certificate.not_before, certificate.not_after)?;
            officer
        }
        None => VerifiedOfficer::open(&entry.certificate, &checker, authority)?,
    };
    officer.require(Powers::REVOKE, RevocationBody::KIND)?;
    let body: RevocationBody = checker.open(&entry.statement, officer.signing_key())?;
    require_signer(&body, false)?;
    let id = officer.id();
    *last = Some(officer);
    Ok(Listed::of(body, Some(id), signed))
}

/// What an entry says, and who else has signed it. `[ID-45]`
fn cosigners(
    entry: &RevocationEntry,
    opened: &Listed,
    authority: &Authority,
) -> Result<(Digest, Vec<KeyId>), ChainError> {
    let said = Said { authority: authority.id(), at: opened.at, body: entry.said()? };
    let listed = Timestamp::from_millis(opened.number);
    let others = entry.cosignatures.iter().map(|one| Ok(one.open(&said, authority, listed)?.id()));
    Ok((said.id(), others.collect::<Result<_, _>>()?))
}

impl Listed {
    fn of(body: RevocationBody, officer: Option<KeyId>, signed: &Signed) -> Self {
        let RevocationBody { target, ceiling, reason, .. } = body;
        Self { officer, cosigned: None, target, ceiling, reason, number: signed.number, at: signed.not_before }
    }

    /// Only one officer answers for it.
    fn is_alone(&self) -> bool {
        self.officer.is_some() && self.cosigned.is_none()
    }
}
