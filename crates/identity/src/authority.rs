//! The authority (protocol-spec/03-identity, section 5): its self-signed certificate, pinned by everybody, and what
//! its root key certifies.

use std::fmt;
use std::time::Duration;

use amanat_primitives::{Timestamp, sign::VerifyingKey};
use amanat_wire::{Decode, DecodeError, Encode, List, Reader, Writer};

use crate::{
    AuditorCard, AuthorityKeys, ChainError, Domain, IssueError, KeyId, OfficeName, OfficerCard, Powers, RelayCard,
    Statement, StatementKind,
    body::{AuditorBody, AuthorityBody, OfficerBody, RelayBody},
    policy::AUTHORITY_VALIDITY,
    statement::{Checker, Frame, Moment},
};

/// A self-signed authority certificate, not checked yet. Believing it is a decision: it is pinned because of where it
/// came from (`authority.cert`, an invitation handed over), never because it verifies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuthorityCertificate(Statement);

impl AuthorityCertificate {
    /// Checks it, to be pinned.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn verify(&self, now: Timestamp) -> Result<Authority, ChainError> {
        let AuthorityBody { domain, name, key } = self.0.peek()?;
        let id = KeyId::of(&key);
        // [ID-04] The authority is the holder of the key that the body names, and the body is signed by it.
        Checker { authority: id, moment: Moment::at(now) }.open::<AuthorityBody>(&self.0, &key)?;
        Ok(Authority { certificate: self.clone(), id, key, domain, name })
    }

    /// The statement itself.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.0
    }
}

impl Encode for AuthorityCertificate {
    fn encode(&self, w: &mut Writer) {
        self.0.encode(w);
    }
}

impl Decode for AuthorityCertificate {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(Statement::decode(r)?))
    }
}

/// An authority whose certificate was checked: the pinned root of everything else.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    certificate: AuthorityCertificate,
    id: KeyId,
    key: VerifyingKey,
    domain: Domain,
    name: OfficeName,
}

impl Authority {
    /// Id of the root key: what people compare.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The root key.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The domain within which it names people.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &OfficeName {
        &self.name
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &AuthorityCertificate {
        &self.certificate
    }

    /// The end of its certificate.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.certificate.0.signed.not_after
    }

    /// A checker for its statements, once the authority itself is within its window.
    pub(crate) fn checker(&self, moment: Moment) -> Result<Checker, ChainError> {
        let signed = &self.certificate.0.signed;
        moment.within(StatementKind::AuthorityCertificate, signed.not_before, signed.not_after)?;
        Ok(Checker { authority: self.id, moment })
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({})", self.id)
    }
}

impl AuthorityKeys {
    /// The certificate by which everybody pins this authority; 20 years.
    ///
    /// # Errors
    /// [`IssueError::TooLong`] never occurs with texts within their rules.
    pub fn certificate(
        &self,
        domain: Domain,
        name: OfficeName,
        now: Timestamp,
    ) -> Result<AuthorityCertificate, IssueError> {
        let body = AuthorityBody { domain, name, key: self.verifying_key() };
        let frame = Frame::lasting(self.id(), now, AUTHORITY_VALIDITY);
        Ok(AuthorityCertificate(Statement::issue(frame, &body, self.signing())?))
    }

    /// Certifies an officer ([`OFFICER_VALIDITY`](crate::policy::OFFICER_VALIDITY) is the usual `validity`).
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn certify_officer(
        &self,
        authority: &Authority,
        card: &OfficerCard,
        powers: Powers,
        now: Timestamp,
        validity: Duration,
    ) -> Result<Statement, IssueError> {
        let frame = self.frame(authority, now, validity)?;
        let asked = card.verify()?.clone();
        let body = OfficerBody {
            name: asked.name,
            signing: asked.signing,
            noise: asked.noise,
            sealing: asked.sealing,
            powers,
        };
        Ok(Statement::issue(frame, &body, self.signing())?)
    }

    /// Certifies an auditor.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn certify_auditor(
        &self,
        authority: &Authority,
        card: &AuditorCard,
        now: Timestamp,
        validity: Duration,
    ) -> Result<Statement, IssueError> {
        let frame = self.frame(authority, now, validity)?;
        let asked = card.verify()?.clone();
        let body = AuditorBody { name: asked.name, signing: asked.signing, noise: asked.noise, sealing: asked.sealing };
        Ok(Statement::issue(frame, &body, self.signing())?)
    }

    /// Certifies a relay ([`RELAY_VALIDITY`](crate::policy::RELAY_VALIDITY) is the usual `validity`).
    /// `allow_public` lets it be bound and dialled at a public address.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn certify_relay(
        &self,
        authority: &Authority,
        card: &RelayCard,
        allow_public: bool,
        now: Timestamp,
        validity: Duration,
    ) -> Result<Statement, IssueError> {
        let frame = self.frame(authority, now, validity)?;
        let asked = card.verify()?.clone();
        if asked.domain != *authority.domain() {
            return Err(IssueError::OtherDomain);
        }
        if asked.addresses.is_empty() {
            return Err(IssueError::NoAddress);
        }
        let body = RelayBody {
            addresses: List::new(asked.addresses.into_vec())?,
            signing: asked.signing,
            noise: asked.noise,
            tls_key: asked.tls_key,
            allow_public,
        };
        Ok(Statement::issue(frame, &body, self.signing())?)
    }

    fn frame(&self, authority: &Authority, now: Timestamp, validity: Duration) -> Result<Frame, IssueError> {
        if authority.id() != self.id() {
            return Err(IssueError::OtherKeys);
        }
        authority.checker(Moment::at(now))?;
        Ok(Frame::lasting(self.id(), now, validity))
    }
}
