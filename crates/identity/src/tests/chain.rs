//! Chains: what is refused, each with its own error.

use amanat_primitives::{Label, StatementId, Timestamp, sign::SigningKey};
use amanat_wire::{Bytes, Decode as _, DecodeError, Encode as _, List, limits};

use super::*;
use crate::{
    AuditorKeys, IssueError, OfficerKeys, Powers, RelayKeys, VerifiedAuditor, VerifiedRelay,
    body::{DeviceBody, GrantBody, OfficerBody, ReceiptBody, RelayBody},
    policy::{AUTHORITY_VALIDITY, OFFICER_VALIDITY, RELAY_VALIDITY},
    statement::Body as _,
};

#[test]
fn a_whole_chain_tells_who_the_device_is() {
    let world = World::new();
    let device = world.verify(&world.chain).unwrap();
    assert_eq!(device.id(), world.device.device_id());
    assert_eq!(device.address().to_string(), "ayesha@interior.gov.pk");
    assert_eq!(device.name().as_str(), "Name of ayesha");
    assert_eq!(device.post().as_str(), "Section Officer");
    assert_eq!(device.clearance(), Tier::Secret);
    assert_eq!(*device.signing_key(), world.device.verifying_key());
    assert_eq!(*device.noise_key(), world.device.noise().public());
    assert_eq!(*device.sealing_key(), world.device.sealing().public());
    assert_eq!(device.suites(), [crate::SUITE_XWING]);
    assert_eq!(device.grant(), world.chain.grant.id());
    assert_eq!(device.certificate(), world.chain.device_certificate.id());
    assert_eq!(device.officer(), world.office.officer_keys.id());
    assert_eq!(device.relay(), world.office.relay_keys.id());
    assert_eq!(device.authority(), world.office.authority().id());
    assert_eq!(device.enrolled_at(), now());
    assert_eq!(device.valid_until(), now().after(OFFICER_VALIDITY));
    assert!(!device.replaces());
    assert_eq!(device.powers(), Powers::NONE);
    let debug = format!("{device:?}");
    assert!(!debug.contains("ayesha") && debug.contains(&device.id().to_string()));
    assert!(world.chain.to_bytes().len() < limits::CHAIN / 8);
}

// [ID-01] Whatever byte of a chain is altered, it is malformed or does not verify.
#[test]
fn no_altered_byte_verifies() {
    let world = World::new();
    let bytes = world.chain.to_bytes();
    let mut decoded = 0;
    for at in 0..bytes.len() {
        for mask in [1 << (at % 8), 0xff] {
            let mut altered = bytes.clone();
            altered[at] ^= mask;
            if let Ok(chain) = DeviceChain::from_bytes(&altered) {
                decoded += 1;
                assert!(world.verify(&chain).is_err(), "byte {at}, mask {mask:#x}");
            }
        }
    }
    assert!(decoded > bytes.len(), "the loop hardly got past the decoder: {decoded}");
}

// [ID-06]
#[test]
fn each_statement_expires_by_itself() {
    let world = World::new();
    let since = now().after(10 * DAY);
    for what in PLACES {
        let chain = world.with(what, world.right_key(what), |signed| signed.not_after = since);
        let error = world.verify_at(&chain, since.after(TOLERANCE + HOUR)).unwrap_err();
        assert_eq!(error, ChainError::Expired { what, since });
        assert!(error.to_string().contains(&what.to_string()) && error.to_string().contains("2027-01-25"), "{error}");
        let within = world.verify_at(&chain, since.after(TOLERANCE));
        assert!(!matches!(within, Err(ChainError::Expired { .. })), "{what} is refused within the tolerance");
    }
    let end = now().after(AUTHORITY_VALIDITY);
    let what = StatementKind::AuthorityCertificate;
    assert_eq!(world.verify_at(&world.chain, end.after(HOUR)), Err(ChainError::Expired { what, since: end }));
}

