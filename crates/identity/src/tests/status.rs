//! Status statements: expiry, numbers, forgeries.

use amanat_wire::{Bytes, Decode as _, Encode as _};

use super::*;
use crate::{
    Freshness, OldStatus, Powers, SignedStatus, StatusMark, VerifiedStatus,
    body::{OfficerBody, StatusBody},
    policy::{STATUS_VALIDITY, STATUS_VALIDITY_MAX},
};

fn attest(office: &Office, number: u64, at: Timestamp, validity: Duration) -> VerifiedStatus {
    let signed = office.officer_keys.attest(&office.officer(at), number, at, validity).unwrap();
    signed.verify(office.authority(), at).unwrap()
}

// [ID-22]
#[test]
fn an_expired_status_warns_below_and_stops_from_confidential_upward() {
    let office = Office::new(&mut rng(1), now());
    let mut view = StatusView::new();
    assert_eq!(view.freshness(now()), Freshness::Missing);
    assert!(view.may_send(Tier::Restricted, now()) && !view.may_send(Tier::Confidential, now()));
    view.accept(attest(&office, 1, now(), STATUS_VALIDITY)).unwrap();
    let end = now().after(STATUS_VALIDITY);
    assert_eq!(view.current().map(VerifiedStatus::next_update), Some(end));
    for at in [now(), end, end.after(TOLERANCE)] {
        assert_eq!(view.freshness(at), Freshness::Fresh);
        assert!(Tier::ALL.iter().all(|tier| view.may_send(*tier, at)));
    }
    let late = end.after(TOLERANCE + HOUR);
    assert_eq!(view.freshness(late), Freshness::Expired { since: end });
    let sends: Vec<_> = Tier::ALL.iter().map(|tier| view.may_send(*tier, late)).collect();
    assert_eq!(sends, [true, true, false, false, false]);
    // It can still be verified, so that a client that starts offline can say since when.
    let published = view.current().unwrap().published().clone();
    assert!(published.verify(office.authority(), late.after(30 * DAY)).is_ok());
}

// [ID-22]
#[test]
fn a_long_lived_status_grows_old_sooner_at_higher_tiers() {
    let office = Office::new(&mut rng(1), now());
    let status = attest(&office, 1, now(), 20 * DAY);
    let at = now().after(3 * DAY);
    assert_eq!(status.freshness(at), Freshness::Fresh);
    assert_eq!(status.freshness_at(Tier::Official, at), Freshness::Fresh);
    assert_eq!(status.freshness_at(Tier::Confidential, at), Freshness::Expired { since: now().after(2 * DAY) });
    assert_eq!(status.freshness_at(Tier::TopSecret, at), Freshness::Expired { since: now().after(DAY) });
}

// [ID-23]
#[test]
fn numbers_never_go_down() {
    let office = Office::new(&mut rng(1), now());
    let mut view = StatusView::new();
    let second = attest(&office, 2, now(), STATUS_VALIDITY);
    view.accept(second.clone()).unwrap();
    view.accept(second.clone()).unwrap();
    let first = attest(&office, 1, now(), STATUS_VALIDITY);
    assert_eq!(view.accept(first.clone()), Err(OldStatus::Older { held: 2, offered: 1 }));
    let twin = attest(&office, 2, now().after(HOUR), STATUS_VALIDITY);
    assert_eq!(view.accept(twin.clone()), Err(OldStatus::Conflict { number: 2 }));
    assert_eq!(view.current(), Some(&second));
    // After a restart.
    let mark = StatusMark::from_bytes(&view.mark().unwrap().to_bytes()).unwrap();
    let mut resumed = StatusView::resume(mark);
    assert_eq!(resumed.number(), Some(2));
    assert_eq!(resumed.freshness(now()), Freshness::Missing);
    assert!(resumed.accept(first).is_err());
    assert_eq!(resumed.accept(twin), Err(OldStatus::Conflict { number: 2 }));
    resumed.accept(second).unwrap();
    assert_eq!(resumed.freshness(now()), Freshness::Fresh);
    resumed.accept(attest(&office, 3, now(), STATUS_VALIDITY)).unwrap();
    assert_eq!(resumed.number(), Some(3));
}

