//! Revocations: the list that a status statement names, and what it makes of devices.

use super::*;
use crate::{
    IssueError, ListError, ListSummary, NotAccepted, Powers, Reason, RevocationEntry, SignedStatus, Standing, Target,
    body::RevocationBody,
    policy::{OFFICER_VALIDITY, STATUS_VALIDITY},
    revocation::ENTRIES_MAX,
};

fn of(target: Target, ceiling: Option<Tier>) -> RevocationBody {
    RevocationBody { target, ceiling, reason: Reason::Lost, note: None }
}

fn entry(office: &Office, body: &RevocationBody, number: u64, at: Timestamp) -> RevocationEntry {
    office.officer_keys.revoke(&office.officer(at), number, body, at).unwrap()
}

fn naming(office: &Office, entries: &[RevocationEntry], number: u64, at: Timestamp) -> SignedStatus {
    let summary = entries.iter().fold(ListSummary::default(), ListSummary::with);
    office.officer_keys.attest(&office.officer(at), number, summary, at, STATUS_VALIDITY).unwrap()
}

/// The view with the statement of `number` that names `all`, of which `new` are brought.
fn take(
    view: &mut StatusView,
    office: &Office,
    all: &[RevocationEntry],
    new: &[RevocationEntry],
    number: u64,
) -> Result<(), NotAccepted> {
    let status = naming(office, all, number, now()).verify(office.authority(), now()).unwrap();
    let acceptable = view.judge(status, new, office.authority())?;
    assert!(view.accept(acceptable));
    Ok(())
}

fn unknown() -> RevocationBody {
    of(Target::Device(amanat_primitives::DeviceId::from_bytes([9; 32])), None)
}

// [ID-33] [ID-34]
#[test]
fn a_device_a_grant_and_a_person_are_revoked_from_a_number_on() {
    let office = Office::new(&mut rng(1), now());
    let (_, _, device) = office.enrol(&mut rng(2), "ayesha", Tier::Secret, now());
    let (_, _, other) = office.enrol(&mut rng(3), "bilal", Tier::Secret, now());
    for target in
        [Target::Device(device.id()), Target::Grant(device.grant()), Target::Person("ayesha".parse().unwrap())]
    {
        let mut view = StatusView::new();
        take(&mut view, &office, &[], &[], 10).unwrap();
        let entries = [entry(&office, &of(target, None), 20, now())];
        take(&mut view, &office, &entries, &entries, 20).unwrap();
        let list = view.revocations();
        let good = Standing::Good { clearance: Tier::Secret };
        assert_eq!(list.standing(&device, 19), good);
        let revoked = Standing::Revoked { reason: Reason::Lost, number: 20, at: now() };
        assert_eq!(list.standing(&device, 20), revoked);
        assert_eq!(list.standing(&device, u64::MAX), revoked);
        assert_eq!(revoked.require(Tier::Official), Err(ChainError::Revoked));
        assert_eq!(list.standing(&other, u64::MAX), good);
        assert!(list.reaches(20) && !list.reaches(21));
        // What is revoked later changes nothing about then.
        let later = [entries[0].clone(), entry(&office, &of(Target::Device(other.id()), None), 30, now())];
        take(&mut view, &office, &later, &later[1..], 30).unwrap();
        assert_eq!(view.revocations().standing(&other, 29), good);
        assert!(view.revocations().standing(&other, 30).is_revoked());
    }
}

// [ID-33]
#[test]
fn a_person_can_be_enrolled_again() {
    let office = Office::new(&mut rng(1), now());
    let (_, _, before) = office.enrol(&mut rng(2), "ayesha", Tier::Secret, now());
    let (_, _, after) = office.enrol(&mut rng(3), "ayesha", Tier::Secret, now().after(HOUR));
    let mut view = StatusView::new();
    let entries = [entry(&office, &of(Target::Person("ayesha".parse().unwrap()), None), 20, now())];
    take(&mut view, &office, &entries, &entries, 20).unwrap();
    assert!(view.revocations().standing(&before, 20).is_revoked());
    assert!(!view.revocations().standing(&after, 20).is_revoked());
}