// [ID-06] A clock that is an hour slow is told so.
#[test]
fn each_statement_begins_by_itself() {
    let world = World::new();
    for what in PLACES {
        let from = now().after(HOUR);
        let chain = world.with(what, world.right_key(what), |signed| signed.not_before = from);
        let error = world.verify(&chain).unwrap_err();
        assert_eq!(error, ChainError::NotYetValid { what, from });
        assert!(error.to_string().contains("check this machine's clock"));
    }
    let what = StatementKind::AuthorityCertificate;
    let slow = now().before(HOUR);
    assert_eq!(world.verify_at(&world.chain, slow), Err(ChainError::NotYetValid { what, from: now() }));
    world.verify_at(&world.chain, now().before(TOLERANCE)).unwrap();
}

// [ID-06] The grace for lapsed certificates reaches backward only.
#[test]
fn a_longer_tolerance_forgives_lapses_and_nothing_else() {
    let world = World::new();
    let end = now().after(OFFICER_VALIDITY);
    let verify = |at: Timestamp| world.chain.verify(world.office.authority(), at, 7 * DAY);
    assert!(world.verify_at(&world.chain, end.after(6 * DAY)).is_err());
    assert_eq!(verify(end.after(6 * DAY)).unwrap().valid_until(), end);
    let what = StatementKind::OfficerCertificate;
    assert_eq!(verify(end.after(8 * DAY)), Err(ChainError::Expired { what, since: end }));
    assert!(matches!(verify(now().before(HOUR)), Err(ChainError::NotYetValid { .. })));
    let exact = world.chain.verify(world.office.authority(), now().before(HOUR / 60), Duration::ZERO);
    assert!(matches!(exact, Err(ChainError::NotYetValid { .. })));
}

// [ID-05] Nobody signs in another's place, even if the statement says so itself.
#[test]
fn each_statement_has_one_rightful_issuer() {
    let world = World::new();
    let auditor = AuditorKeys::create(&mut rng(2));
    let other_officer = OfficerKeys::create(&mut rng(3));
    let other_relay = SigningKey::generate(&mut rng(4));
    let wrong: [&SigningKey; 6] = [
        auditor.signing(),
        other_officer.signing(),
        &other_relay,
        world.device.signing(),
        world.office.officer_keys.signing(),
        world.office.authority_keys.signing(),
    ];
    for what in PLACES {
        let right = world.right_key(what).verifying_key();
        for key in wrong.iter().filter(|key| key.verifying_key() != right) {
            let honest = world.with(what, key, |_| ());
            assert_eq!(world.verify(&honest), Err(ChainError::WrongIssuer { what }));
            let lying = world.with(what, key, |signed| signed.issuer = KeyId::of(&right));
            assert_eq!(world.verify(&lying), Err(ChainError::BadSignature { what }));
        }
    }
}

// [ID-05] An auditor certificate is no officer certificate, though the root signed it.
#[test]
fn an_auditor_cannot_grant() {
    let world = World::new();
    let auditor = AuditorKeys::create(&mut rng(2));
    let card = auditor.card("Auditor".parse().unwrap());
    let root = &world.office.authority_keys;
    let certificate = root.certify_auditor(world.office.authority(), &card, now(), OFFICER_VALIDITY).unwrap();
    let mut chain = world.with(StatementKind::Grant, auditor.signing(), |_| ());
    chain.officer_certificate = certificate;
    let expected = StatementKind::OfficerCertificate;
    let found = StatementKind::AuditorCertificate;
    assert_eq!(world.verify(&chain), Err(ChainError::WrongKind { expected, found }));
    for what in PLACES {
        let other = if what == StatementKind::Grant { StatementKind::Status } else { StatementKind::Grant };
        let chain = world.with(what, world.right_key(what), |signed| signed.kind = other);
        assert_eq!(world.verify(&chain), Err(ChainError::WrongKind { expected: what, found: other }));
    }
}

