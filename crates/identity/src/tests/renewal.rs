//! Renewals: the same keys for another year, under what the officer says now.

use super::*;
use crate::{
    OfficerChain, OfficerKeys, Powers, Reason, Renewal, Standing, Target,
    body::{RenewalBody, RevocationBody},
    policy::{DEVICE_VALIDITY, OFFICER_VALIDITY},
};

fn body(world: &World, clearance: Tier) -> RenewalBody {
    let (name, post) = ("New Name".parse().unwrap(), "New Post".parse().unwrap());
    RenewalBody { grant: world.chain.grant.id(), name, post, clearance, powers: Powers::ATTEST }
}

/// Another officer, certified at `at`: the first one's certificate ends with the first chains.
fn officer(world: &World, at: Timestamp) -> (OfficerKeys, crate::VerifiedOfficer) {
    let keys = OfficerKeys::create(&mut rng(77));
    let card = keys.card("Second Officer".parse().unwrap());
    let root = &world.office.authority_keys;
    let authority = world.office.authority();
    let certificate = root.certify_officer(authority, &card, Powers::OFFICER, at, OFFICER_VALIDITY).unwrap();
    let officer = OfficerChain { certificate }.verify(authority, at).unwrap();
    (keys, officer)
}

fn renew(world: &World, body: &RenewalBody, at: Timestamp) -> Renewal {
    let (keys, officer) = officer(world, at);
    keys.renew(&officer, body, at, DEVICE_VALIDITY).unwrap()
}

fn renewed(world: &World, renewal: Renewal) -> DeviceChain {
    DeviceChain { renewal: Some(renewal), ..world.chain.clone() }
}

// [ID-37]
#[test]
fn a_renewal_goes_on_where_everything_before_it_has_ended() {
    let world = World::new();
    let at = now().after(350 * DAY);
    let chain = renewed(&world, renew(&world, &body(&world, Tier::Confidential), at));
    let late = now().after(600 * DAY);
    assert!(world.verify_at(&world.chain, late).is_err());
    let device = world.verify_at(&chain, late).unwrap();
    assert_eq!(device.id(), world.device.device_id());
    assert_eq!((device.name().as_str(), device.post().as_str()), ("New Name", "New Post"));
    assert_eq!((device.clearance(), device.powers()), (Tier::Confidential, Powers::ATTEST));
    assert_eq!(device.valid_until(), at.after(DEVICE_VALIDITY));
    assert_eq!(device.address().to_string(), "ayesha@interior.gov.pk");
    assert_eq!(device.enrolled_at(), now());
    assert_eq!(chain.peek_subject().unwrap(), device.subject());
    assert_eq!(chain.peek_valid_until(), device.valid_until());
    let before = world.verify(&world.chain).unwrap();
    assert_eq!(world.chain.peek_valid_until(), before.valid_until());
    let since = at.after(DEVICE_VALIDITY);
    let ended = world.verify_at(&chain, since.after(TOLERANCE + HOUR));
    assert!(matches!(ended, Err(ChainError::Expired { .. })));
    assert!(matches!(world.verify_at(&chain, now()), Err(ChainError::NotYetValid { .. })));
}

// [ID-36]
#[test]
fn a_renewal_is_an_officers_for_this_grant() {
    let world = World::new();
    let good = renew(&world, &body(&world, Tier::Secret), now());
    assert!(world.verify(&renewed(&world, good.clone())).is_ok());
    let what = StatementKind::Renewal;
    let refused = |renewal| world.verify(&renewed(&world, renewal)).unwrap_err();
    let other = RenewalBody { grant: world.chain.device_certificate.id(), ..body(&world, Tier::Secret) };
    assert_eq!(refused(renew(&world, &other, now())), ChainError::Mismatch { what });
    let relay = world.office.relay_keys.signing();
    let forged = Renewal { statement: resigned(&good.statement, relay, |_| ()), ..good.clone() };
    assert_eq!(refused(forged), ChainError::WrongIssuer { what });
    let issuer = good.statement.signed.issuer;
    let forged = resigned(&good.statement, relay, |signed| signed.issuer = issuer);
    assert_eq!(refused(Renewal { statement: forged, ..good }), ChainError::BadSignature { what });
}

// [ID-38]
#[test]
fn a_ceiling_from_before_a_renewal_does_not_lower_it() {
    let world = World::new();
    let (day, later) = (now().after(DAY), now().after(2 * DAY));
    let target = Target::Person("ayesha".parse().unwrap());
    let lowered = RevocationBody { target, ceiling: Some(Tier::Official), reason: Reason::Left, note: None };
    let entry = world.office.officer_keys.revoke(&world.office.officer(day), 20, &lowered, day).unwrap();
    let summary = crate::ListSummary::default().with(&entry);
    let officer = world.office.officer(later);
    let status = world.office.officer_keys.attest(&officer, 20, summary, later, 20 * DAY).unwrap();
    let mut view = StatusView::new();
    let status = status.verify(world.office.authority(), later).unwrap();
    assert!(view.accept(view.judge(status, &[entry], world.office.authority()).unwrap()));
    let standing = |chain: &DeviceChain| view.revocations().standing(&world.verify_at(chain, later).unwrap(), 20);
    assert_eq!(standing(&world.chain), Standing::Good { clearance: Tier::Official });
    let raised = renewed(&world, renew(&world, &body(&world, Tier::Secret), later));
    assert_eq!(standing(&raised), Standing::Good { clearance: Tier::Secret });

    // [ID-46] Nor does a renewal lower anything by itself; and for what was done before it, it lifts no ceiling.
    let lower = renewed(&world, renew(&world, &body(&world, Tier::Official), later));
    let without = crate::RevocationList::default();
    let granted = world.verify_at(&world.chain, later).unwrap().clearance();
    assert_eq!(world.verify_at(&lower, later).unwrap().highest_clearance(), granted);
    assert_eq!(without.standing(&world.verify_at(&lower, later).unwrap(), 20), Standing::Good { clearance: granted });
    let raised = world.verify_at(&raised, later).unwrap().subject();
    let before = view.revocations().standing_when(&raised, 20, day.after(DAY / 2));
    assert_eq!(before, Standing::Good { clearance: Tier::Official });
}