#[test]
fn a_status_is_an_officers_with_the_power_of_this_authority_and_now() {
    let office = Office::new(&mut rng(1), now());
    let good = office.status(now());
    let verify = |status: &SignedStatus| status.verify(office.authority(), now()).unwrap_err();
    let what = StatementKind::Status;
    // [ID-05]
    let forged = |key: &SigningKey, change: &dyn Fn(&mut Signed)| SignedStatus {
        statement: resigned(&good.statement, key, change),
        ..good.clone()
    };
    let relay = office.relay_keys.signing();
    let officer = office.officer_keys.signing();
    assert_eq!(verify(&forged(relay, &|_| ())), ChainError::WrongIssuer { what });
    let issuer = good.statement.signed.issuer;
    assert_eq!(verify(&forged(relay, &|signed| signed.issuer = issuer)), ChainError::BadSignature { what });
    // [ID-04]
    let other = Office::new(&mut rng(2), now());
    let named = StatementKind::OfficerCertificate;
    assert_eq!(verify(&other.status(now())), ChainError::OtherAuthority { what: named });
    let id = other.authority().id();
    assert_eq!(verify(&forged(officer, &|signed| signed.authority = id)), ChainError::OtherAuthority { what });
    // [ID-06]
    let from = now().after(HOUR);
    assert_eq!(verify(&forged(officer, &|signed| signed.not_before = from)), ChainError::NotYetValid { what, from });
    let lapsed = now().after(366 * DAY);
    let expired = good.verify(office.authority(), lapsed).unwrap_err();
    assert!(matches!(expired, ChainError::Expired { what, .. } if what == named));
    // [ID-24]
    let forever = now().after(STATUS_VALIDITY_MAX + HOUR);
    assert_eq!(verify(&forged(officer, &|signed| signed.not_after = forever)), ChainError::Mismatch { what });
    // [ID-07]
    let mut body = OfficerBody::from_bytes(&good.officer_certificate.signed.body).unwrap();
    body.powers = Powers::ENROL;
    let root = office.authority_keys.signing();
    let certificate =
        resigned(&good.officer_certificate, root, |signed| signed.body = Bytes::new(body.to_bytes()).unwrap());
    let powerless = SignedStatus { officer_certificate: certificate, ..good.clone() };
    assert_eq!(verify(&powerless), ChainError::NotEmpowered { what });
}

// [ID-25]
#[test]
fn revocations_that_cannot_be_judged_are_not_ignored() {
    let office = Office::new(&mut rng(1), now());
    let good = office.status(now());
    let with = |change: &dyn Fn(&mut StatusBody)| {
        let mut body = StatusBody::from_bytes(&good.statement.signed.body).unwrap();
        change(&mut body);
        let officer = office.officer_keys.signing();
        let statement = resigned(&good.statement, officer, |signed| signed.body = Bytes::new(body.to_bytes()).unwrap());
        SignedStatus { statement, ..good.clone() }.verify(office.authority(), now()).map(|_| ())
    };
    let what = StatementKind::Status;
    assert_eq!(with(&|body| body.revocation_count = 1), Err(ChainError::NeedsNewer { what }));
    let other = amanat_primitives::Digest::ZERO;
    assert_eq!(with(&|body| body.revocation_list = other), Err(ChainError::Mismatch { what }));
    let head = crate::body::RegisterHead { size: 1, root: other };
    assert_eq!(with(&|body| body.register = Some(head.clone())), Ok(()));
}

// [ID-01]
#[test]
fn no_altered_byte_of_a_status_verifies() {
    let office = Office::new(&mut rng(1), now());
    let bytes = office.status(now()).to_bytes();
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        if let Ok(status) = SignedStatus::from_bytes(&altered) {
            assert!(status.verify(office.authority(), now()).is_err(), "byte {at}");
        }
    }
}