// [ID-05] Of an auditor certificate: the root's and nobody else's, nothing in its place, within its window.
#[test]
fn an_auditor_certificate_is_the_roots() {
    let world = World::new();
    let auditor = AuditorKeys::create(&mut rng(2));
    let card = auditor.card("Auditor".parse().unwrap());
    let (root, authority) = (&world.office.authority_keys, world.office.authority());
    let good = root.certify_auditor(authority, &card, now(), OFFICER_VALIDITY).unwrap();
    let verify = |certificate, at| VerifiedAuditor::verify(certificate, authority, at);
    let verified = verify(&good, now()).unwrap();
    assert_eq!((verified.id(), verified.name()), (auditor.id(), &"Auditor".parse().unwrap()));
    let end = good.signed.not_after;
    assert_eq!(verified.valid_until(), end);
    let what = StatementKind::AuditorCertificate;
    assert!(verify(&good, end.after(TOLERANCE)).is_ok());
    assert_eq!(verify(&good, end.after(2 * TOLERANCE)), Err(ChainError::Expired { what, since: end }));
    assert!(matches!(verify(&good, now().before(2 * TOLERANCE)), Err(ChainError::NotYetValid { .. })));
    let officer = world.office.officer_chain().certificate;
    let found = StatementKind::OfficerCertificate;
    assert_eq!(verify(&officer, now()), Err(ChainError::WrongKind { expected: what, found }));
    let other = Office::new(&mut rng(9), now());
    let foreign = other.authority_keys.certify_auditor(other.authority(), &card, now(), OFFICER_VALIDITY).unwrap();
    assert_eq!(verify(&foreign, now()), Err(ChainError::OtherAuthority { what }));
    let signed_by = |key: &SigningKey, label| {
        let signature = key.sign(label, &good.signed.to_bytes());
        Statement { signed: good.signed.clone(), signatures: List::new(vec![signature]).unwrap() }
    };
    let forged = signed_by(world.office.officer_keys.signing(), Label::STATEMENT);
    assert_eq!(verify(&forged, now()), Err(ChainError::BadSignature { what }));
    assert_eq!(verify(&signed_by(root.signing(), Label::CARD), now()), Err(ChainError::BadSignature { what }));
}

// [ID-04]
#[test]
fn another_authority_is_refused() {
    let world = World::new();
    let rng = &mut rng(9);
    let other = Office::new(rng, now());
    let (_, foreign, _) = other.enrol(rng, "ayesha", Tier::Secret, now());
    let what = StatementKind::OfficerCertificate;
    assert_eq!(world.verify(&foreign), Err(ChainError::OtherAuthority { what }));
    for what in PLACES {
        let mut mixed = world.chain.clone();
        *place_of(&mut mixed, what) = place_of(&mut foreign.clone(), what).clone();
        assert_eq!(world.verify(&mixed), Err(ChainError::OtherAuthority { what }));
        // A foreign id signed by the rightful key is as foreign.
        let id = other.authority().id();
        let chain = world.with(what, world.right_key(what), |signed| signed.authority = id);
        assert_eq!(world.verify(&chain), Err(ChainError::OtherAuthority { what }));
    }
    // The same chain with the other root pinned.
    let error = world.chain.verify(other.authority(), now(), TOLERANCE).unwrap_err();
    assert!(matches!(error, ChainError::OtherAuthority { .. }));
}

// [ID-08]
#[test]
fn a_device_certificate_needs_both_signatures() {
    let world = World::new();
    let what = StatementKind::DeviceCertificate;
    let both = world.chain.device_certificate.signatures.clone();
    let with = |all: &[Signature]| {
        let mut chain = world.chain.clone();
        chain.device_certificate.signatures = signatures(all);
        world.verify(&chain)
    };
    assert!(with(&both).is_ok());
    assert_eq!(with(&both[..1]), Err(ChainError::NotPossessed));
    assert_eq!(with(&[both[0], both[0]]), Err(ChainError::NotPossessed));
    assert_eq!(with(&[both[1], both[0]]), Err(ChainError::BadSignature { what }));
    assert_eq!(with(&[both[1]]), Err(ChainError::BadSignature { what }));
    assert_eq!(with(&[]), Err(ChainError::BadSignature { what }));
    let tbs = world.chain.device_certificate.signed.to_bytes();
    let stranger = SigningKey::generate(&mut rng(5));
    assert_eq!(with(&[both[0], stranger.sign(Label::POSSESSION, &tbs)]), Err(ChainError::NotPossessed));
    assert_eq!(with(&[both[0], world.device.signing().sign(Label::STATEMENT, &tbs)]), Err(ChainError::NotPossessed));
    assert_eq!(with(&[stranger.sign(Label::STATEMENT, &tbs), both[1]]), Err(ChainError::BadSignature { what }));
    // [ID-01] The others have exactly one.
    for what in PLACES.into_iter().filter(|place| *place != what) {
        let mut chain = world.chain.clone();
        let place = place_of(&mut chain, what);
        place.signatures = signatures(&[place.signatures[0], place.signatures[0]]);
        assert_eq!(world.verify(&chain), Err(ChainError::BadSignature { what }));
    }
}

