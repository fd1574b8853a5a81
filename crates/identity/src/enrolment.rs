//! Enrolment (protocol-spec/03-identity, section 6): what a new device brings to the relay, and the receipt it gets.

use std::fmt;

use amanat_primitives::{DeviceId, StatementId, Timestamp, agree::NoisePublic};
use amanat_wire::record;

use crate::{
    Address, Authority, ChainError, DeviceChain, IssueError, KeyId, RelayKeys, SUITE_XWING, Statement, StatusView,
    Subject, Tier, VerifiedOfficer,
    body::{DeviceBody, GrantBody, Powers, ReceiptBody},
    keys::device_id,
    statement::{Body as _, Checker, Frame, Moment},
};

record!(
    /// A redeemed grant on its way to the relay.
    pub struct Enrolment {
        /// Certificate of the officer who granted.
        officer_certificate: Statement,
        /// The grant.
        grant: Statement,
        /// The new device's certificate.
        device_certificate: Statement,
    }
);

/// The part of a chain that an enrolment and a finished chain share, checked.
pub(crate) struct CheckedGrant {
    pub(crate) officer: VerifiedOfficer,
    pub(crate) grant: GrantBody,
    pub(crate) device: DeviceBody,
    pub(crate) certificate: StatementId,
    pub(crate) valid_until: Timestamp,
}

/// The officer and the grant, checked.
pub(crate) fn check_grant(
    officer_certificate: &Statement,
    grant: &Statement,
    authority: &Authority,
    checker: &Checker,
) -> Result<(VerifiedOfficer, GrantBody), ChainError> {
    let officer = VerifiedOfficer::open(officer_certificate, checker, authority)?;
    let body: GrantBody = checker.open(grant, officer.signing_key())?;
    officer.require(Powers::ENROL, GrantBody::KIND)?;
    Ok((officer, body))
}

pub(crate) fn check_device(
    statements: &Enrolment,
    authority: &Authority,
    checker: &Checker,
) -> Result<CheckedGrant, ChainError> {
    let what = DeviceBody::KIND;
    let (officer, grant) = check_grant(&statements.officer_certificate, &statements.grant, authority, checker)?;
    let certificate = &statements.device_certificate;
    let device: DeviceBody =
        checker.open_possessed(certificate, &grant.enrolment_key, |body: &DeviceBody| body.signing)?;
    // [ID-11] The certificate redeems this grant, and has its window.
    let window = |statement: &Statement| (statement.signed.not_before, statement.signed.not_after);
    if device.grant != statements.grant.id() || window(certificate) != window(&statements.grant) {
        return Err(ChainError::Mismatch { what });
    }
    // [ID-12]
    if device.signing == grant.enrolment_key {
        return Err(ChainError::EnrolmentKeyCertified);
    }
    // [ID-13]
    if !device.suites.contains(&SUITE_XWING) {
        return Err(ChainError::SuiteMissing);
    }
    let ends = [officer.authority().valid_until(), officer.valid_until(), certificate.signed.not_after];
    let valid_until = ends.into_iter().min().unwrap_or_default();
    Ok(CheckedGrant { officer, grant, device, certificate: certificate.id(), valid_until })
}

/// Refuses a time of redemption after `redeem_by`. `[ID-14]`
pub(crate) fn in_time(grant: &GrantBody, at: Timestamp) -> Result<(), ChainError> {
    if at > grant.redeem_by.after(Timestamp::CLOCK_TOLERANCE) {
        return Err(ChainError::GrantExpired { since: grant.redeem_by });
    }
    Ok(())
}

impl Enrolment {
    /// Checks it as the relay that is to take it. Whether the grant was redeemed before is for the relay's store to
    /// say ([`GrantLedger::redeem`](crate::GrantLedger::redeem) is the rule).
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn verify(
        &self,
        authority: &Authority,
        now: Timestamp,
        status: &StatusView,
    ) -> Result<VerifiedEnrolment, ChainError> {
        let checker = authority.checker(Moment::at(now))?;
        let checked = check_device(self, authority, &checker)?;
        in_time(&checked.grant, now)?;
        let verified = VerifiedEnrolment { authority: authority.clone(), checked, statements: self.clone() };
        // [ID-40]
        if status.revocations().is_officer_revoked(verified.officer(), u64::MAX) {
            return Err(ChainError::OfficerRevoked { what: GrantBody::KIND });
        }
        // [ID-34]
        if status.revocations().standing_of(&verified.subject(), u64::MAX).is_revoked() {
            return Err(ChainError::Revoked);
        }
        Ok(verified)
    }

