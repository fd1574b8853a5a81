//! Second signatures: what one officer may list alone, and whose signature counts beside it.

use amanat_wire::List;

use super::*;
use crate::{
    Cosignature, IssueError, ListError, OfficerKeys, Proposal, Reason, RevocationEntry, RevocationList, Target,
    VerifiedOfficer, VerifiedStatus, body::RevocationBody, policy::ALONE,
};

struct Desk {
    office: Office,
    first: VerifiedOfficer,
    second_keys: OfficerKeys,
    second: VerifiedOfficer,
}

impl Desk {
    fn new() -> Self {
        let office = Office::new(&mut rng(1), now());
        let (second_keys, second) = office.another_officer(&mut rng(2), now());
        Self { first: office.officer(now()), office, second_keys, second }
    }

    fn alone(&self, which: u8, number: u64, at: Timestamp) -> RevocationEntry {
        self.office.officer_keys.revoke(&self.first, number, &body(which), at).unwrap()
    }

    /// What the second officer's statement says that names a list.
    fn naming(&self, entries: &[RevocationEntry], number: u64) -> VerifiedStatus {
        let summary = entries.iter().fold(crate::ListSummary::default(), crate::ListSummary::with);
        let validity = crate::policy::STATUS_VALIDITY;
        let signed = self.second_keys.attest(&self.second, number, summary, now(), validity).unwrap();
        signed.verify(self.office.authority(), now()).unwrap()
    }

    fn proposal(&self, which: u8) -> Proposal {
        let unsigned = Proposal::new(self.office.authority(), body(which), now());
        self.office.officer_keys.cosign(&self.first, unsigned, now()).unwrap()
    }

    fn list(&self, entries: &[RevocationEntry], number: u64) -> Result<RevocationList, ListError> {
        RevocationList::of(entries, self.office.authority(), number, now())
    }
}

fn body(which: u8) -> RevocationBody {
    let target = Target::Device(amanat_primitives::DeviceId::from_bytes([which; 32]));
    RevocationBody { target, ceiling: None, reason: Reason::Lost, note: None }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap()
}

// [ID-44]
#[test]
fn one_officer_lists_so_many_in_an_hour_and_in_a_day() {
    let desk = Desk::new();
    let [(hour, in_hour), (day, in_day)] = ALONE;
    let start = now().as_millis();
    // The officer's own clock is not asked: it may say what it likes.
    let at = |which: u8| now().before(Duration::from_secs(60) * u32::from(which % 9));
    let mut entries: Vec<RevocationEntry> = Vec::new();
    let mut number = start;
    for which in 0..u8::try_from(in_day).unwrap() {
        if which > 0 && usize::from(which) % in_hour == 0 {
            let early = desk.alone(which, number + millis(hour) - 1, at(which));
            let with = [entries.clone(), vec![early]].concat();
            assert_eq!(desk.list(&with, u64::MAX).err(), Some(ListError::Alone));
            number += millis(hour);
        }
        entries.push(desk.alone(which, number, at(which)));
    }
    let list = desk.list(&entries, number).unwrap();
    assert_eq!(list.alone_left(desk.first.id(), number), 0);
    assert_eq!(list.alone_left(desk.second.id(), number), in_hour);
    assert_eq!(list.alone_left(desk.first.id(), start + millis(day)), in_hour);
    // Not more in a day, in however many lists they come, while another officer may.
    let one_more = |number| [entries.clone(), vec![desk.alone(250, number, now())]].concat();
    let late = start + millis(day) - 1;
    assert_eq!(desk.list(&one_more(late), late).err(), Some(ListError::Alone));
    assert!(desk.list(&one_more(late + 1), late + 1).is_ok());
    let by_second = desk.second_keys.revoke(&desk.second, late, &body(250), now()).unwrap();
    assert!(desk.list(&[entries.clone(), vec![by_second]].concat(), late).is_ok());
}

