//! Status statements (protocol-spec/03-identity, section 8): what is revoked, said by an officer, and until when that
//! is known. A relay that withholds a revocation can do so only until the last statement's next update.

use std::fmt;
use std::time::Duration;

use amanat_primitives::{StatementId, Timestamp};
use amanat_wire::record;

use crate::{
    Authority, ChainError, IssueError, KeyId, ListError, ListSummary, OfficerKeys, Powers, RevocationEntry,
    RevocationList, Statement, Tier, VerifiedOfficer,
    body::StatusBody,
    policy::{self, NUMBER_AHEAD_MAX, POLICY_VERSION, STATUS_VALIDITY_MAX},
    revocation::Extension,
    statement::{Body as _, Checker, Frame, Moment},
};

record!(
    /// A status statement with the certificate of the officer who signed it: what is published.
    pub struct SignedStatus {
        /// The officer's certificate.
        officer_certificate: Statement,
        /// The status statement.
        statement: Statement,
    }
);

impl SignedStatus {
    /// Checks it. An expired one passes, so that it can be shown as such; ask [`VerifiedStatus::freshness`].
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn verify(&self, authority: &Authority, now: Timestamp) -> Result<VerifiedStatus, ChainError> {
        let what = StatusBody::KIND;
        let signed = &self.statement.signed;
        let checker = authority.checker(Moment::at(now))?;
        let officer = VerifiedOfficer::open(&self.officer_certificate, &checker, authority)?;
        let unending = Moment { late: Duration::MAX, ..checker.moment };
        let body: StatusBody = Checker { moment: unending, ..checker }.open(&self.statement, officer.signing_key())?;
        officer.require(Powers::ATTEST, what)?;
        // [ID-24]
        let too_lasting = signed.not_after > signed.not_before.after(STATUS_VALIDITY_MAX);
        // [ID-43] Else one officer could take all numbers from the others.
        let ahead = signed.number > signed.not_before.after(NUMBER_AHEAD_MAX).as_millis();
        if too_lasting || ahead {
            return Err(ChainError::Mismatch { what });
        }
        // [ID-49] After a restart it is judged as of then.
        let (then, of) = (authority.checker(Moment::at(signed.not_before))?, &self.officer_certificate.signed);
        then.moment.within(of.kind, of.not_before, of.not_after)?;
        Ok(VerifiedStatus { published: self.clone(), id: self.statement.id(), officer: officer.id(), body })
    }

    /// As [`verify`](Self::verify), as of when it was signed, for a list to go on with: its officer's certificate may have
    /// ended since. `[ID-62]`
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn verify_then(&self, authority: &Authority, now: Timestamp) -> Result<VerifiedStatus, ChainError> {
        self.verify(authority, self.statement.signed.not_before.min(now))
    }

    /// The number for a new statement: above `previous`, and above what other officers of the authority are likely to
    /// have used, since it follows the clock.
    #[must_use]
    pub fn next_number(previous: Option<u64>, now: Timestamp) -> u64 {
        previous.map_or(0, |number| number.saturating_add(1)).max(now.as_millis())
    }
}

impl OfficerKeys {
    /// Signs a status statement about the list of that summary, which holds for `validity`
    /// ([`STATUS_VALIDITY`](crate::policy::STATUS_VALIDITY) unless there is a reason).
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn attest(
        &self,
        officer: &VerifiedOfficer,
        number: u64,
        revocations: ListSummary,
        now: Timestamp,
        validity: Duration,
    ) -> Result<SignedStatus, IssueError> {
        self.require_own(officer, Powers::ATTEST, StatusBody::KIND, now)?;
        if validity > STATUS_VALIDITY_MAX {
            return Err(IssueError::TooLasting);
        }
        let body = StatusBody {
            revocation_list: revocations.hash,
            revocation_count: revocations.count,
            policy_version: POLICY_VERSION,
            register: None,
        };
        let authority = officer.authority().id();
        let frame = Frame { authority, number, not_before: now, not_after: now.after(validity) };
        let statement = Statement::issue(frame, &body, self.signing())?;
        Ok(SignedStatus { officer_certificate: officer.statement().clone(), statement })
    }
}

/// How current the knowledge of revocations is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It holds.
    Fresh,
    /// A newer one should have come by then.
    Expired {
        /// When it ended.
        since: Timestamp,
    },
    /// There has never been one.
    Missing,
}

/// A status statement that was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedStatus {
    published: SignedStatus,
    id: StatementId,
    officer: KeyId,
    body: StatusBody,
}

impl VerifiedStatus {
    /// Strictly increasing within the authority.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.published.statement.signed.number
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> StatementId {
        self.id
    }

    /// When it was signed.
    #[must_use]
    pub fn this_update(&self) -> Timestamp {
        self.published.statement.signed.not_before
    }

    /// By when the next one is promised.
    #[must_use]
    pub fn next_update(&self) -> Timestamp {
        self.published.statement.signed.not_after
    }

    /// The list that it names.
    #[must_use]
    pub fn revocations(&self) -> ListSummary {
        ListSummary { count: self.body.revocation_count, hash: self.body.revocation_list }
    }

    /// The policy in force.
    #[must_use]
    pub fn policy_version(&self) -> u32 {
        self.body.policy_version
    }

    /// Who signed it.
    #[must_use]
    pub fn officer(&self) -> KeyId {
        self.officer
    }

    /// As it was published, to be passed on.
    #[must_use]
    pub fn published(&self) -> &SignedStatus {
        &self.published
    }

