//! Enrolment: one device for one grant, as the relay and as everyone else sees it.

use amanat_primitives::passphrase::WorkPolicy;

use super::*;
use crate::{Enrolment, IssueError, OpenedInvitation, VerifiedEnrolment};

fn opened(office: &Office, seed: u64) -> OpenedInvitation {
    office.invite(&mut rng(seed), "bilal", Tier::Restricted, now()).open(None, &WorkPolicy::STANDARD, now()).unwrap()
}

fn verified(office: &Office, enrolment: &Enrolment) -> VerifiedEnrolment {
    enrolment.verify(office.authority(), now(), &StatusView::new()).unwrap()
}

#[test]
fn what_the_relay_learns_is_what_the_chain_says() {
    let office = Office::new(&mut rng(1), now());
    let keys = DeviceKeys::create(&mut rng(2));
    let enrolment = opened(&office, 3).redeem(&keys, now()).unwrap();
    let checked = verified(&office, &enrolment);
    assert_eq!(checked.device(), keys.device_id());
    assert_eq!(checked.address().to_string(), "bilal@interior.gov.pk");
    assert_eq!(checked.clearance(), Tier::Restricted);
    assert_eq!(checked.grant(), enrolment.grant_id());
    assert_eq!(checked.certificate(), enrolment.device_certificate.id());
    assert_eq!(checked.officer(), office.officer_keys.id());
    assert!(!checked.replaces());
    assert_eq!(*checked.statements(), enrolment);
    // [ID-21]
    assert_eq!(checked.require_link_key(&keys.noise().public()), Ok(()));
    let stranger = DeviceKeys::create(&mut rng(4)).noise().public();
    assert_eq!(checked.require_link_key(&stranger), Err(ChainError::OtherLinkKey));
    let receipt = office.relay_keys.receipt(&checked, now()).unwrap();
    let chain = enrolment.clone().into_chain(office.relay_certificate.clone(), receipt);
    assert!(chain.verify(office.authority(), now(), TOLERANCE).is_ok());
    assert_eq!(chain.enrolment(), enrolment);
}

// [ID-14]
#[test]
fn after_redeem_by_neither_device_nor_relay_goes_on() {
    let office = Office::new(&mut rng(1), now());
    let keys = DeviceKeys::create(&mut rng(2));
    let invitation = opened(&office, 3);
    let since = now().after(7 * DAY);
    let (last, late) = (since.after(TOLERANCE), since.after(HOUR));
    let enrolment = invitation.redeem(&keys, last).unwrap();
    let verify = |at| enrolment.verify(office.authority(), at, &StatusView::new());
    assert!(verify(last).is_ok());
    assert_eq!(verify(late).unwrap_err(), ChainError::GrantExpired { since });
    let error = invitation.redeem(&keys, late).unwrap_err();
    assert_eq!(error, IssueError::Chain(ChainError::GrantExpired { since }));
    assert!(error.to_string().contains("ask the officer for a new one"));
}

// [ID-11]
#[test]
fn the_same_keys_give_the_same_certificate() {
    let office = Office::new(&mut rng(1), now());
    let keys = DeviceKeys::create(&mut rng(2));
    let invitation = opened(&office, 3);
    let first = invitation.redeem(&keys, now()).unwrap();
    // The same device tries again, hours later; another device makes another certificate of the same grant.
    assert_eq!(invitation.redeem(&keys, now().after(5 * HOUR)).unwrap(), first);
    let second = invitation.redeem(&DeviceKeys::create(&mut rng(4)), now()).unwrap();
    let (first, second) = (verified(&office, &first), verified(&office, &second));
    assert_eq!(first.grant(), second.grant());
    assert_ne!(first.certificate(), second.certificate());
}

#[test]
fn an_enrolment_without_the_enrolment_keys_signature_is_refused() {
    let office = Office::new(&mut rng(1), now());
    let keys = DeviceKeys::create(&mut rng(2));
    let enrolment = opened(&office, 3).redeem(&keys, now()).unwrap();
    let what = StatementKind::DeviceCertificate;
    // [ID-05] Signed by the enrolment key of another grant.
    let mut forged = enrolment.clone();
    forged.device_certificate = opened(&office, 4).redeem(&keys, now()).unwrap().device_certificate;
    let verify = |enrolment: &Enrolment| enrolment.verify(office.authority(), now(), &StatusView::new()).unwrap_err();
    assert_eq!(verify(&forged), ChainError::WrongIssuer { what });
    forged.device_certificate.signed.issuer = enrolment.device_certificate.signed.issuer;
    assert_eq!(verify(&forged), ChainError::BadSignature { what });
    forged.device_certificate = enrolment.device_certificate.clone();
    forged.device_certificate.signatures = signatures(&enrolment.device_certificate.signatures[..1]);
    assert_eq!(verify(&forged), ChainError::NotPossessed);
}
