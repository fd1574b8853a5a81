//! Keys from stated seeds (protocol-spec/vectors/README.md), and statements (protocol-spec/03-identity, section 1) that are
//! signed as their maker likes: by whom, within which authority, under which label.

use amanat_identity::{
    KeyId, Statement, StatementKind,
    body::{AuthorityBody, DeviceBody, GrantBody, OfficerBody, Powers, ReceiptBody, RelayBody},
    statement::{Signed, Version},
};
use amanat_primitives::{
    DeviceId, Digest, Label, Secret, Timestamp,
    agree::{NoisePublic, NoiseSecret},
    hash,
    sealing::{SealingPublic, SealingSecret},
    sign::{Signature, SigningKey, VerifyingKey},
};
use amanat_wire::{Bytes, Encode, List};
use rand_core::{CryptoRng, RngCore};

/// Time of issue.
pub(super) const T0: u64 = 1_800_000_000_000;
pub(super) const MINUTE: u64 = 60_000;
pub(super) const HOUR: u64 = 60 * MINUTE;
pub(super) const DAY: u64 = 24 * HOUR;

/// Seed bytes of who holds what.
pub(super) const ROOT: u8 = 0x01;
pub(super) const OFFICER: u8 = 0x02;
pub(super) const RELAY: u8 = 0x05;
pub(super) const AYESHA: u8 = 0x07;
pub(super) const ENROLMENT: u8 = 0x0a;
pub(super) const TLS_KEY: u8 = 0x0b;
pub(super) const SECOND_OFFICER: u8 = 0x11;
pub(super) const SECOND_DEVICE: u8 = 0x17;
pub(super) const AUDITOR: u8 = 0x21;
pub(super) const BILAL: u8 = 0x27;
pub(super) const OTHER_ROOT: u8 = 0x31;
pub(super) const NOBODY: u8 = 0x7f;

pub(super) fn secret(seed: u8) -> Secret<32> {
    Secret::take(&mut [seed; 32])
}

pub(super) fn signing(seed: u8) -> SigningKey {
    SigningKey::from_seed(&secret(seed))
}

pub(super) fn public(seed: u8) -> VerifyingKey {
    signing(seed).verifying_key()
}

pub(super) fn noise(seed: u8) -> NoisePublic {
    NoiseSecret::from_secret(secret(seed)).public()
}

pub(super) fn sealing(seed: u8) -> SealingPublic {
    SealingSecret::from_seed(secret(seed)).public()
}

pub(super) fn key_id(seed: u8) -> KeyId {
    KeyId::of(&public(seed))
}

/// The device whose signing, noise and sealing seeds are this byte and the two after it.
pub(super) fn device_id(seed: u8) -> DeviceId {
    let (signing, noise, sealing) = (public(seed), noise(seed + 1), sealing(seed + 2));
    hash::digest(Label::DEVICE_ID, &[signing.as_bytes(), noise.as_bytes(), sealing.as_bytes()]).into()
}

pub(super) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// Stands where randomness does: one byte repeated.
pub(super) struct Repeated(pub u8);

impl RngCore for Repeated {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes([self.0; 4])
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes([self.0; 8])
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        out.fill(self.0);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rand_core::Error> {
        out.fill(self.0);
        Ok(())
    }
}

impl CryptoRng for Repeated {}

/// A statement before it is signed, and how it is going to be.
#[derive(Clone)]
pub(super) struct Draft<B> {
    pub kind: StatementKind,
    pub body: B,
    pub authority: KeyId,
    /// Who is named as its issuer; `None` for the one who signs.
    pub issuer: Option<KeyId>,
    pub number: u64,
    pub from: u64,
    pub until: u64,
    /// Seed of who signs.
    pub by: u8,
    pub label: Label,
}

impl<B: Encode> Draft<B> {
    /// As it has to be, from T0 for so long.
    pub(super) fn new(kind: StatementKind, body: B, by: u8, lasting: u64) -> Self {
        let (authority, label) = (key_id(ROOT), Label::STATEMENT);
        Self { kind, body, authority, issuer: None, number: T0, from: T0, until: T0 + lasting, by, label }
    }

    pub(super) fn signed(&self) -> Signed {
        Signed {
            version: Version,
            kind: self.kind,
            authority: self.authority,
            issuer: self.issuer.unwrap_or(key_id(self.by)),
            number: self.number,
            not_before: at(self.from),
            not_after: at(self.until),
            body: Bytes::new(self.body.to_bytes()).unwrap(),
        }
    }

