//! The test vector: one chain from stated secrets, to the byte, as `protocol-spec/vectors/identity/chain.txt`.

use std::fmt::Write as _;

use amanat_primitives::{Digest, Secret};
use amanat_wire::{Decode as _, Encode as _};
use data_encoding::HEXLOWER;

use super::*;
use crate::{
    AuthorityCertificate, AuthorityKeys, DeviceChain, Enrolment, ListSummary, OfficerKeys, Powers, RelayKeys,
    SUITE_XWING, SafetyNumber, SignedStatus,
    body::{DeviceBody, GrantBody},
    policy::{DEVICE_VALIDITY, OFFICER_VALIDITY, REDEEM_WITHIN, RELAY_VALIDITY, STATUS_VALIDITY},
    statement::Frame,
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../protocol-spec/vectors/identity/chain.txt");

const HEADER: &str = "\
# One device's chain (chapter 03). Secrets: every 32-byte seed is one byte repeated: root 01; officer signing 02, noise
# 03, sealing 04; relay signing 05, noise 06; device signing 07, noise 08, sealing 09; enrolment key 0a. The relay's TLS
# key digest is 0b repeated. Issued at 1800000000000 ms with the usual validities; officer powers 7.
";

fn secret_bytes(holder: u8, seeds: &[u8]) -> Vec<u8> {
    [1, holder].into_iter().chain(seeds.iter().flat_map(|seed| [*seed; 32])).collect()
}

fn made() -> String {
    let now = now();
    let root = AuthorityKeys::from_secret_bytes(&secret_bytes(1, &[1])).unwrap();
    let officer = OfficerKeys::from_secret_bytes(&secret_bytes(2, &[2, 3, 4])).unwrap();
    let relay = RelayKeys::from_secret_bytes(&[secret_bytes(4, &[5, 6, 0x0b]), vec![0x0c; 48]].concat()).unwrap();
    let device = DeviceKeys::from_secret_bytes(&secret_bytes(6, &[7, 8, 9])).unwrap();
    let enrolment_key = SigningKey::from_seed(&Secret::take(&mut [10; 32]));

    let (domain, name) = ("interior.gov.pk".parse().unwrap(), "Ministry of Interior".parse().unwrap());
    let certificate = root.certificate(domain, name, now).unwrap();
    let authority = certificate.verify(now).unwrap();
    let card = officer.card("Security Officer".parse().unwrap());
    let officer_certificate = root.certify_officer(&authority, &card, Powers::OFFICER, now, OFFICER_VALIDITY).unwrap();
    let card = relay.card(authority.domain().clone(), vec!["10.0.0.1:7443".parse().unwrap()]).unwrap();
    let relay_certificate = root.certify_relay(&authority, &card, false, now, RELAY_VALIDITY).unwrap();
    let frame = || Frame::lasting(authority.id(), now, DEVICE_VALIDITY);
    let grant = GrantBody {
        handle: "ayesha".parse().unwrap(),
        name: "عائشہ".parse().unwrap(),
        post: "Section Officer".parse().unwrap(),
        clearance: Tier::Secret,
        powers: Powers::NONE,
        redeem_by: now.after(REDEEM_WITHIN),
        enrolment_key: enrolment_key.verifying_key(),
        replaces: false,
    };
    let grant = Statement::issue(frame(), &grant, officer.signing()).unwrap();
    let body = DeviceBody {
        grant: grant.id(),
        signing: device.verifying_key(),
        noise: device.noise().public(),
        sealing: device.sealing().public(),
        suites: List::new(vec![SUITE_XWING]).unwrap(),
    };
    let issued = Statement::issue(frame(), &body, &enrolment_key).unwrap();
    let device_certificate = issued.possessed_by(device.signing()).unwrap();
    let status_officer =
        crate::OfficerChain { certificate: officer_certificate.clone() }.verify(&authority, now).unwrap();
    let status = officer.attest(&status_officer, 1, ListSummary::default(), now, STATUS_VALIDITY).unwrap();
    let enrolment = Enrolment { officer_certificate, grant, device_certificate };
    let verified = enrolment.verify(&authority, now, &StatusView::new()).unwrap();
    let receipt = relay.receipt(&verified, now).unwrap();
    let chain = enrolment.into_chain(relay_certificate, receipt);
    let safety = SafetyNumber::between(
        (&"ayesha@interior.gov.pk".parse().unwrap(), &[device.verifying_key()]),
        (&"bilal@interior.gov.pk".parse().unwrap(), &[officer.verifying_key()]),
    );

    let mut text = HEADER.to_owned();
    let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
    for (name, value) in [
        ("authority", authority.id().to_string()),
        ("device", device.device_id().to_string()),
        ("grant", chain.grant.id().to_string()),
        ("certificate", chain.device_certificate.id().to_string()),
        ("empty_revocation_list", crate::body::empty_revocation_list().to_string()),
        ("tls_key_digest_of_abc", amanat_primitives::hash::tls_key_digest(b"abc").to_string()),
        ("safety_number_ayesha_device_and_bilal_officer_key", safety.to_string()),
        ("authority_certificate", hex(&certificate.to_bytes())),
        ("officer_card", hex(&officer.card("Security Officer".parse().unwrap()).to_bytes())),
        ("status", hex(&status.to_bytes())),
        ("chain", hex(&chain.to_bytes())),
    ] {
        writeln!(text, "{name} = {value}").unwrap();
    }
    text
}

#[test]
fn the_format_is_what_the_vector_says() {
    let file = std::fs::read_to_string(FILE).unwrap();
    assert_eq!(file, made());
}

// [ID-01] The vector's chain verifies as it stands, by its bytes alone.
#[test]
fn the_vector_verifies() {
    let file = std::fs::read_to_string(FILE).unwrap();
    let bytes = |name: &str| {
        let line = file.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
        HEXLOWER.decode(line.unwrap().as_bytes()).unwrap()
    };
    let authority = AuthorityCertificate::from_bytes(&bytes("authority_certificate")).unwrap().verify(now()).unwrap();
    let chain = DeviceChain::from_bytes(&bytes("chain")).unwrap();
    let device = chain.verify(&authority, now(), TOLERANCE).unwrap();
    assert_eq!(device.id().as_bytes().as_slice(), bytes("device"));
    assert_eq!(device.address().to_string(), "ayesha@interior.gov.pk");
    let status = SignedStatus::from_bytes(&bytes("status")).unwrap();
    assert_eq!(status.verify(&authority, now()).unwrap().number(), 1);
    let relay = crate::VerifiedRelay::verify(&chain.relay_certificate, &authority, now()).unwrap();
    assert_eq!(relay.tls_key(), Digest::from_bytes([0x0b; 32]));
}