// [ID-34]
#[test]
fn a_ceiling_lowers_a_clearance_and_never_raises_it() {
    let office = Office::new(&mut rng(1), now());
    let (_, _, device) = office.enrol(&mut rng(2), "ayesha", Tier::Secret, now());
    let mut view = StatusView::new();
    let person = || Target::Person("ayesha".parse().unwrap());
    let entries = [
        entry(&office, &of(person(), Some(Tier::TopSecret)), 20, now()),
        entry(&office, &of(person(), Some(Tier::Restricted)), 21, now()),
        entry(&office, &of(Target::Device(device.id()), Some(Tier::Confidential)), 22, now()),
    ];
    take(&mut view, &office, &entries, &entries, 22).unwrap();
    let clearance = |as_of| view.revocations().standing(&device, as_of);
    assert_eq!(clearance(20), Standing::Good { clearance: Tier::Secret });
    assert_eq!(clearance(22), Standing::Good { clearance: Tier::Restricted });
    let (needed, held) = (Tier::Confidential, Tier::Restricted);
    assert_eq!(clearance(22).require(needed), Err(ChainError::ClearanceTooLow { needed, held }));
    assert_eq!(clearance(22).require(held), Ok(()));
}

// [ID-34]
#[test]
fn a_revoked_grant_is_not_redeemed() {
    let office = Office::new(&mut rng(1), now());
    let keys = DeviceKeys::create(&mut rng(2));
    let work = amanat_primitives::passphrase::WorkPolicy::STANDARD;
    let opened = office.invite(&mut rng(3), "ayesha", Tier::Secret, now()).open(None, &work, now()).unwrap();
    let enrolment = opened.redeem(&keys, now()).unwrap();
    let mut view = StatusView::new();
    let entries = [entry(&office, &of(Target::Grant(enrolment.grant_id()), None), 20, now())];
    take(&mut view, &office, &entries, &entries, 20).unwrap();
    assert_eq!(enrolment.verify(office.authority(), now(), &view).unwrap_err(), ChainError::Revoked);
}

// [ID-25]
#[test]
fn a_status_is_taken_only_with_the_whole_list_that_it_names() {
    let office = Office::new(&mut rng(1), now());
    let entries = [entry(&office, &unknown(), 20, now()), entry(&office, &unknown(), 20, now().after(HOUR / 60))];
    let mut view = StatusView::new();
    let error = take(&mut view, &office, &entries, &entries[..1], 20).unwrap_err();
    assert_eq!(error, NotAccepted::List(ListError::Missing { held: 1, named: 2 }));
    let swapped = [entries[1].clone(), entries[0].clone()];
    assert_eq!(take(&mut view, &office, &entries, &swapped, 20), Err(NotAccepted::List(ListError::Differs)));
    assert_eq!(view.number(), None);
    take(&mut view, &office, &entries, &entries, 20).unwrap();
    // After a restart too.
    let stored = view.current().unwrap().published().clone();
    let late = now().after(OFFICER_VALIDITY + 30 * DAY);
    let restored = StatusView::restore(&stored, &entries, office.authority(), late).unwrap();
    assert_eq!(restored.revocations().summary(), view.revocations().summary());
    assert!(StatusView::restore(&stored, &entries[..1], office.authority(), now()).is_err());
}

// [ID-32]
#[test]
fn a_list_never_gets_shorter_or_another() {
    let office = Office::new(&mut rng(1), now());
    let entries = [entry(&office, &unknown(), 20, now())];
    let mut view = StatusView::new();
    take(&mut view, &office, &entries, &entries, 20).unwrap();
    let shorter = NotAccepted::List(ListError::Shorter { held: 1, named: 0 });
    assert_eq!(take(&mut view, &office, &[], &[], 30), Err(shorter));
    let others = [entry(&office, &unknown(), 21, now())];
    assert_eq!(take(&mut view, &office, &others, &[], 30), Err(NotAccepted::List(ListError::Differs)));
    take(&mut view, &office, &entries, &[], 30).unwrap();
}

// [ID-31]
#[test]
fn numbers_fit_the_place_in_the_list() {
    let office = Office::new(&mut rng(1), now());
    let order = Err(NotAccepted::List(ListError::Order));
    let mut view = StatusView::new();
    take(&mut view, &office, &[], &[], 20).unwrap();
    // Not above the statement that did not name it.
    for number in [19, 20] {
        let entries = [entry(&office, &unknown(), number, now())];
        assert_eq!(take(&mut view, &office, &entries, &entries, 30), order);
    }
    // Beyond the statement that names it.
    let entries = [entry(&office, &unknown(), 31, now())];
    assert_eq!(take(&mut view, &office, &entries, &entries, 30), order);
    // Going down.
    let entries = [entry(&office, &unknown(), 25, now()), entry(&office, &unknown(), 24, now())];
    assert_eq!(take(&mut view, &office, &entries, &entries, 30), order);
    // Signed after it.
    let officer = office.officer(now());
    let ahead = office.officer_keys.revoke(&officer, 25, &unknown(), now().after(TOLERANCE + HOUR)).unwrap();
    let backdated = Err(NotAccepted::List(ListError::Backdated));
    assert_eq!(take(&mut view, &office, std::slice::from_ref(&ahead), std::slice::from_ref(&ahead), 30), backdated);
}