fn with_device_body(world: &World, change: impl FnOnce(&mut DeviceBody)) -> DeviceChain {
    let mut body = DeviceBody::from_bytes(&world.chain.device_certificate.signed.body).unwrap();
    change(&mut body);
    world.with(StatementKind::DeviceCertificate, &world.enrolment_key, |signed| {
        signed.body = Bytes::new(body.to_bytes()).unwrap();
    })
}

#[test]
fn a_device_certificate_fits_its_grant() {
    let world = World::new();
    let what = DeviceBody::KIND;
    let mismatch = Err(ChainError::Mismatch { what });
    // [ID-11]
    let other_grant = with_device_body(&world, |body| body.grant = StatementId::from_bytes([1; 32]));
    assert_eq!(world.verify(&other_grant), mismatch);
    let shorter = world.with(what, &world.enrolment_key, |signed| signed.not_after = now().after(DAY));
    assert_eq!(world.verify(&shorter), mismatch);
    let longer = world.with(what, &world.enrolment_key, |signed| signed.not_after = Timestamp::FAR_FUTURE);
    assert_eq!(world.verify(&longer), mismatch);
    let earlier = world.with(what, &world.enrolment_key, |signed| signed.not_before = now().before(DAY));
    assert_eq!(world.verify(&earlier), mismatch);
    // [ID-13]
    let classical = with_device_body(&world, |body| body.suites = List::new(vec![3]).unwrap());
    assert_eq!(world.verify(&classical), Err(ChainError::SuiteMissing));
    let none = with_device_body(&world, |body| body.suites = List::default());
    assert_eq!(world.verify(&none), Err(ChainError::SuiteMissing));
    let two = with_device_body(&world, |body| body.suites = List::new(vec![3, 0x4D]).unwrap());
    // The receipt is for the certificate as it was: only that is wrong here.
    assert_eq!(world.verify(&two), Err(ChainError::Mismatch { what: ReceiptBody::KIND }));
    // [ID-12] The officer made the enrolment key, and must not come to hold a device's key by it.
    let mut chain = with_device_body(&world, |body| body.signing = world.enrolment_key.verifying_key());
    let certificate = &mut chain.device_certificate;
    let own = world.enrolment_key.sign(Label::POSSESSION, &certificate.signed.to_bytes());
    certificate.signatures = signatures(&[certificate.signatures[0], own]);
    assert_eq!(world.verify(&chain), Err(ChainError::EnrolmentKeyCertified));
}

#[test]
fn a_receipt_fits_its_grant_certificate_and_time() {
    let world = World::new();
    let what = ReceiptBody::KIND;
    let relay = world.office.relay_keys.signing();
    let right = ReceiptBody { grant: world.chain.grant.id(), certificate: world.chain.device_certificate.id() };
    let with = |body: ReceiptBody| {
        world.verify(&world.with(what, relay, |signed| signed.body = Bytes::new(body.to_bytes()).unwrap()))
    };
    assert!(with(right.clone()).is_ok());
    // [ID-15]
    let other = StatementId::from_bytes([1; 32]);
    assert_eq!(with(ReceiptBody { certificate: other, ..right.clone() }), Err(ChainError::Mismatch { what }));
    assert_eq!(with(ReceiptBody { grant: other, ..right }), Err(ChainError::Mismatch { what }));
    // [ID-14]
    let redeem_by = GrantBody::from_bytes(&world.chain.grant.signed.body).unwrap().redeem_by;
    assert_eq!(redeem_by, now().after(7 * DAY));
    let taken = |at: Timestamp| {
        let chain = world.with(what, relay, |signed| signed.not_before = at);
        world.verify_at(&chain, now().after(30 * DAY))
    };
    assert!(taken(redeem_by.after(TOLERANCE)).is_ok());
    assert_eq!(taken(redeem_by.after(HOUR)), Err(ChainError::GrantExpired { since: redeem_by }));
    // [ID-05] By the relay of the certificate beside it, and no other of the same authority.
    let keys = RelayKeys::create(&mut rng(6), vec![1].into(), amanat_primitives::Digest::ZERO).unwrap();
    let card = keys.card(world.office.authority().domain().clone(), vec!["10.0.0.2:1".parse().unwrap()]).unwrap();
    let root = &world.office.authority_keys;
    let second = root.certify_relay(world.office.authority(), &card, false, now(), RELAY_VALIDITY).unwrap();
    let chain = DeviceChain { relay_certificate: second, ..world.chain.clone() };
    assert_eq!(world.verify(&chain), Err(ChainError::WrongIssuer { what }));
}

