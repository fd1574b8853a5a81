//! Verified values (protocol-spec/03-identity, section 7): what the rest of Amanat trusts. They have private fields
//! and no other makers than the checks of this crate.

use std::fmt;
use std::sync::Arc;

use amanat_primitives::{
    DeviceId, Digest, StatementId, Timestamp, agree::NoisePublic, sealing::SealingPublic, sign::VerifyingKey,
};

use crate::{
    Address, Authority, ChainError, DeviceCode, IssueError, KeyId, PersonName, Post, Powers, RelayAddress, RelayKeys,
    Statement, Subject, Tier,
    body::{DeviceBody, GrantBody, RelayBody},
    statement::{Checker, Moment},
};

/// A device whose whole chain was checked. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedDevice(Arc<Device>);

#[derive(PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) authority: KeyId,
    pub(crate) address: Address,
    pub(crate) grant: GrantBody,
    pub(crate) device: DeviceBody,
    pub(crate) certificate: StatementId,
    pub(crate) officer: KeyId,
    pub(crate) relay: KeyId,
    pub(crate) granted_at: Timestamp,
    pub(crate) granted: Tier,
    pub(crate) renewed_by: Option<KeyId>,
    pub(crate) cleared_at: Timestamp,
    pub(crate) enrolled_at: Timestamp,
    pub(crate) valid_until: Timestamp,
    /// Who approved it, and who approved that one, and so on.
    pub(crate) approvers: Vec<DeviceId>,
}

impl VerifiedDevice {
    pub(crate) fn new(device: Device) -> Self {
        Self(Arc::new(device))
    }

    /// `H("device id", signing, noise, sealing)`.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        self.0.id
    }

    /// Id of the authority that stands behind it.
    #[must_use]
    pub fn authority(&self) -> KeyId {
        self.0.authority
    }

    /// The person's address.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// The person's name.
    #[must_use]
    pub fn name(&self) -> &PersonName {
        &self.0.grant.name
    }

    /// The person's post.
    #[must_use]
    pub fn post(&self) -> &Post {
        &self.0.grant.post
    }

    /// The highest tier the person may see.
    #[must_use]
    pub fn clearance(&self) -> Tier {
        self.0.grant.clearance
    }

    /// The highest clearance that the chain states. A lower one is told by a ceiling on the list of revocations, which everybody
    /// has alike; by a later renewal it would hold for those alone who have that already. `[ID-46]`
    #[must_use]
    pub fn highest_clearance(&self) -> Tier {
        let Subject { granted, clearance, .. } = self.subject();
        granted.max(clearance)
    }

    /// Powers of the grant.
    #[must_use]
    pub fn powers(&self) -> Powers {
        self.0.grant.powers
    }

    /// The grant says that the person's other devices are revoked. Only the list of revocations says whether they are.
    #[must_use]
    pub fn replaces(&self) -> bool {
        self.0.grant.replaces
    }

    /// The device of the same person that approved it; none for a first device, and for one that still waits.
    #[must_use]
    pub fn approval(&self) -> Option<DeviceId> {
        self.0.approvers.first().copied()
    }

    /// Whether `other` approved it, or approved who did, and so on: then `other` was the person's before it.
    #[must_use]
    pub fn descends_from(&self, other: DeviceId) -> bool {
        self.0.approvers.contains(&other)
    }

    /// Whether approvals tie two devices of a person together: one of them let the other in, or a third one both, directly
    /// or over others in between. That somebody has approved a device says nothing by itself: two that an officer made for
    /// somebody else can approve each other. `[ID-59]`
    #[must_use]
    pub fn is_kin_of(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.0.approvers, &other.0.approvers);
        self.address() == other.address()
            && (self.id() == other.id()
                || mine.contains(&other.id())
                || theirs.contains(&self.id())
                || mine.iter().any(|device| theirs.contains(device)))
    }

    /// As [`approval`](Self::approval), with those before it.
    pub(crate) fn approvers(&self) -> &[DeviceId] {
        &self.0.approvers
    }

    /// What is compared before it is approved.
    #[must_use]
    pub fn code(&self) -> DeviceCode {
        DeviceCode::of(self.certificate())
    }

    /// Signs for the device, and must be its MLS leaves' signature key.
    #[must_use]
    pub fn signing_key(&self) -> &VerifyingKey {
        &self.0.device.signing
    }

    /// Authenticates the device's links.
    #[must_use]
    pub fn noise_key(&self) -> &NoisePublic {
        &self.0.device.noise
    }

    /// For records sealed to the device.
    #[must_use]
    pub fn sealing_key(&self) -> &SealingPublic {
        &self.0.device.sealing
    }

    /// The MLS suites it speaks.
    #[must_use]
    pub fn suites(&self) -> &[u16] {
        &self.0.device.suites
    }

    /// The grant that enrolled it.
    #[must_use]
    pub fn grant(&self) -> StatementId {
        self.0.device.grant
    }

    /// Its device certificate.
    #[must_use]
    pub fn certificate(&self) -> StatementId {
        self.0.certificate
    }

    /// The officer who granted.
    #[must_use]
    pub fn officer(&self) -> KeyId {
        self.0.officer
    }

    /// The relay that enrolled it.
    #[must_use]
    pub fn relay(&self) -> KeyId {
        self.0.relay
    }

    /// When the grant was issued.
    #[must_use]
    pub fn granted_at(&self) -> Timestamp {
        self.0.granted_at
    }

    /// What revocations are judged by.
    #[must_use]
    pub fn subject(&self) -> Subject {
        Subject {
            device: self.id(),
            handle: self.address().handle.clone(),
            grant: self.grant(),
            granted_at: self.granted_at(),
            officer: self.officer(),
            granted: self.0.granted,
            enrolled_at: Some(self.enrolled_at()),
            renewed_by: self.0.renewed_by,
            cleared_at: self.0.cleared_at,
            clearance: self.clearance(),
        }
    }

    /// When the relay enrolled it.
    #[must_use]
    pub fn enrolled_at(&self) -> Timestamp {
        self.0.enrolled_at
    }

    /// The earliest end among the statements of the chain.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.0.valid_until
    }

    /// Refuses a tier above the clearance. `[ID-20]`
    ///
    /// # Errors
    /// [`ChainError::ClearanceTooLow`].
    pub fn require_clearance(&self, needed: Tier) -> Result<(), ChainError> {
        let held = self.clearance();
        if held < needed { Err(ChainError::ClearanceTooLow { needed, held }) } else { Ok(()) }
    }

    /// Refuses a link that was authenticated with another key than the certificate's. `[ID-21]`
    ///
    /// # Errors
    /// [`ChainError::OtherLinkKey`].
    pub fn require_link_key(&self, authenticated: &NoisePublic) -> Result<(), ChainError> {
        if self.noise_key() == authenticated { Ok(()) } else { Err(ChainError::OtherLinkKey) }
    }
}

