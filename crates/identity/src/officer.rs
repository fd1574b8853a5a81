//! Officers (protocol-spec/03-identity, section 5): who may enrol people and vouch for the state of revocations.

use std::fmt;

use amanat_primitives::{
    CryptoRngCore, StatementId, Timestamp,
    agree::NoisePublic,
    sign::{SigningKey, VerifyingKey},
};
use amanat_wire::record;

use crate::{
    Authority, ChainError, Handle, IssueError, KeyId, OfficerKeys, PersonName, Post, Powers, Statement, StatementKind,
    Tier,
    body::{GrantBody, OfficerBody},
    policy::{DEVICE_VALIDITY, REDEEM_WITHIN},
    statement::{Checker, Frame, Moment},
};

record!(
    /// What an officer's machine says of itself on a link. The authority certificate is pinned by whoever reads it.
    pub struct OfficerChain {
        /// The officer certificate.
        certificate: Statement,
    }
);

impl OfficerChain {
    /// Checks it.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn verify(&self, authority: &Authority, now: Timestamp) -> Result<VerifiedOfficer, ChainError> {
        VerifiedOfficer::open(&self.certificate, &authority.checker(Moment::at(now))?, authority)
    }
}

impl Statement {
    /// Whose officer's certificate it is, without believing it.
    ///
    /// # Errors
    /// [`ChainError`] where it is none.
    pub fn officer_key(&self) -> Result<KeyId, ChainError> {
        Ok(KeyId::of(&self.peek::<OfficerBody>()?.signing))
    }
}

/// An officer whose certificate was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedOfficer {
    authority: Authority,
    statement: Statement,
    body: OfficerBody,
    id: KeyId,
}

impl VerifiedOfficer {
    pub(crate) fn open(certificate: &Statement, checker: &Checker, authority: &Authority) -> Result<Self, ChainError> {
        let body: OfficerBody = checker.open(certificate, authority.key())?;
        Ok(Self { authority: authority.clone(), statement: certificate.clone(), id: KeyId::of(&body.signing), body })
    }

    /// Refuses an officer without the power to issue `what`. `[ID-07]`
    pub(crate) fn require(&self, power: Powers, what: StatementKind) -> Result<(), ChainError> {
        if self.body.powers.include(power) { Ok(()) } else { Err(ChainError::NotEmpowered { what }) }
    }

    /// The authority behind the officer.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Id of the officer's signing key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The officer's name.
    #[must_use]
    pub fn name(&self) -> &PersonName {
        &self.body.name
    }

    /// What the officer may do.
    #[must_use]
    pub fn powers(&self) -> Powers {
        self.body.powers
    }

    /// Signs grants and status statements.
    #[must_use]
    pub fn signing_key(&self) -> &VerifyingKey {
        &self.body.signing
    }

    /// Authenticates the officer's links.
    #[must_use]
    pub fn noise_key(&self) -> &NoisePublic {
        &self.body.noise
    }

    /// The certificate itself.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Id of the certificate.
    #[must_use]
    pub fn certificate(&self) -> StatementId {
        self.statement.id()
    }

    /// The end of the certificate.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.statement.signed.not_after
    }

    /// Refuses a link that was authenticated with another key than the certificate's. `[ID-21]`
    ///
    /// # Errors
    /// [`ChainError::OtherLinkKey`].
    pub fn require_link_key(&self, authenticated: &NoisePublic) -> Result<(), ChainError> {
        if self.noise_key() == authenticated { Ok(()) } else { Err(ChainError::OtherLinkKey) }
    }
}

impl fmt::Debug for VerifiedOfficer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedOfficer({})", self.id)
    }
}

/// Whom a grant is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Invitee {
    /// The handle, of the authority's domain.
    pub handle: Handle,
    /// The person's name.
    pub name: PersonName,
    /// The person's post.
    pub post: Post,
    /// The highest tier the person may see.
    pub clearance: Tier,
    /// The new device replaces the person's others.
    pub replaces: bool,
}

impl OfficerKeys {
    /// Signs a grant: redeemable for 7 days, its device certificate good for a year.
    ///
    /// # Errors
    /// [`IssueError`].
    pub(crate) fn grant(
        &self,
        officer: &VerifiedOfficer,
        invitee: Invitee,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<(Statement, SigningKey), IssueError> {
        self.require_own(officer, Powers::ENROL, StatementKind::Grant, now)?;
        let enrolment_key = SigningKey::generate(rng);
        let Invitee { handle, name, post, clearance, replaces } = invitee;
        let body = GrantBody {
            handle,
            name,
            post,
            clearance,
            powers: Powers::NONE,
            redeem_by: now.after(REDEEM_WITHIN),
            enrolment_key: enrolment_key.verifying_key(),
            replaces,
        };
        let frame = Frame::lasting(officer.authority().id(), now, DEVICE_VALIDITY);
        Ok((Statement::issue(frame, &body, self.signing())?, enrolment_key))
    }

    /// Refuses to sign what nobody would believe.
    pub(crate) fn require_own(
        &self,
        officer: &VerifiedOfficer,
        power: Powers,
        what: StatementKind,
        now: Timestamp,
    ) -> Result<(), IssueError> {
        if officer.id() != self.id() {
            return Err(IssueError::OtherKeys);
        }
        // The officer may have been verified long ago, by a process that runs on.
        let signed = &officer.statement.signed;
        officer.authority().checker(Moment::at(now))?.moment.within(
            StatementKind::OfficerCertificate,
            signed.not_before,
            signed.not_after,
        )?;
        officer.require(power, what)?;
        Ok(())
    }
}
