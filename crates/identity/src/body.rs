//! What each kind of statement says (protocol-spec/03-identity, section 4): the bodies, field by field.

use amanat_primitives::{
    DeviceId, Digest, Label, StatementId, Timestamp, agree::NoisePublic, hash, sealing::SealingPublic,
    sign::VerifyingKey,
};
use amanat_wire::{Decode, DecodeError, Encode, List, Reader, Writer, record};

use crate::{
    Domain, Handle, OfficeName, PersonName, Post, RelayAddress, StatementKind, Tier,
    revocation::{Note, Reason, Target},
    statement::Body,
};

/// Addresses of one relay.
pub const RELAY_ADDRESSES: usize = 8;
/// Suites of one device.
pub const SUITES: usize = 8;

/// What a certificate or grant empowers to, as bits. A bit that a version does not know gives nothing there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Powers(u16);

impl Powers {
    /// Nothing.
    pub const NONE: Powers = Powers(0);
    /// An officer may issue grants.
    pub const ENROL: Powers = Powers(1);
    /// An officer may sign status statements.
    pub const ATTEST: Powers = Powers(2);
    /// An officer may revoke.
    pub const REVOKE: Powers = Powers(4);
    /// What a first officer gets.
    pub const OFFICER: Powers = Powers(7);

    /// The bits as they are.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Has all of `needed`.
    #[must_use]
    pub const fn include(self, needed: Powers) -> bool {
        self.0 & needed.0 == needed.0
    }
}

impl Encode for Powers {
    fn encode(&self, w: &mut Writer) {
        self.0.encode(w);
    }
}

impl Decode for Powers {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(u16::decode(r)?))
    }
}

record!(
    /// An authority certificate.
    pub struct AuthorityBody {
        /// Within which it names people.
        domain: Domain,
        /// For people.
        name: OfficeName,
        /// The root key.
        key: VerifyingKey,
    }
);

record!(
    /// An officer certificate.
    pub struct OfficerBody {
        /// Who.
        name: PersonName,
        /// Signs grants and status statements.
        signing: VerifyingKey,
        /// Authenticates the officer's links.
        noise: NoisePublic,
        /// For sealed records.
        sealing: SealingPublic,
        /// May do what.
        powers: Powers,
    }
);

record!(
    /// An auditor certificate.
    pub struct AuditorBody {
        /// Who.
        name: PersonName,
        /// Signs findings.
        signing: VerifyingKey,
        /// Authenticates the auditor's links.
        noise: NoisePublic,
        /// For sealed records.
        sealing: SealingPublic,
    }
);

record!(
    /// A relay certificate.
    pub struct RelayBody {
        /// Where it listens; at least one.
        addresses: List<RelayAddress, RELAY_ADDRESSES>,
        /// Signs enrolment and commit receipts.
        signing: VerifyingKey,
        /// Authenticates it inside TLS.
        noise: NoisePublic,
        /// [`tls_key_digest`](hash::tls_key_digest) of its TLS public key.
        tls_key: Digest,
        /// It may be bound to and dialled at a public address.
        allow_public: bool,
    }
);

record!(
    /// A grant. Its window ends when the device certificate's does.
    pub struct GrantBody {
        /// Of the authority's domain.
        handle: Handle,
        /// The person's name.
        name: PersonName,
        /// The person's post.
        post: Post,
        /// The highest tier the person may see.
        clearance: Tier,
        /// None are defined for people yet.
        powers: Powers,
        /// The relay takes no device certificate after this.
        redeem_by: Timestamp,
        /// Public half of the one-time key in the invitation.
        enrolment_key: VerifyingKey,
        /// The person's other devices are revoked by it.
        replaces: bool,
    }
);

record!(
    /// A device certificate.
    pub struct DeviceBody {
        /// The grant that it redeems.
        grant: StatementId,
        /// Signs, and is the MLS leaf's signature key.
        signing: VerifyingKey,
        /// Authenticates the device's links.
        noise: NoisePublic,
        /// For sealed records.
        sealing: SealingPublic,
        /// MLS suites, 0x004D among them.
        suites: List<u16, SUITES>,
    }
);

record!(
    /// An enrolment receipt. Its `not_before` is the time at which the relay took the certificate.
    pub struct ReceiptBody {
        /// The grant.
        grant: StatementId,
        /// The one device certificate taken for it.
        certificate: StatementId,
    }
);

record!(
    /// Where the register stood; no version before the register's checks it.
    pub struct RegisterHead {
        /// Entries.
        size: u64,
        /// Root hash.
        root: Digest,
    }
);

record!(
    /// A status statement. Its window runs from this update to the next.
    pub struct StatusBody {
        /// L of the list's last entry; [`empty_revocation_list`] without entries.
        revocation_list: Digest,
        /// Entries of that list.
        revocation_count: u32,
        /// The policy in force; 0 is the built-in one.
        policy_version: u32,
        /// Reserved.
        register: Option<RegisterHead>,
    }
);

record!(
    /// A revocation. Its number is that of the status statement that first lists it.
    pub struct RevocationBody {
        /// What it is about.
        target: Target,
        /// None: revoked. A tier: from then on cleared so far at most.
        ceiling: Option<Tier>,
        /// Why.
        reason: Reason,
        /// In the officer's words.
        note: Option<Note>,
    }
);

record!(
    /// A renewal: in the place of what the grant says.
    pub struct RenewalBody {
        /// Which grant.
        grant: StatementId,
        /// The person's name.
        name: PersonName,
        /// The person's post.
        post: Post,
        /// The highest tier the person may see.
        clearance: Tier,
        /// None are defined for people yet.
        powers: Powers,
    }
);

record!(
    /// A device's approval of another one of the same person.
    pub struct ApprovalBody {
        /// Which.
        device: DeviceId,
        /// By its certificate.
        certificate: StatementId,
    }
);

macro_rules! bodies {
    ($($body:ty => $kind:ident),*) => { $(
        impl Body for $body {
            const KIND: StatementKind = StatementKind::$kind;
        }
    )* };
}
bodies!(
    AuthorityBody => AuthorityCertificate,
    OfficerBody => OfficerCertificate,
    AuditorBody => AuditorCertificate,
    RelayBody => RelayCertificate,
    GrantBody => Grant,
    DeviceBody => DeviceCertificate,
    ReceiptBody => EnrolmentReceipt,
    StatusBody => Status,
    RevocationBody => Revocation,
    RenewalBody => Renewal,
    ApprovalBody => DeviceApproval
);

/// `H("revocation list")`: the list without entries.
#[must_use]
pub fn empty_revocation_list() -> Digest {
    hash::digest(Label::REVOCATION_LIST, &[])
}