impl fmt::Debug for VerifiedDevice {
    /// Prints the id alone: who it is stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedDevice({})", self.id())
    }
}

/// A relay whose certificate was checked.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedRelay {
    pub(crate) body: RelayBody,
    id: KeyId,
    certificate: StatementId,
    valid_until: Timestamp,
}

impl VerifiedRelay {
    /// Checks a relay certificate.
    ///
    /// # Errors
    /// [`ChainError`].
    pub fn verify(certificate: &Statement, authority: &Authority, now: Timestamp) -> Result<Self, ChainError> {
        Self::open(certificate, &authority.checker(Moment::at(now))?, authority)
    }

    pub(crate) fn open(certificate: &Statement, checker: &Checker, authority: &Authority) -> Result<Self, ChainError> {
        let body: RelayBody = checker.open(certificate, authority.key())?;
        if body.addresses.is_empty() {
            return Err(ChainError::Mismatch { what: certificate.kind() });
        }
        let valid_until = certificate.signed.not_after;
        Ok(Self { id: KeyId::of(&body.signing), certificate: certificate.id(), valid_until, body })
    }

    /// Refuses keys other than those that the certificate names, all three of them.
    ///
    /// # Errors
    /// [`IssueError::OtherKeys`].
    pub fn require_keys(&self, keys: &RelayKeys) -> Result<(), IssueError> {
        let named = (self.body.signing, self.body.noise, self.body.tls_key);
        let held = (keys.signing().verifying_key(), keys.noise().public(), keys.tls_key());
        if named == held { Ok(()) } else { Err(IssueError::OtherKeys) }
    }

    /// Where it listens; at least one.
    #[must_use]
    pub fn addresses(&self) -> &[RelayAddress] {
        &self.body.addresses
    }

    /// Authenticates it inside TLS.
    #[must_use]
    pub fn noise_key(&self) -> &NoisePublic {
        &self.body.noise
    }

    /// [`tls_key_digest`](amanat_primitives::hash::tls_key_digest) of its TLS public key.
    #[must_use]
    pub fn tls_key(&self) -> Digest {
        self.body.tls_key
    }

    /// Signs enrolment and commit receipts.
    #[must_use]
    pub fn signing_key(&self) -> &VerifyingKey {
        &self.body.signing
    }

    /// It may be bound and dialled at a public address.
    #[must_use]
    pub fn allow_public(&self) -> bool {
        self.body.allow_public
    }

    /// Id of its signing key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> StatementId {
        self.certificate
    }

    /// The end of its certificate.
    #[must_use]
    pub fn valid_until(&self) -> Timestamp {
        self.valid_until
    }
}

impl fmt::Debug for VerifiedRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedRelay({})", self.id)
    }
}