// [ID-47]
#[test]
fn a_statement_is_not_backdated_behind_what_its_list_has() {
    let office = Office::new(&mut rng(1), now().before(DAY));
    let number = now().as_millis();
    let entries = [entry(&office, &unknown(), number, now())];
    let mut view = StatusView::new();
    take(&mut view, &office, &entries, &entries, number).unwrap();
    let before = |age| naming(&office, &entries, number + 1, now().before(age));
    let judge = |view: &StatusView, signed: &SignedStatus, new: &[RevocationEntry]| {
        let status = signed.verify(office.authority(), now()).unwrap();
        view.judge(status, new, office.authority())
    };
    let (early, late) = (before(TOLERANCE + Duration::from_millis(1)), before(TOLERANCE));
    // It is the same to whoever has the list, and to whoever gets all of it now.
    for (view, new) in [(&view, &entries[..0]), (&StatusView::new(), &entries)] {
        assert_eq!(judge(view, &early, new).map(|_| ()), Err(NotAccepted::List(ListError::Backdated)));
    }
    // And what is accepted can be restored.
    let acceptable = judge(&view, &late, &[]).unwrap();
    assert!(view.accept(acceptable));
    let restored = StatusView::restore(&late, &entries, office.authority(), now()).unwrap();
    assert_eq!(restored.number(), Some(number + 1));
    // After a restart as before it.
    let early = naming(&office, &entries, number + 2, now().before(HOUR / 2));
    assert_eq!(judge(&restored, &early, &[]).map(|_| ()), Err(NotAccepted::List(ListError::Backdated)));
}

// [ID-35]
#[test]
fn a_list_is_bounded() {
    let office = Office::new(&mut rng(1), now());
    let summary = ListSummary { count: ENTRIES_MAX + 1, ..ListSummary::default() };
    let status = office.officer_keys.attest(&office.officer(now()), 1, summary, now(), STATUS_VALIDITY).unwrap();
    let status = status.verify(office.authority(), now()).unwrap();
    let error = StatusView::new().judge(status, &[], office.authority()).err();
    assert_eq!(error, Some(NotAccepted::List(ListError::TooMany)));
}

// [ID-30]
#[test]
fn a_revocation_is_an_officers_with_the_power_and_stays_when_the_certificate_ends() {
    let office = Office::new(&mut rng(1), now());
    let good = entry(&office, &unknown(), 20, now());
    let judge = |bad: RevocationEntry| {
        let mut view = StatusView::new();
        take(&mut view, &office, std::slice::from_ref(&bad), std::slice::from_ref(&bad), 20)
    };
    let refused = |error| Err(NotAccepted::List(ListError::Chain(error)));
    let what = StatementKind::Revocation;
    let relay = office.relay_keys.signing();
    let forged = RevocationEntry { statement: resigned(&good.statement, relay, |_| ()), ..good.clone() };
    assert_eq!(judge(forged), refused(ChainError::WrongIssuer { what }));
    let issuer = good.statement.signed.issuer;
    let forged = resigned(&good.statement, relay, |signed| signed.issuer = issuer);
    assert_eq!(
        judge(RevocationEntry { statement: forged, ..good.clone() }),
        refused(ChainError::BadSignature { what })
    );
    // Without the power it is neither signed nor believed.
    let card = office.officer_keys.card("Test Officer".parse().unwrap());
    let powers = Powers::from_bits(Powers::ENROL.bits() | Powers::ATTEST.bits());
    let certificate =
        office.authority_keys.certify_officer(office.authority(), &card, powers, now(), OFFICER_VALIDITY).unwrap();
    let officer = crate::OfficerChain { certificate: certificate.clone() }.verify(office.authority(), now()).unwrap();
    let error = office.officer_keys.revoke(&officer, 20, &unknown(), now()).unwrap_err();
    assert_eq!(error, IssueError::Chain(ChainError::NotEmpowered { what }));
    let powerless = RevocationEntry { certificate, ..good.clone() };
    assert_eq!(judge(powerless), refused(ChainError::NotEmpowered { what }));
    // Signed outside the officer's certificate.
    let key = office.officer_keys.signing();
    let before = resigned(&good.statement, key, |signed| signed.not_before = now().before(2 * HOUR));
    assert!(judge(RevocationEntry { statement: before, ..good.clone() }).is_err());
    assert_eq!(judge(good), Ok(()));
}