// [ID-44]
#[test]
fn whoever_holds_a_part_of_the_list_comes_to_the_same_verdict() {
    let desk = Desk::new();
    let (_, most) = ALONE[0];
    let number = now().as_millis();
    let entries: Vec<_> = (0..=u8::try_from(most).unwrap()).map(|which| desk.alone(which, number, now())).collect();
    assert_eq!(desk.list(&entries, number).err(), Some(ListError::Alone));
    let mut view = StatusView::new();
    let held = &entries[..most];
    let acceptable = view.judge(desk.naming(held, number), held, desk.office.authority()).unwrap();
    assert!(view.accept(acceptable));
    let last = desk.alone(250, number + 1, now());
    let all = [held, std::slice::from_ref(&last)].concat();
    let refused = view.judge(desk.naming(&all, number + 1), &[last], desk.office.authority()).err();
    assert_eq!(refused, Some(crate::NotAccepted::List(ListError::Alone)));
}

// [ID-45]
#[test]
fn a_second_officer_must_be_another_one_and_mean_the_same() {
    let desk = Desk::new();
    let (_, most) = ALONE[0];
    let number = now().as_millis();
    let full: Vec<_> = (0..u8::try_from(most).unwrap()).map(|which| desk.alone(which, number, now())).collect();
    let judge = |cosignatures: List<Cosignature, 2>| {
        let entry = desk.alone(250, number, now()).cosigned(cosignatures);
        desk.list(&[full.clone(), vec![entry]].concat(), number).map(|_| ())
    };
    let proposed = desk.proposal(250);
    assert!(!proposed.is_complete());
    let both = desk.second_keys.cosign(&desk.second, proposed.clone(), now()).unwrap();
    assert!(both.is_complete() && both.id() == proposed.id());
    assert_eq!(both.verify(desk.office.authority(), now()).unwrap().len(), 2);
    assert_eq!(judge(both.cosignatures.clone()), Ok(()));
    // Nobody signs twice, nor a third.
    let keys = &desk.office.officer_keys;
    assert_eq!(keys.cosign(&desk.first, proposed.clone(), now()), Err(IssueError::SignedAlready));
    assert_eq!(desk.second_keys.cosign(&desk.second, both.clone(), now()), Err(IssueError::SignedAlready));
    let one = |cosignature: &Cosignature| List::new(vec![cosignature.clone()]).unwrap();
    let [by_first, by_second] = both.cosignatures.as_ref() else { panic!() };
    assert_eq!(judge(one(by_second)), Ok(()));
    assert_eq!(judge(one(by_first)), Err(ListError::Alone));
    let twice = Proposal { cosignatures: List::new(vec![by_first.clone(); 2]).unwrap(), ..both.clone() };
    let what = StatementKind::Revocation;
    assert_eq!(twice.verify(desk.office.authority(), now()).err(), Some(ChainError::Mismatch { what }));
    // About something else, or in another's name.
    let other = desk.second_keys.cosign(&desk.second, desk.proposal(251), now()).unwrap();
    let bad = Err(ListError::Chain(ChainError::BadSignature { what }));
    assert_eq!(judge(other.cosignatures), bad);
    let forged = Cosignature { certificate: by_second.certificate.clone(), signature: by_first.signature };
    assert_eq!(judge(one(&forged)), bad);
    // By whoever is an officer when it is listed, though not yet when it was proposed.
    let later = now().after(DAY);
    let (third_keys, third) = desk.office.another_officer(&mut rng(3), later);
    let by_third = third_keys.cosign(&third, proposed.clone(), later).unwrap().cosignatures;
    let again: Vec<_> = (0..20).map(|which| desk.alone(which, later.as_millis(), now())).collect();
    let listed = |number| {
        let entry = desk.alone(250, number, now()).cosigned(by_third.clone());
        desk.list(&[again.clone(), vec![entry]].concat(), number).map(|_| ())
    };
    assert_eq!(listed(later.as_millis()), Ok(()));
    assert!(matches!(judge(by_third.clone()), Err(ListError::Chain(ChainError::NotYetValid { .. }))));
    assert!(listed(later.after(366 * DAY).as_millis()).is_err());
    // By an officer who is revoked before.
    let revoked = desk.office.revoke_officer(desk.second.id(), number, now());
    let entry = desk.alone(250, number, now()).cosigned(both.cosignatures.clone());
    let all = [full.clone(), vec![revoked.clone(), entry.clone()]].concat();
    assert_eq!(desk.list(&all, number).err(), Some(ListError::Alone));
    assert!(desk.list(&[full.clone(), vec![entry, revoked.clone()]].concat(), number).is_ok());
    // The root needs nobody.
    let adorned = revoked.cosigned(both.cosignatures);
    assert_eq!(desk.list(&[adorned], number).err(), Some(ListError::Chain(ChainError::Mismatch { what })));
}