// [ID-07]
#[test]
fn an_officer_without_the_power_cannot_enrol() {
    let world = World::new();
    let what = StatementKind::OfficerCertificate;
    for (bits, allowed) in [(0, false), (2 | 4, false), (1, true), (0xffff, true)] {
        let mut body = OfficerBody::from_bytes(&world.chain.officer_certificate.signed.body).unwrap();
        body.powers = Powers::from_bits(bits);
        let chain =
            world.with(what, world.right_key(what), |signed| signed.body = Bytes::new(body.to_bytes()).unwrap());
        let expected = if allowed { Ok(()) } else { Err(ChainError::NotEmpowered { what: StatementKind::Grant }) };
        assert_eq!(world.verify(&chain).map(|_| ()), expected, "{bits}");
    }
}

// [ID-19] A renewed certificate for the same key takes the old one's place, and the chain lives on.
#[test]
fn officer_and_relay_certificates_can_be_renewed_in_place() {
    let world = World::new();
    let later = now().after(200 * DAY);
    let (root, authority) = (&world.office.authority_keys, world.office.authority());
    let card = world.office.officer_keys.card("Test Officer".parse().unwrap());
    let officer = root.certify_officer(authority, &card, Powers::OFFICER, later, 2 * OFFICER_VALIDITY).unwrap();
    let chain = DeviceChain { officer_certificate: officer, ..world.chain.clone() };
    let device = world.verify_at(&chain, later).unwrap();
    assert_eq!(device.id(), world.device.device_id());
    assert_eq!(device.certificate(), world.chain.device_certificate.id());
    let card =
        world.office.relay_keys.card(authority.domain().clone(), vec!["10.0.0.9:7443".parse().unwrap()]).unwrap();
    let relay = root.certify_relay(authority, &card, false, later, RELAY_VALIDITY).unwrap();
    assert!(world.verify_at(&DeviceChain { relay_certificate: relay, ..chain }, later).is_ok());
}

#[test]
fn malformed_bodies_are_named() {
    let world = World::new();
    for what in PLACES {
        let chain = world.with(what, world.right_key(what), |signed| signed.body = Bytes::new(vec![0]).unwrap());
        let error = world.verify(&chain).unwrap_err();
        assert!(matches!(error, ChainError::Malformed { what: named, .. } if named == what), "{what}: {error}");
        let chain = world.with(what, world.right_key(what), |signed| {
            signed.body = Bytes::new([&signed.body[..], &[0]].concat()).unwrap();
        });
        assert_eq!(world.verify(&chain), Err(ChainError::Malformed { what, error: DecodeError::LeftOver }));
    }
}

// [ID-20] and [ID-21]
#[test]
fn clearance_and_link_key_are_held_against_the_certificate() {
    let world = World::new();
    let device = world.verify(&world.chain).unwrap();
    for tier in [Tier::Official, Tier::Restricted, Tier::Confidential, Tier::Secret] {
        assert_eq!(device.require_clearance(tier), Ok(()));
    }
    let error = device.require_clearance(Tier::TopSecret).unwrap_err();
    assert_eq!(error, ChainError::ClearanceTooLow { needed: Tier::TopSecret, held: Tier::Secret });
    assert_eq!(error.to_string(), "cleared up to secret, and top-secret is needed");

    let stranger = DeviceKeys::create(&mut rng(8)).noise().public();
    assert_eq!(device.require_link_key(&world.device.noise().public()), Ok(()));
    assert_eq!(device.require_link_key(&stranger), Err(ChainError::OtherLinkKey));
    let officer = world.office.officer(now());
    assert_eq!(officer.require_link_key(&world.office.officer_keys.noise().public()), Ok(()));
    assert_eq!(officer.require_link_key(&stranger), Err(ChainError::OtherLinkKey));
}