    pub(super) fn statement(&self) -> Statement {
        let signed = self.signed();
        let signature = signing(self.by).sign(self.label, &signed.to_bytes());
        Statement { signed, signatures: List::new(vec![signature]).unwrap() }
    }
}

/// With these signatures in the place of its own.
pub(super) fn with_signatures(statement: &Statement, signatures: &[Signature]) -> Statement {
    Statement { signed: statement.signed.clone(), signatures: List::new(signatures.to_vec()).unwrap() }
}

/// All that a chain is made of, so that a vector changes one thing of it.
#[derive(Clone)]
pub(super) struct Plan {
    pub officer: Draft<OfficerBody>,
    pub grant: Draft<GrantBody>,
    pub device: Draft<DeviceBody>,
    /// Seed of the second signature of the device certificate, and its label.
    pub possession: (u8, Label),
    pub relay: Draft<RelayBody>,
    pub receipt: Draft<ReceiptBody>,
    /// The grant and certificate that are named are those that stand here.
    pub linked: bool,
}

pub(super) fn authority(by: u8, domain: &str) -> Draft<AuthorityBody> {
    let body = AuthorityBody {
        domain: domain.parse().unwrap(),
        name: "Ministry of Interior".parse().unwrap(),
        key: public(by),
    };
    let mut draft = Draft::new(StatementKind::AuthorityCertificate, body, by, 7300 * DAY);
    draft.authority = key_id(by);
    draft
}

/// The officer whose seeds begin with this one.
pub(super) fn officer(seed: u8, name: &str) -> Draft<OfficerBody> {
    let body = OfficerBody {
        name: name.parse().unwrap(),
        signing: public(seed),
        noise: noise(seed + 1),
        sealing: sealing(seed + 2),
        powers: Powers::OFFICER,
    };
    Draft::new(StatementKind::OfficerCertificate, body, ROOT, 365 * DAY)
}

pub(super) fn relay() -> Draft<RelayBody> {
    let body = RelayBody {
        addresses: List::new(vec!["10.0.0.1:7443".parse().unwrap()]).unwrap(),
        signing: public(RELAY),
        noise: noise(RELAY + 1),
        tls_key: Digest::from_bytes([TLS_KEY; 32]),
        allow_public: false,
    };
    Draft::new(StatementKind::RelayCertificate, body, ROOT, 730 * DAY)
}

/// The chain of the device whose seeds begin with this one, and whose enrolment key is the third one after it.
pub(super) fn plan(seed: u8, handle: &str) -> Plan {
    let grant = GrantBody {
        handle: handle.parse().unwrap(),
        name: if handle == "ayesha" { "عائشہ" } else { "Bilal Ahmed" }.parse().unwrap(),
        post: "Section Officer".parse().unwrap(),
        clearance: amanat_identity::Tier::Secret,
        powers: Powers::NONE,
        redeem_by: at(T0 + 7 * DAY),
        enrolment_key: public(seed + 3),
        replaces: false,
    };
    let device = DeviceBody {
        grant: Digest::ZERO.into(),
        signing: public(seed),
        noise: noise(seed + 1),
        sealing: sealing(seed + 2),
        suites: List::new(vec![amanat_identity::SUITE_XWING]).unwrap(),
    };
    let receipt = ReceiptBody { grant: Digest::ZERO.into(), certificate: Digest::ZERO.into() };
    Plan {
        officer: officer(OFFICER, "Security Officer"),
        grant: Draft::new(StatementKind::Grant, grant, OFFICER, 365 * DAY),
        device: Draft::new(StatementKind::DeviceCertificate, device, seed + 3, 365 * DAY),
        possession: (seed, Label::POSSESSION),
        relay: relay(),
        receipt: Draft::new(StatementKind::EnrolmentReceipt, receipt, RELAY, 365 * DAY),
        linked: true,
    }
}

impl Plan {
    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn chain(mut self) -> amanat_identity::DeviceChain {
        let grant = self.grant.statement();
        if self.linked {
            self.device.body.grant = grant.id();
        }
        let device = self.device.statement();
        let (own, label) = self.possession;
        let possession = signing(own).sign(label, &device.signed.to_bytes());
        let device = with_signatures(&device, &[device.signatures[0], possession]);
        if self.linked {
            self.receipt.body = ReceiptBody { grant: grant.id(), certificate: device.id() };
        }
        amanat_identity::DeviceChain {
            officer_certificate: self.officer.statement(),
            grant,
            device_certificate: device,
            relay_certificate: self.relay.statement(),
            receipt: self.receipt.statement(),
            renewal: None,
            approval: None,
        }
    }
}