// [ID-63]
#[test]
fn nobody_takes_a_second_officers_signature_off_a_list() {
    let desk = Desk::new();
    let number = now().as_millis();
    let both = desk.second_keys.cosign(&desk.second, desk.proposal(250), now()).unwrap().cosignatures;
    let alone = desk.alone(250, number, now());
    let whole = alone.clone().cosigned(both.clone());
    let [by_first, by_second] = both.as_ref() else { panic!() };
    let swapped = alone.clone().cosigned(List::new(vec![by_second.clone(), by_first.clone()]).unwrap());
    let fewer = alone.clone().cosigned(List::new(vec![by_second.clone()]).unwrap());
    let (_, later) = desk.office.another_officer(&mut rng(3), now());
    let recertified = RevocationEntry { certificate: later.statement().clone(), ..whole.clone() };
    let summary = crate::ListSummary::default().with(&whole);
    let keys = &desk.office.officer_keys;
    let signed = keys.attest(&desk.first, number, summary, now(), crate::policy::STATUS_VALIDITY).unwrap();
    let judge = |entry: &RevocationEntry| {
        let status = signed.verify(desk.office.authority(), now()).unwrap();
        StatusView::new().judge(status, std::slice::from_ref(entry), desk.office.authority()).map(|_| ())
    };
    assert_eq!(judge(&whole), Ok(()));
    for other in [alone, swapped, fewer, recertified] {
        assert_eq!(judge(&other), Err(crate::NotAccepted::List(ListError::Differs)));
    }
}

// [ID-60]
#[test]
fn a_second_officers_signature_is_good_for_one_entry() {
    let desk = Desk::new();
    let (hour, most) = ALONE[0];
    let number = now().as_millis();
    let both = desk.second_keys.cosign(&desk.second, desk.proposal(250), now()).unwrap().cosignatures;
    let again = |number| desk.alone(250, number, now()).cosigned(both.clone());
    // Signed again under later numbers it counts like any that one officer lists, in one list as in several.
    let number_of = |place: usize| number + u64::try_from(place).unwrap();
    let entries: Vec<_> = (0..=most).map(|place| again(number_of(place))).collect();
    let list = desk.list(&entries, number_of(most)).unwrap();
    assert_eq!(list.alone_left(desk.first.id(), number_of(most)), 0);
    let more = again(number_of(most + 1));
    let all = [entries.clone(), vec![more.clone()]].concat();
    assert_eq!(desk.list(&all, number_of(most + 1)).err(), Some(ListError::Alone));
    let mut view = StatusView::new();
    let acceptable = view.judge(desk.naming(&entries, number_of(most)), &entries, desk.office.authority()).unwrap();
    assert!(view.accept(acceptable));
    let refused = view.judge(desk.naming(&all, number_of(most + 1)), &[more], desk.office.authority()).err();
    assert_eq!(refused, Some(crate::NotAccepted::List(ListError::Alone)));
    // Nor does the other one get another one out of it.
    let signed = desk.second_keys.revoke(&desk.second, number + 1, &body(250), now()).unwrap();
    let list = desk.list(&[again(number), signed.cosigned(both.clone())], number + 1).unwrap();
    assert_eq!(list.alone_left(desk.second.id(), number + 1), most - 1);
    // What was not listed under its first number may be under a later one.
    let late = number + millis(hour) - 1;
    let full: Vec<_> = (0..u8::try_from(most).unwrap()).map(|which| desk.alone(which, number, now())).collect();
    let list = desk.list(&[full, vec![again(late)]].concat(), late).unwrap();
    assert_eq!(list.summary().count, u32::try_from(most).unwrap() + 1);
}
