//! Renewals (protocol-spec/03-identity, section 7): a grant's person and window, said anew by an officer for the same keys.
//!
//! ```text
//! struct { Statement officer_certificate; Statement statement; } Renewal;
//! ```
//! It stands at the end of the device's chain. With it the chain before is judged as of when the relay took the device,
//! and the renewal as of now: what has ended since ends nothing.

use std::time::Duration;

use amanat_primitives::{StatementId, Timestamp};
use amanat_wire::record;

use crate::{
    Authority, ChainError, IssueError, KeyId, OfficerKeys, Powers, Statement, StatementKind, VerifiedOfficer,
    body::RenewalBody,
    statement::{Body as _, Checker, Frame},
};

record!(
    /// A renewal with the certificate of the officer who signed it.
    pub struct Renewal {
        /// The officer's certificate.
        officer_certificate: Statement,
        /// The renewal.
        statement: Statement,
    }
);

impl Renewal {
    /// What it says, without believing it.
    ///
    /// # Errors
    /// [`ChainError`] where it is no renewal.
    pub fn said(&self) -> Result<RenewalBody, ChainError> {
        self.statement.peek()
    }

    /// The grant that it renews, unchecked.
    ///
    /// # Errors
    /// As [`said`](Self::said).
    pub fn grant(&self) -> Result<StatementId, ChainError> {
        Ok(self.said()?.grant)
    }

    /// Who signed it, unchecked.
    #[must_use]
    pub fn officer(&self) -> KeyId {
        self.statement.signed.issuer
    }

    /// When it was signed, unchecked.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.statement.signed.not_before
    }

    /// Checks it for a grant; the end of what it rests on. `[ID-36]`
    pub(crate) fn open(
        &self,
        grant: &Statement,
        checker: &Checker,
        authority: &Authority,
    ) -> Result<(RenewalBody, Timestamp), ChainError> {
        let officer = VerifiedOfficer::open(&self.officer_certificate, checker, authority)?;
        let body: RenewalBody = checker.open(&self.statement, officer.signing_key())?;
        officer.require(Powers::ENROL, RenewalBody::KIND)?;
        if body.grant != grant.id() || self.at() < grant.signed.not_before {
            return Err(ChainError::Mismatch { what: RenewalBody::KIND });
        }
        let ends = [authority.valid_until(), officer.valid_until(), self.statement.signed.not_after];
        Ok((body, ends.into_iter().min().unwrap_or_default()))
    }
}

impl OfficerKeys {
    /// Renews a grant for `validity` ([`DEVICE_VALIDITY`](crate::policy::DEVICE_VALIDITY) unless there is a reason).
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn renew(
        &self,
        officer: &VerifiedOfficer,
        body: &RenewalBody,
        now: Timestamp,
        validity: Duration,
    ) -> Result<Renewal, IssueError> {
        self.require_own(officer, Powers::ENROL, StatementKind::Renewal, now)?;
        let statement =
            Statement::issue(Frame::lasting(officer.authority().id(), now, validity), body, self.signing())?;
        Ok(Renewal { officer_certificate: officer.statement().clone(), statement })
    }
}
