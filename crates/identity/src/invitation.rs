//! Invitations (protocol-spec/03-identity, section 6): the one file that makes a machine a person's device.
//!
//! ```text
//! struct {
//!   uint8 version = 1;
//!   Statement authority_certificate, officer_certificate, grant;
//!   uint16 relays; Statement relay_certificate[relays];          // 1 to 8
//!   optional<SignedStatus> status;
//!   uint8 form;                                                  // 0 plain, 1 under a code
//!   select (form) { case 0: opaque seed[32]; case 1: opaque box<0..256>; };
//! } Invitation;
//! ```
//! `seed` is the enrolment key's; `box` is the same seed in a `PassphraseBox` (chapter 01, section 11) under the code,
//! label `invitation code`. Whoever holds a plain invitation can redeem it, once: it is handed over like a key.

use amanat_primitives::{
    CryptoRngCore, Label, Secret, Timestamp,
    passphrase::{self, UnlockError, WorkPolicy},
    sign::SigningKey,
};
use amanat_wire::{Bytes, Decode, DecodeError, Encode, List, Reader, TooLong, Writer, limits};
use zeroize::Zeroizing;

use crate::{
    Address, Authority, AuthorityCertificate, ChainError, DeviceKeys, Enrolment, InvitationCode, Invitee, IssueError,
    KeyId, OfficeName, OfficerKeys, PersonName, Post, RelayAddress, SUITE_XWING, SignedStatus, Statement, Tier,
    VerifiedOfficer, VerifiedRelay,
    body::{DeviceBody, GrantBody},
    enrolment::{check_grant, in_time},
    statement::{Body as _, Frame, Moment, Version},
};

/// The most bytes of an invitation.
pub const INVITATION_MAX: usize = limits::CHAIN;
/// The most relays that one invitation names.
pub const RELAYS: usize = 8;
const BOX_MAX: usize = 256;

/// Why an invitation does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// Not an invitation, or cut short, or altered.
    #[error("the invitation is damaged: {0}")]
    Damaged(#[from] DecodeError),
    /// It is sealed under a code that was not given.
    #[error("the invitation needs the code that the officer gave with it")]
    CodeNeeded,
    /// The code does not open it.
    #[error("the code is not the one that belongs to this invitation")]
    WrongCode,
    /// The code's protection cannot be checked.
    #[error("the invitation cannot be opened with its code: {0}")]
    Code(UnlockError),
    /// The statements in it are not believed.
    #[error(transparent)]
    Chain(#[from] ChainError),
}

enum EnrolmentSecret {
    Plain(Secret<32>),
    UnderCode(Bytes<BOX_MAX>),
}

/// An invitation, as it lies in a file. Has no `Debug` and no `Clone`: it may hold a secret.
pub struct Invitation {
    authority: AuthorityCertificate,
    officer: Statement,
    grant: Statement,
    relays: List<Statement, RELAYS>,
    status: Option<SignedStatus>,
    secret: EnrolmentSecret,
}

/// What an invitation says, checked but for its secret: to be shown before it is redeemed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvitationSummary {
    /// Whose office; believed because the invitation was handed over.
    pub authority: OfficeName,
    /// Id of its root key.
    pub authority_id: KeyId,
    /// The officer who invites.
    pub officer: PersonName,
    /// The address it gives.
    pub address: Address,
    /// For whom.
    pub name: PersonName,
    /// In which post.
    pub post: Post,
    /// Cleared up to.
    pub clearance: Tier,
    /// It revokes the person's other devices.
    pub replaces: bool,
    /// Can be redeemed until then.
    pub redeem_by: Timestamp,
    /// Where: the addresses of all its relays.
    pub relays: Vec<RelayAddress>,
    /// A code is needed.
    pub needs_code: bool,
}

struct Checked {
    authority: Authority,
    officer: VerifiedOfficer,
    grant: GrantBody,
    relays: Vec<VerifiedRelay>,
}

impl Invitation {
    /// What it says, every signature and window checked; no code is needed for that.
    ///
    /// # Errors
    /// [`ChainError`]; [`ChainError::GrantExpired`] once it can no longer be redeemed.
    pub fn summary(&self, now: Timestamp) -> Result<InvitationSummary, ChainError> {
        let Checked { authority, officer, grant, relays } = self.check(now)?;
        Ok(InvitationSummary {
            authority: authority.name().clone(),
            authority_id: authority.id(),
            officer: officer.name().clone(),
            address: Address { handle: grant.handle, domain: authority.domain().clone() },
            name: grant.name,
            post: grant.post,
            clearance: grant.clearance,
            replaces: grant.replaces,
            redeem_by: grant.redeem_by,
            relays: relays.iter().flat_map(|relay| relay.addresses().iter().cloned()).collect(),
            needs_code: self.needs_code(),
        })
    }