    /// Whether it still holds: until its next update, with the tolerance for clocks. `[ID-22]`
    #[must_use]
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        fresh_until(self.next_update(), now)
    }

    /// Whether it still holds at `tier`, where it may count as old sooner. `[ID-22]`
    #[must_use]
    pub fn freshness_at(&self, tier: Tier, now: Timestamp) -> Freshness {
        let old = self.this_update().after(policy::builtin(tier).status_max_age);
        fresh_until(self.next_update().min(old), now)
    }
}

fn fresh_until(end: Timestamp, now: Timestamp) -> Freshness {
    if now > end.after(Timestamp::CLOCK_TOLERANCE) { Freshness::Expired { since: end } } else { Freshness::Fresh }
}

impl fmt::Debug for VerifiedStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedStatus({}, {})", self.number(), self.id)
    }
}

/// Why a checked status statement does not replace the one that is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OldStatus {
    /// Its number is lower.
    #[error("status statement {offered} is older than {held}, which is known already")]
    Older {
        /// The highest number known.
        held: u64,
        /// The number offered.
        offered: u64,
    },
    /// Another statement has the same number: an officer has signed two, or two officers one each.
    #[error("two different status statements have the number {number}; tell the officer")]
    Conflict {
        /// The number of both.
        number: u64,
    },
}

/// The highest status statement that was ever accepted.
#[derive(Clone, Copy, Debug)]
struct Mark {
    number: u64,
    id: StatementId,
}

/// Why a checked status statement is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// It does not replace the one that is held.
    #[error(transparent)]
    Old(#[from] OldStatus),
    /// The list that it names is not here, or may not follow the one that is held.
    #[error(transparent)]
    List(#[from] ListError),
}

/// A status statement that may be accepted, with the list that it names: to be stored first.
pub struct Acceptable {
    status: VerifiedStatus,
    extension: Extension,
}

impl Acceptable {
    /// The statement.
    #[must_use]
    pub fn status(&self) -> &VerifiedStatus {
        &self.status
    }
}

/// What is known about revocations: the latest status statement and the list that it names. Numbers never go down.
#[derive(Clone, Debug, Default)]
pub struct StatusView {
    mark: Option<Mark>,
    current: Option<VerifiedStatus>,
    revocations: RevocationList,
}

impl StatusView {
    /// Knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// After a restart: what was accepted and stored, verified again as of when it was signed. Nothing below it is
    /// accepted, and its list stands, also where the officer's certificate has ended since; the statement itself is
    /// then not shown as current.
    ///
    /// # Errors
    /// [`NotAccepted`], [`ChainError`] in it: what is stored is not what was accepted.
    pub fn restore(
        stored: &SignedStatus,
        entries: &[RevocationEntry],
        authority: &Authority,
        now: Timestamp,
    ) -> Result<Self, NotAccepted> {
        let then = stored.verify(authority, stored.statement.signed.not_before).map_err(ListError::Chain)?;
        let mut view = Self::new();
        let acceptable = view.judge(then, entries, authority)?;
        view.accept(acceptable);
        if stored.verify(authority, now).is_err() {
            view.current = None;
        }
        Ok(view)
    }

    /// Judges a statement: newer than what is held, or the same, and `entries` are those of its list that are not held
    /// yet. Nothing changes.
    ///
    /// # Errors
    /// [`NotAccepted`].
    pub fn judge(
        &self,
        status: VerifiedStatus,
        entries: &[RevocationEntry],
        authority: &Authority,
    ) -> Result<Acceptable, NotAccepted> {
        self.require_newer(&status)?;
        let extension = self.revocations.check(&status, entries, authority)?;
        Ok(Acceptable { status, extension })
    }

    /// Refuses a statement that does not replace the one that is held. `[ID-23]`
    ///
    /// # Errors
    /// [`OldStatus`].
    pub fn require_newer(&self, status: &VerifiedStatus) -> Result<(), OldStatus> {
        let offered = status.number();
        if let Some(Mark { number: held, id }) = self.mark {
            if offered < held {
                return Err(OldStatus::Older { held, offered });
            }
            if offered == held && status.id() != id {
                return Err(OldStatus::Conflict { number: held });
            }
        }
        Ok(())
    }

    /// Takes what was judged here and has been stored since. Says whether it still fitted.
    pub fn accept(&mut self, acceptable: Acceptable) -> bool {
        let Acceptable { status, extension } = acceptable;
        if self.require_newer(&status).is_err() || !self.revocations.extend(extension) {
            return false;
        }
        self.mark = Some(Mark { number: status.number(), id: status.id() });
        self.current = Some(status);
        true
    }

    /// The revocations that the latest statement names.
    #[must_use]
    pub fn revocations(&self) -> &RevocationList {
        &self.revocations
    }

    /// The highest number known.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.mark.as_ref().map(|mark| mark.number)
    }

    /// The latest statement.
    #[must_use]
    pub fn current(&self) -> Option<&VerifiedStatus> {
        self.current.as_ref()
    }

    /// Whether what is known holds.
    #[must_use]
    pub fn freshness(&self, now: Timestamp) -> Freshness {
        self.current.as_ref().map_or(Freshness::Missing, |status| status.freshness(now))
    }

    /// Whether what is known holds at `tier`.
    #[must_use]
    pub fn freshness_at(&self, tier: Tier, now: Timestamp) -> Freshness {
        self.current.as_ref().map_or(Freshness::Missing, |status| status.freshness_at(tier, now))
    }

    /// Whether anything may be sent at `tier`: from confidential upward only on fresh knowledge. `[ID-22]`
    #[must_use]
    pub fn may_send(&self, tier: Tier, now: Timestamp) -> bool {
        !policy::builtin(tier).stops_sending_when_expired || self.freshness_at(tier, now) == Freshness::Fresh
    }
}
