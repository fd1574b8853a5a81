//! Tests (protocol-spec/03-identity): the office that all of them use, and the tools with which they forge.

mod approval;
mod chain;
mod codec;
mod cosignature;
mod enrolment;
mod invitation;
mod issuing;
mod officers;
mod renewal;
mod revocation;
mod status;

use std::time::Duration;

use amanat_primitives::{
    Label, Timestamp,
    sign::{Signature, SigningKey},
};
use amanat_wire::{Encode as _, List};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::{
    ChainError, DeviceChain, DeviceKeys, KeyId, Statement, StatementKind, StatusView, Tier, VerifiedDevice,
    statement::Signed, testing::Office,
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const TOLERANCE: Duration = Timestamp::CLOCK_TOLERANCE;

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

fn now() -> Timestamp {
    Timestamp::from_secs(1_800_000_000)
}

/// One device, with every key that stands above it.
struct World {
    office: Office,
    device: DeviceKeys,
    enrolment_key: SigningKey,
    chain: DeviceChain,
}

impl World {
    fn new() -> Self {
        let rng = &mut rng(1);
        let office = Office::new(rng, now());
        let device = DeviceKeys::create(rng);
        let work = amanat_primitives::passphrase::WorkPolicy::STANDARD;
        let opened = office.invite(rng, "ayesha", Tier::Secret, now()).open(None, &work, now()).unwrap();
        let enrolment = opened.redeem(&device, now()).unwrap();
        let verified = enrolment.verify(office.authority(), now(), &StatusView::new()).unwrap();
        let receipt = office.relay_keys.receipt(&verified, now()).unwrap();
        let chain = enrolment.into_chain(office.relay_certificate.clone(), receipt);
        let world = Self { office, device, enrolment_key: opened.enrolment_key, chain };
        world.verify(&world.chain).unwrap();
        world
    }

    fn verify(&self, chain: &DeviceChain) -> Result<VerifiedDevice, ChainError> {
        self.verify_at(chain, now())
    }

    fn verify_at(&self, chain: &DeviceChain, at: Timestamp) -> Result<VerifiedDevice, ChainError> {
        chain.verify(self.office.authority(), at, TOLERANCE)
    }

    /// The key that rightly signs what stands in that place of the chain.
    fn right_key(&self, kind: StatementKind) -> &SigningKey {
        match kind {
            StatementKind::Grant => self.office.officer_keys.signing(),
            StatementKind::DeviceCertificate => &self.enrolment_key,
            StatementKind::EnrolmentReceipt => self.office.relay_keys.signing(),
            _ => self.office.authority_keys.signing(),
        }
    }

    /// The chain with the statement of one kind changed and signed again by `key` (and the device, where it signs).
    fn with(&self, kind: StatementKind, key: &SigningKey, change: impl FnOnce(&mut Signed)) -> DeviceChain {
        let mut chain = self.chain.clone();
        let place = place_of(&mut chain, kind);
        *place = resigned(place, key, change);
        if kind == StatementKind::DeviceCertificate {
            let own = self.device.signing().sign(Label::POSSESSION, &place.signed.to_bytes());
            place.signatures = List::new(vec![place.signatures[0], own]).unwrap();
        }
        chain
    }
}

/// The kinds in a chain, from the authority downward.
const PLACES: [StatementKind; 5] = [
    StatementKind::OfficerCertificate,
    StatementKind::Grant,
    StatementKind::DeviceCertificate,
    StatementKind::RelayCertificate,
    StatementKind::EnrolmentReceipt,
];

fn place_of(chain: &mut DeviceChain, kind: StatementKind) -> &mut Statement {
    match kind {
        StatementKind::OfficerCertificate => &mut chain.officer_certificate,
        StatementKind::Grant => &mut chain.grant,
        StatementKind::DeviceCertificate => &mut chain.device_certificate,
        StatementKind::RelayCertificate => &mut chain.relay_certificate,
        StatementKind::EnrolmentReceipt => &mut chain.receipt,
        other => panic!("no {other} in a chain"),
    }
}

/// The statement changed and signed by `key`, which it names as its issuer.
fn resigned(statement: &Statement, key: &SigningKey, change: impl FnOnce(&mut Signed)) -> Statement {
    let mut signed = statement.signed.clone();
    signed.issuer = KeyId::of(&key.verifying_key());
    change(&mut signed);
    let signature = key.sign(Label::STATEMENT, &signed.to_bytes());
    Statement { signed, signatures: List::new(vec![signature]).unwrap() }
}

fn signatures(all: &[Signature]) -> List<Signature, 2> {
    List::new(all).unwrap()
}