#[test]
fn a_relay_certificate_stands_alone_too() {
    let world = World::new();
    let relay = world.office.relay(now());
    assert_eq!(relay.addresses()[0].as_str(), "127.0.0.1:7443");
    assert_eq!(*relay.noise_key(), world.office.relay_keys.noise().public());
    assert_eq!(relay.tls_key(), world.office.relay_keys.tls_key());
    assert_eq!(*relay.signing_key(), world.office.relay_keys.signing().verifying_key());
    assert_eq!(relay.id(), world.office.relay_keys.id());
    assert!(!relay.allow_public());

    let what = StatementKind::RelayCertificate;
    let end = now().after(RELAY_VALIDITY);
    let verify = |certificate: &Statement, at| VerifiedRelay::verify(certificate, world.office.authority(), at);
    let error = verify(&world.office.relay_certificate, end.after(HOUR)).unwrap_err();
    assert_eq!(error, ChainError::Expired { what, since: end });
    let mut body = RelayBody::from_bytes(&world.office.relay_certificate.signed.body).unwrap();
    body.addresses = List::new(Vec::new()).unwrap();
    let nowhere = resigned(&world.office.relay_certificate, world.right_key(what), |signed| {
        signed.body = Bytes::new(body.to_bytes()).unwrap();
    });
    assert_eq!(verify(&nowhere, now()).unwrap_err(), ChainError::Mismatch { what });
    // What it is not is said before who signed it.
    let found = StatementKind::DeviceCertificate;
    let error = verify(&world.chain.device_certificate, now()).unwrap_err();
    assert_eq!(error, ChainError::WrongKind { expected: what, found });
    let by_officer = resigned(&world.office.relay_certificate, world.office.officer_keys.signing(), |_| ());
    assert_eq!(verify(&by_officer, now()).unwrap_err(), ChainError::WrongIssuer { what });
}

#[test]
fn the_authority_is_the_key_that_signed_itself() {
    let world = World::new();
    let certificate = world.office.authority().certificate();
    let bytes = certificate.to_bytes();
    let decode = crate::AuthorityCertificate::from_bytes;
    assert_eq!(decode(&bytes).unwrap().verify(now()).unwrap(), *world.office.authority());
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        if let Ok(altered) = decode(&altered) {
            assert!(altered.verify(now()).is_err(), "byte {at}");
        }
    }
    // [ID-04] Signed by another key than its body names.
    let stranger = SigningKey::generate(&mut rng(7));
    let forged = resigned(certificate.statement(), &stranger, |_| ());
    let what = StatementKind::AuthorityCertificate;
    let error = decode(&forged.to_bytes()).unwrap().verify(now()).unwrap_err();
    assert_eq!(error, ChainError::WrongIssuer { what });
    let adopted = resigned(certificate.statement(), &stranger, |signed| {
        signed.authority = signed.issuer;
    });
    let error = decode(&adopted.to_bytes()).unwrap().verify(now()).unwrap_err();
    assert_eq!(error, ChainError::OtherAuthority { what });
}

#[test]
fn an_office_with_long_names_fits_every_limit() {
    let rng = &mut rng(11);
    let office = Office::new(rng, now());
    let long = "ع".repeat(64);
    let invitee = crate::Invitee {
        handle: "h".repeat(64).parse().unwrap(),
        name: long.parse().unwrap(),
        post: long.parse().unwrap(),
        clearance: Tier::TopSecret,
        replaces: true,
    };
    let (officer, relays) = (office.officer(now()), vec![office.relay_certificate.clone(); 8]);
    let protection = || crate::invitation::Protection::Plain;
    let status = Some(office.status(now()));
    let made = office.officer_keys.invite(&officer, invitee.clone(), &relays, status, protection(), now(), rng);
    let (invitation, _) = made.unwrap();
    assert!(invitation.to_secret_bytes().len() < crate::invitation::INVITATION_MAX / 2);
    let nine = vec![office.relay_certificate.clone(); 9];
    let made = office.officer_keys.invite(&officer, invitee, &nine, None, protection(), now(), rng);
    assert!(matches!(made, Err(IssueError::TooLong(_))));
}
