//! Status statements: expiry, numbers, forgeries.

use amanat_wire::{Bytes, Decode as _, Encode as _};

use super::*;
use crate::{
    Freshness, ListSummary, NotAccepted, OldStatus, Powers, SignedStatus, VerifiedStatus,
    body::OfficerBody,
    policy::{STATUS_VALIDITY, STATUS_VALIDITY_MAX},
};

fn attest(office: &Office, number: u64, at: Timestamp, validity: Duration) -> VerifiedStatus {
    let signed = office.officer_keys.attest(&office.officer(at), number, ListSummary::default(), at, validity).unwrap();
    signed.verify(office.authority(), at).unwrap()
}

fn take(view: &mut StatusView, office: &Office, status: VerifiedStatus) -> Result<(), OldStatus> {
    match view.judge(status, &[], office.authority()) {
        Ok(acceptable) => {
            assert!(view.accept(acceptable));
            Ok(())
        }
        Err(NotAccepted::Old(old)) => Err(old),
        Err(NotAccepted::List(error)) => panic!("{error}"),
    }
}

// [ID-22]
#[test]
fn an_expired_status_warns_below_and_stops_from_confidential_upward() {
    let office = Office::new(&mut rng(1), now());
    let mut view = StatusView::new();
    assert_eq!(view.freshness(now()), Freshness::Missing);
    assert!(view.may_send(Tier::Restricted, now()) && !view.may_send(Tier::Confidential, now()));
    take(&mut view, &office, attest(&office, 1, now(), STATUS_VALIDITY)).unwrap();
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
    take(&mut view, &office, second.clone()).unwrap();
    take(&mut view, &office, second.clone()).unwrap();
    let first = attest(&office, 1, now(), STATUS_VALIDITY);
    assert_eq!(take(&mut view, &office, first.clone()), Err(OldStatus::Older { held: 2, offered: 1 }));
    let twin = attest(&office, 2, now().after(HOUR), STATUS_VALIDITY);
    assert_eq!(take(&mut view, &office, twin.clone()), Err(OldStatus::Conflict { number: 2 }));
    assert_eq!(view.current(), Some(&second));
    // After a restart, also where the officer's certificate has ended.
    for at in [now(), now().after(500 * DAY)] {
        let mut resumed = StatusView::restore(second.published(), &[], office.authority(), at).unwrap();
        assert_eq!(resumed.number(), Some(2));
        let fresh = if at == now() { Freshness::Fresh } else { Freshness::Missing };
        assert_eq!(resumed.freshness(at), fresh);
        assert!(take(&mut resumed, &office, first.clone()).is_err());
        assert_eq!(take(&mut resumed, &office, twin.clone()), Err(OldStatus::Conflict { number: 2 }));
        take(&mut resumed, &office, attest(&office, 3, now(), STATUS_VALIDITY)).unwrap();
        assert_eq!(resumed.number(), Some(3));
    }
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

// [ID-49]
#[test]
fn a_status_bears_no_time_before_its_officer_was_one() {
    let office = Office::new(&mut rng(1), now());
    let from = now().after(HOUR);
    let (keys, officer) = office.another_officer(&mut rng(2), from);
    let good = keys.attest(&officer, 1, ListSummary::default(), from, STATUS_VALIDITY).unwrap();
    let of = |at: Timestamp| SignedStatus {
        statement: resigned(&good.statement, keys.signing(), |signed| signed.not_before = at),
        ..good.clone()
    };
    let what = StatementKind::OfficerCertificate;
    let early = of(from.before(TOLERANCE + Duration::from_millis(1)));
    assert_eq!(early.verify(office.authority(), from).err(), Some(ChainError::NotYetValid { what, from }));
    // What is believed can be restored.
    let mut view = StatusView::new();
    let first = of(from.before(TOLERANCE));
    take(&mut view, &office, first.verify(office.authority(), from).unwrap()).unwrap();
    assert!(StatusView::restore(&first, &[], office.authority(), from).is_ok());
}

// [ID-62]
#[test]
fn a_status_can_be_gone_on_with_when_its_officer_is_none_any_more() {
    let office = Office::new(&mut rng(1), now());
    let signed = office.status(now());
    let late = now().after(500 * DAY);
    assert!(signed.verify(office.authority(), late).is_err());
    assert_eq!(signed.verify_then(office.authority(), late).unwrap().id(), signed.statement.id());
    // Not one that is of a time to come.
    let early = now().before(TOLERANCE + HOUR);
    assert!(signed.verify_then(office.authority(), early).is_err());
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
