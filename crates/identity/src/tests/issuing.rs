//! Issuing: what the authority and the officer refuse to sign.

use std::time::Duration;

use amanat_primitives::Digest;
use amanat_wire::{Decode as _, DecodeError, Encode as _};

use super::*;
use crate::{
    AuthorityKeys, CertifiedRelay, IssueError, ListSummary, OfficerCard, OfficerKeys, Powers, RelayCard, RelayKeys,
    SignedStatus,
    policy::{OFFICER_VALIDITY, RELAY_VALIDITY, STATUS_VALIDITY, STATUS_VALIDITY_MAX},
};

// [ID-10]
#[test]
fn an_altered_card_is_not_certified() {
    let office = Office::new(&mut rng(1), now());
    let (root, authority) = (&office.authority_keys, office.authority());
    let officer = OfficerKeys::create(&mut rng(2));
    let card = officer.card("Second Officer".parse().unwrap());
    assert_eq!(card.fingerprint(), officer.id());
    let bytes = card.to_bytes();
    assert_eq!(OfficerCard::from_bytes(&bytes).as_ref(), Ok(&card));
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        if let Ok(altered) = OfficerCard::from_bytes(&altered) {
            let made = root.certify_officer(authority, &altered, Powers::OFFICER, now(), OFFICER_VALIDITY);
            assert_eq!(made.err(), Some(IssueError::BadCard), "byte {at}");
        }
        assert!(OfficerCard::from_bytes(&bytes[..at]).is_err());
    }
    assert_eq!(RelayCard::from_bytes(&bytes), Err(DecodeError::Invalid("card of this kind")));
}

#[test]
fn a_relay_is_certified_for_its_own_domain_and_somewhere() {
    let office = Office::new(&mut rng(1), now());
    let relay = RelayKeys::create(&mut rng(2), vec![1].into(), Digest::ZERO).unwrap();
    let certify = |domain: &str, addresses: &[&str]| {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let card = relay.card(domain.parse().unwrap(), addresses).unwrap();
        office.authority_keys.certify_relay(office.authority(), &card, true, now(), RELAY_VALIDITY)
    };
    assert_eq!(certify("finance.gov.pk", &["10.0.0.1:1"]), Err(IssueError::OtherDomain));
    assert_eq!(certify("interior.gov.pk", &[]), Err(IssueError::NoAddress));
    let certificate = certify("interior.gov.pk", &["10.0.0.1:1"]).unwrap();
    let verified = crate::VerifiedRelay::verify(&certificate, office.authority(), now()).unwrap();
    assert!(verified.allow_public());
    let nine = vec!["10.0.0.1:1".parse().unwrap(); 9];
    assert!(relay.card("interior.gov.pk".parse().unwrap(), nine).is_err());
}

#[test]
fn keys_sign_for_their_own_certificate_only() {
    let office = Office::new(&mut rng(1), now());
    let card = office.officer_keys.card("Officer".parse().unwrap());
    let stranger = AuthorityKeys::create(&mut rng(2));
    let made = stranger.certify_officer(office.authority(), &card, Powers::OFFICER, now(), OFFICER_VALIDITY);
    assert_eq!(made, Err(IssueError::OtherKeys));
    let other = OfficerKeys::create(&mut rng(3));
    let made = other.attest(&office.officer(now()), 1, ListSummary::default(), now(), STATUS_VALIDITY);
    assert_eq!(made, Err(IssueError::OtherKeys));
}

// [ID-07]
#[test]
fn an_officer_signs_within_powers_and_window_only() {
    let office = Office::new(&mut rng(1), now());
    let keys = OfficerKeys::create(&mut rng(2));
    let card = keys.card("Officer".parse().unwrap());
    let officer = |powers| {
        let root = &office.authority_keys;
        let certificate = root.certify_officer(office.authority(), &card, powers, now(), OFFICER_VALIDITY).unwrap();
        crate::OfficerChain { certificate }.verify(office.authority(), now()).unwrap()
    };
    let attest = |powers, at| keys.attest(&officer(powers), 1, ListSummary::default(), at, STATUS_VALIDITY).map(|_| ());
    assert_eq!(officer(Powers::ATTEST).powers(), Powers::ATTEST);
    assert_eq!(attest(Powers::ATTEST, now()), Ok(()));
    let what = StatementKind::Status;
    assert_eq!(attest(Powers::ENROL, now()), Err(IssueError::Chain(ChainError::NotEmpowered { what })));
    let end = now().after(OFFICER_VALIDITY);
    let what = StatementKind::OfficerCertificate;
    let lapsed = Err(IssueError::Chain(ChainError::Expired { what, since: end }));
    assert_eq!(attest(Powers::ATTEST, end.after(HOUR)), lapsed);
    // [ID-24]
    let too_long = STATUS_VALIDITY_MAX + Duration::from_secs(1);
    let made = keys.attest(&officer(Powers::ATTEST), 1, ListSummary::default(), now(), too_long);
    assert_eq!(made, Err(IssueError::TooLasting));
    assert_eq!(SignedStatus::next_number(None, now()), now().as_millis());
    assert_eq!(SignedStatus::next_number(Some(u64::MAX - 1), now()), u64::MAX);
    assert_eq!(SignedStatus::next_number(Some(5), now()), now().as_millis());
}

#[test]
fn one_file_is_all_that_a_relay_needs() {
    let office = Office::new(&mut rng(1), now());
    let certified = CertifiedRelay::from_bytes(&office.certified_relay().to_bytes()).unwrap();
    let (authority, relay) = certified.verify(now()).unwrap();
    assert_eq!(authority, *office.authority());
    assert_eq!(relay.require_keys(&office.relay_keys), Ok(()));
    let stranger = RelayKeys::create(&mut rng(2), vec![1].into(), office.relay_keys.tls_key()).unwrap();
    assert_eq!(relay.require_keys(&stranger), Err(IssueError::OtherKeys));
    // An officer's certificate, or another authority's, does not do beside it.
    let expected = StatementKind::RelayCertificate;
    let found = StatementKind::OfficerCertificate;
    let officer = CertifiedRelay { certificate: office.officer_certificate.clone(), ..certified.clone() };
    assert_eq!(officer.verify(now()).err(), Some(ChainError::WrongKind { expected, found }));
    let other = Office::new(&mut rng(3), now());
    let mixed = CertifiedRelay { authority: other.authority().certificate().clone(), ..certified };
    assert_eq!(mixed.verify(now()).err(), Some(ChainError::OtherAuthority { what: expected }));
}