    /// Id of the grant, unchecked.
    #[must_use]
    pub fn grant_id(&self) -> StatementId {
        self.grant.id()
    }

    /// The finished chain, once the relay has answered with its receipt.
    #[must_use]
    pub fn into_chain(self, relay_certificate: Statement, receipt: Statement) -> DeviceChain {
        let Self { officer_certificate, grant, device_certificate } = self;
        DeviceChain {
            officer_certificate,
            grant,
            device_certificate,
            relay_certificate,
            receipt,
            renewal: None,
            approval: None,
        }
    }
}

/// An enrolment that was checked, but for which no receipt stands yet.
pub struct VerifiedEnrolment {
    authority: Authority,
    checked: CheckedGrant,
    statements: Enrolment,
}

impl VerifiedEnrolment {
    /// The grant that is redeemed.
    #[must_use]
    pub fn grant(&self) -> StatementId {
        self.checked.device.grant
    }

    /// The device certificate that redeems it.
    #[must_use]
    pub fn certificate(&self) -> StatementId {
        self.checked.certificate
    }

    /// The device that it makes.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        let device = &self.checked.device;
        device_id(&device.signing, &device.noise, &device.sealing)
    }

    /// The person's address.
    #[must_use]
    pub fn address(&self) -> Address {
        Address { handle: self.checked.grant.handle.clone(), domain: self.authority.domain().clone() }
    }

    /// The highest tier the person may see.
    #[must_use]
    pub fn clearance(&self) -> Tier {
        self.checked.grant.clearance
    }

    /// The person's other devices are revoked by it.
    #[must_use]
    pub fn replaces(&self) -> bool {
        self.checked.grant.replaces
    }

    /// What revocations are judged by.
    #[must_use]
    pub fn subject(&self) -> Subject {
        let granted_at = self.statements.grant.signed.not_before;
        Subject {
            device: self.device(),
            handle: self.checked.grant.handle.clone(),
            grant: self.grant(),
            granted_at,
            officer: self.officer(),
            granted: self.clearance(),
            enrolled_at: None,
            renewed_by: None,
            cleared_at: granted_at,
            clearance: self.clearance(),
        }
    }

    /// The officer who granted.
    #[must_use]
    pub fn officer(&self) -> KeyId {
        self.checked.officer.id()
    }

    /// Refuses a link that was authenticated with another key than the certificate's. `[ID-21]`
    ///
    /// # Errors
    /// [`ChainError::OtherLinkKey`].
    pub fn require_link_key(&self, authenticated: &NoisePublic) -> Result<(), ChainError> {
        if self.checked.device.noise == *authenticated { Ok(()) } else { Err(ChainError::OtherLinkKey) }
    }

    /// The statements themselves.
    #[must_use]
    pub fn statements(&self) -> &Enrolment {
        &self.statements
    }
}

impl fmt::Debug for VerifiedEnrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedEnrolment({})", self.certificate())
    }
}

impl RelayKeys {
    /// The receipt that makes the enrolment a chain. To be signed once for a grant, after the store has recorded which
    /// certificate it took, and given again unchanged when the same certificate comes again.
    ///
    /// # Errors
    /// [`IssueError::TooLong`] never occurs: a receipt's body has one length.
    pub fn receipt(&self, enrolment: &VerifiedEnrolment, now: Timestamp) -> Result<Statement, IssueError> {
        let body = ReceiptBody { grant: enrolment.grant(), certificate: enrolment.certificate() };
        let frame = Frame {
            authority: enrolment.authority.id(),
            number: now.as_millis(),
            not_before: now,
            not_after: enrolment.statements.grant.signed.not_after,
        };
        Ok(Statement::issue(frame, &body, self.signing())?)
    }
}