    /// The grant in it, unchecked.
    #[must_use]
    pub fn grant(&self) -> &Statement {
        &self.grant
    }

    /// Whether a code is needed.
    #[must_use]
    pub fn needs_code(&self) -> bool {
        matches!(self.secret, EnrolmentSecret::UnderCode(_))
    }

    /// Opens it, with the code if it needs one (else the code is ignored). `work` bounds what the code's protection
    /// may cost: [`WorkPolicy::STANDARD`].
    ///
    /// # Errors
    /// [`InvitationError`].
    pub fn open(
        self,
        code: Option<&str>,
        work: &WorkPolicy,
        now: Timestamp,
    ) -> Result<OpenedInvitation, InvitationError> {
        let checked = self.check(now)?;
        let seed = match self.secret {
            EnrolmentSecret::Plain(seed) => seed,
            EnrolmentSecret::UnderCode(sealed) => unseal(&sealed, code.ok_or(InvitationError::CodeNeeded)?, work)?,
        };
        let enrolment_key = SigningKey::from_seed(&seed);
        // [ID-16] The secret is the half of the key that the officer signed.
        if enrolment_key.verifying_key() != checked.grant.enrolment_key {
            return Err(ChainError::Mismatch { what: GrantBody::KIND }.into());
        }
        Ok(OpenedInvitation {
            authority: checked.authority,
            officer: checked.officer,
            grant: self.grant,
            grant_body: checked.grant,
            relays: checked.relays,
            relay_certificates: self.relays.into_vec(),
            status: self.status,
            enrolment_key,
        })
    }

    fn check(&self, now: Timestamp) -> Result<Checked, ChainError> {
        let authority = self.authority.verify(now)?;
        let checker = authority.checker(Moment::at(now))?;
        let (officer, grant) = check_grant(&self.officer, &self.grant, &authority, &checker)?;
        in_time(&grant, now)?;
        let relays = self.relays.iter().map(|relay| VerifiedRelay::open(relay, &checker, &authority));
        let relays = relays.collect::<Result<Vec<_>, _>>()?;
        // [ID-28] What was altered is refused. A statement that is only of no use here does not keep a person out.
        match self.status.as_ref().map(|status| status.verify(&authority, now)) {
            None | Some(Ok(_) | Err(ChainError::Expired { .. })) => {}
            Some(Err(error)) => return Err(error),
        }
        Ok(Checked { authority, officer, grant, relays })
    }

    /// [`to_bytes`](Encode::to_bytes), to be wiped when dropped.
    #[must_use]
    pub fn to_secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.to_bytes())
    }

    /// [`from_bytes`](Decode::from_bytes) within [`INVITATION_MAX`].
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn from_secret_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > INVITATION_MAX {
            return Err(DecodeError::TooLong { limit: INVITATION_MAX });
        }
        Self::from_bytes(bytes)
    }
}

impl Encode for Invitation {
    fn encode(&self, w: &mut Writer) {
        Version.encode(w);
        self.authority.encode(w);
        self.officer.encode(w);
        self.grant.encode(w);
        self.relays.encode(w);
        self.status.encode(w);
        match &self.secret {
            EnrolmentSecret::Plain(seed) => {
                0u8.encode(w);
                w.raw(seed.expose_secret());
            }
            EnrolmentSecret::UnderCode(sealed) => {
                1u8.encode(w);
                sealed.encode(w);
            }
        }
    }
}

impl Decode for Invitation {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Version::decode(r)?;
        let (authority, officer, grant) = (Decode::decode(r)?, Decode::decode(r)?, Decode::decode(r)?);
        let relays: List<Statement, RELAYS> = Decode::decode(r)?;
        if relays.is_empty() {
            return Err(DecodeError::Invalid("list of relays"));
        }
        let status = Decode::decode(r)?;
        let secret = match u8::decode(r)? {
            0 => EnrolmentSecret::Plain(Secret::take(&mut r.array()?)),
            1 => EnrolmentSecret::UnderCode(Decode::decode(r)?),
            other => return Err(DecodeError::UnknownKind(other.into())),
        };
        Ok(Self { authority, officer, grant, relays, status, secret })
    }
}

fn unseal(sealed: &[u8], typed: &str, work: &WorkPolicy) -> Result<Secret<32>, InvitationError> {
    let code = InvitationCode::parse(typed).ok_or(InvitationError::WrongCode)?;
    let seed =
        passphrase::unlock(Label::INVITATION_CODE, code.as_passphrase(), work, sealed).map_err(
            |error| match error {
                UnlockError::WrongPassphrase => InvitationError::WrongCode,
                other => InvitationError::Code(other),
            },
        )?;
    Secret::from_slice(&seed).ok_or(InvitationError::Code(UnlockError::Damaged))
}

