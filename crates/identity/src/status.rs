//! Status statements (protocol-spec/03-identity, section 8): what is revoked, said by an officer, and until when that
//! is known. A relay that withholds a revocation can do so only until the last statement's next update.

use std::fmt;
use std::time::Duration;

use amanat_primitives::{StatementId, Timestamp};
use amanat_wire::record;

use crate::{
    Authority, ChainError, IssueError, KeyId, OfficerKeys, Powers, Statement, Tier, VerifiedOfficer,
    body::{StatusBody, empty_revocation_list},
    policy::{self, POLICY_VERSION, STATUS_VALIDITY_MAX},
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
    /// [`ChainError`]; [`ChainError::NeedsNewer`] where it names revocations, which this version cannot judge: its
    /// knowledge then runs out as if nothing had been published.
    pub fn verify(&self, authority: &Authority, now: Timestamp) -> Result<VerifiedStatus, ChainError> {
        let what = StatusBody::KIND;
        let checker = authority.checker(Moment::at(now))?;
        let officer = VerifiedOfficer::open(&self.officer_certificate, &checker, authority)?;
        let unending = Moment { late: Duration::MAX, ..checker.moment };
        let body: StatusBody = Checker { moment: unending, ..checker }.open(&self.statement, officer.signing_key())?;
        officer.require(Powers::ATTEST, what)?;
        let signed = &self.statement.signed;
        // [ID-24]
        if signed.not_after > signed.not_before.after(STATUS_VALIDITY_MAX) {
            return Err(ChainError::Mismatch { what });
        }
        // [ID-25]
        if body.revocation_count != 0 {
            return Err(ChainError::NeedsNewer { what });
        }
        if body.revocation_list != empty_revocation_list() {
            return Err(ChainError::Mismatch { what });
        }
        Ok(VerifiedStatus { published: self.clone(), id: self.statement.id(), officer: officer.id(), body })
    }

    /// The number for a new statement: above `previous`, and above what other officers of the authority are likely to
    /// have used, since it follows the clock.
    #[must_use]
    pub fn next_number(previous: Option<u64>, now: Timestamp) -> u64 {
        previous.map_or(0, |number| number.saturating_add(1)).max(now.as_millis())
    }
}

impl OfficerKeys {
    /// Signs a status statement without revocations that holds for `validity`
    /// ([`STATUS_VALIDITY`](crate::policy::STATUS_VALIDITY) unless there is a reason).
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn attest(
        &self,
        officer: &VerifiedOfficer,
        number: u64,
        now: Timestamp,
        validity: Duration,
    ) -> Result<SignedStatus, IssueError> {
        self.require_own(officer, Powers::ATTEST, StatusBody::KIND, now)?;
        if validity > STATUS_VALIDITY_MAX {
            return Err(IssueError::TooLasting);
        }
        let body = StatusBody {
            revocation_list: empty_revocation_list(),
            revocation_count: 0,
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

record!(
    /// The highest status statement that was ever accepted: what must survive a restart.
    pub struct StatusMark {
        /// Its number.
        number: u64,
        /// Its id.
        id: StatementId,
    }
);

/// What is known about revocations: the latest status statement. Numbers never go down.
#[derive(Clone, Debug, Default)]
pub struct StatusView {
    mark: Option<StatusMark>,
    current: Option<VerifiedStatus>,
}

impl StatusView {
    /// Knows nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// After a restart: accepts nothing below `mark`. The statement itself, if it was kept, is verified and accepted
    /// like any other.
    #[must_use]
    pub fn resume(mark: StatusMark) -> Self {
        Self { mark: Some(mark), current: None }
    }

    /// Takes a statement that is newer than what is held, or the same. `[ID-23]`
    ///
    /// # Errors
    /// [`OldStatus`]; nothing has changed.
    pub fn accept(&mut self, status: VerifiedStatus) -> Result<(), OldStatus> {
        let offered = status.number();
        if let Some(StatusMark { number: held, id }) = self.mark {
            if offered < held {
                return Err(OldStatus::Older { held, offered });
            }
            if offered == held && status.id() != id {
                return Err(OldStatus::Conflict { number: held });
            }
        }
        self.mark = Some(StatusMark { number: offered, id: status.id() });
        self.current = Some(status);
        Ok(())
    }

    /// What must be stored before anything rests on the statement that was accepted.
    #[must_use]
    pub fn mark(&self) -> Option<&StatusMark> {
        self.mark.as_ref()
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

    /// Refuses a revoked grant. This version accepts no statement that names revocations (`[ID-25]`), so that there
    /// is none to be found; the place where it will be is here.
    ///
    /// # Errors
    /// [`ChainError::Revoked`].
    pub fn require_not_revoked(&self, _grant: &StatementId) -> Result<(), ChainError> {
        Ok(())
    }
}