/// How an invitation's secret is protected on its way.
pub enum Protection<'a> {
    /// By being handed over from person to person.
    Plain,
    /// Also by a code said aloud; what guessing it costs.
    Code(&'a WorkPolicy),
}

impl OfficerKeys {
    /// Grants and invites: the invitation, and its code if it has one. `relays` are the certificates of relays at
    /// which it can be redeemed, `status` the latest status statement, so that the new device can bring it along.
    ///
    /// # Errors
    /// [`IssueError`].
    #[allow(clippy::too_many_arguments, reason = "each is a separate decision of the officer, and there is one caller")]
    pub fn invite(
        &self,
        officer: &VerifiedOfficer,
        invitee: Invitee,
        relays: &[Statement],
        status: Option<SignedStatus>,
        protection: Protection<'_>,
        now: Timestamp,
        rng: &mut dyn CryptoRngCore,
    ) -> Result<(Invitation, Option<InvitationCode>), IssueError> {
        if relays.is_empty() {
            return Err(IssueError::NoRelay);
        }
        for relay in relays {
            VerifiedRelay::verify(relay, officer.authority(), now)?;
        }
        let (grant, enrolment_key) = self.grant(officer, invitee, now, rng)?;
        let seed = enrolment_key.to_seed();
        let (secret, code) = match protection {
            Protection::Plain => (EnrolmentSecret::Plain(seed), None),
            Protection::Code(work) => {
                let code = InvitationCode::random(rng);
                let label = Label::INVITATION_CODE;
                let sealed = passphrase::lock(label, code.as_passphrase(), work, seed.expose_secret(), rng)
                    .map_err(IssueError::Code)?;
                (EnrolmentSecret::UnderCode(Bytes::new(sealed)?), Some(code))
            }
        };
        let invitation = Invitation {
            authority: officer.authority().certificate().clone(),
            officer: officer.statement().clone(),
            grant,
            relays: List::new(relays)?,
            status,
            secret,
        };
        if invitation.to_secret_bytes().len() > INVITATION_MAX {
            return Err(TooLong { limit: INVITATION_MAX }.into());
        }
        Ok((invitation, code))
    }
}

/// An invitation whose statements were checked and whose secret is at hand.
pub struct OpenedInvitation {
    authority: Authority,
    officer: VerifiedOfficer,
    grant: Statement,
    grant_body: GrantBody,
    relays: Vec<VerifiedRelay>,
    relay_certificates: Vec<Statement>,
    status: Option<SignedStatus>,
    pub(crate) enrolment_key: SigningKey,
}

impl OpenedInvitation {
    /// Id of its grant.
    #[must_use]
    pub fn grant_id(&self) -> amanat_primitives::StatementId {
        self.grant.id()
    }

    /// The authority, to be pinned from now on.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The address it gives.
    #[must_use]
    pub fn address(&self) -> Address {
        Address { handle: self.grant_body.handle.clone(), domain: self.authority.domain().clone() }
    }

    /// Where it can be redeemed; at least one.
    #[must_use]
    pub fn relays(&self) -> &[VerifiedRelay] {
        &self.relays
    }

    /// The certificates of [`relays`](Self::relays), in the same order.
    #[must_use]
    pub fn relay_certificates(&self) -> &[Statement] {
        &self.relay_certificates
    }

    /// The status statement that came with it: the authority's, but perhaps out of time.
    #[must_use]
    pub fn status(&self) -> Option<&SignedStatus> {
        self.status.as_ref()
    }

    /// Certifies a device's keys under the grant. The same keys always give the same certificate, so that an
    /// enrolment that was interrupted can simply be tried again. `[ID-11]`
    ///
    /// # Errors
    /// [`IssueError::Chain`] with [`ChainError::GrantExpired`] once it is too late.
    pub fn redeem(&self, keys: &DeviceKeys, now: Timestamp) -> Result<Enrolment, IssueError> {
        in_time(&self.grant_body, now)?;
        let body = DeviceBody {
            grant: self.grant.id(),
            signing: keys.verifying_key(),
            noise: keys.noise().public(),
            sealing: keys.sealing().public(),
            suites: List::new(vec![SUITE_XWING])?,
        };
        let granted = &self.grant.signed;
        let frame = Frame {
            authority: granted.authority,
            number: granted.number,
            not_before: granted.not_before,
            not_after: granted.not_after,
        };
        let certificate = Statement::issue(frame, &body, &self.enrolment_key)?.possessed_by(keys.signing())?;
        Ok(Enrolment {
            officer_certificate: self.officer.statement().clone(),
            grant: self.grant.clone(),
            device_certificate: certificate,
        })
    }
}
