//! Further devices (protocol-spec/03-identity, section 6): approvals, in whom they are believed and in whom not.

use super::*;
use crate::{Approval, DeviceCode, IssueError, approval::APPROVALS};

type Enrolled = (DeviceKeys, DeviceChain, VerifiedDevice);

fn office() -> (ChaCha20Rng, Office) {
    let mut rng = rng(7);
    let office = Office::new(&mut rng, now());
    (rng, office)
}

fn approved(office: &Office, by: &Enrolled, new: &Enrolled, at: Timestamp) -> DeviceChain {
    let approval = by.0.approve((&by.2, &by.1), &new.2, at).unwrap();
    let chain = DeviceChain { approval: Some(approval), ..new.1.clone() };
    chain.verify(office.authority(), at, TOLERANCE).unwrap();
    chain
}

fn verify(office: &Office, chain: &DeviceChain, at: Timestamp) -> Result<VerifiedDevice, ChainError> {
    chain.verify(office.authority(), at, TOLERANCE)
}

// [ID-50]
#[test]
fn another_device_of_the_same_person_approves_one_certificate() {
    let (mut rng, office) = office();
    let (first, second) =
        (office.enrol(&mut rng, "ayesha", Tier::Secret, now()), office.enrol(&mut rng, "ayesha", Tier::Secret, now()));
    let (third, bilal) =
        (office.enrol(&mut rng, "ayesha", Tier::Secret, now()), office.enrol(&mut rng, "bilal", Tier::Secret, now()));
    assert_eq!(first.2.approval(), None);
    let chain = approved(&office, &first, &second, now());
    let device = verify(&office, &chain, now()).unwrap();
    assert_eq!(device.approval(), Some(first.2.id()));
    assert!(device.descends_from(first.2.id()) && !device.descends_from(third.2.id()));
    assert_eq!(device.id(), second.2.id());
    // It is for this device alone, and by nobody else.
    let moved = DeviceChain { approval: chain.approval.clone(), ..third.1.clone() };
    assert!(verify(&office, &moved, now()).is_err());
    let own = DeviceChain { approval: chain.approval.clone(), ..first.1.clone() };
    assert!(verify(&office, &own, now()).is_err());
    assert_eq!(bilal.0.approve((&bilal.2, &bilal.1), &second.2, now()).unwrap_err(), IssueError::OtherKeys);
    let approval = chain.approval.clone().unwrap();
    let others = Approval { approver: amanat_wire::Bytes::new(bilal.1.to_bytes()).unwrap(), ..approval.clone() };
    assert!(verify(&office, &DeviceChain { approval: Some(others), ..second.1.clone() }, now()).is_err());
    let by_third = Approval { approver: amanat_wire::Bytes::new(third.1.to_bytes()).unwrap(), ..approval.clone() };
    assert!(verify(&office, &DeviceChain { approval: Some(by_third), ..second.1.clone() }, now()).is_err());
    for place in [3, 60, 120] {
        let mut altered = approval.clone();
        let mut bytes = altered.statement.to_bytes();
        bytes[place] ^= 1;
        if let Ok(statement) = <Statement as amanat_wire::Decode>::from_bytes(&bytes) {
            altered.statement = statement;
            assert!(verify(&office, &DeviceChain { approval: Some(altered), ..second.1.clone() }, now()).is_err());
        }
    }
    // Its approver's end ends nothing, and a clock that runs ahead approves nothing yet.
    let later = now().after(DAY);
    assert!(verify(&office, &chain, later).is_ok());
    let ahead = first.0.approve((&first.2, &first.1), &second.2, later).unwrap();
    assert!(verify(&office, &DeviceChain { approval: Some(ahead), ..second.1.clone() }, now()).is_err());
}

// [ID-51]
#[test]
fn approvals_stand_in_one_another_only_so_deep() {
    let (mut rng, office) = office();
    let mut by: Enrolled = office.enrol(&mut rng, "ayesha", Tier::Secret, now());
    for depth in 1..=APPROVALS + 1 {
        let new = office.enrol(&mut rng, "ayesha", Tier::Secret, now());
        let approval = by.0.approve((&by.2, &by.1), &new.2, now()).unwrap();
        let chain = DeviceChain { approval: Some(approval), ..new.1 };
        match verify(&office, &chain, now()) {
            Ok(device) if depth <= APPROVALS => by = (new.0, chain, device),
            Err(_) if depth > APPROVALS => return,
            other => panic!("{depth}: {other:?}"),
        }
    }
}

// [ID-59]
#[test]
fn two_devices_that_approve_each_other_are_nobody_else_s() {
    let (mut rng, office) = office();
    let mut enrol = || office.enrol(&mut rng, "ayesha", Tier::Secret, now());
    let (first, second, third) = (enrol(), enrol(), enrol());
    let (ghost, other_ghost) = (enrol(), enrol());
    let verified = |chain: &DeviceChain| verify(&office, chain, now()).unwrap();
    let chain = approved(&office, &first, &second, now());
    let device = verified(&chain);
    let second = (second.0, chain, device);
    let by_second = approved(&office, &second, &third, now());
    let theirs = [verified(&first.1), verified(&second.1), verified(&by_second)];
    assert!(theirs.iter().all(|one| theirs.iter().all(|other| one.is_kin_of(other))));
    // An officer makes two in her name, and has one approve the other: kin of one another, and of nobody else.
    let ghosts = [ghost.2.clone(), verified(&approved(&office, &ghost, &other_ghost, now()))];
    assert!(ghosts[0].is_kin_of(&ghosts[1]) && ghosts[1].approval().is_some());
    assert!(theirs.iter().all(|one| ghosts.iter().all(|ghost| !one.is_kin_of(ghost) && !ghost.is_kin_of(one))));
}

// [ID-53]
#[test]
fn a_code_is_the_beginning_of_the_certificate_s_id() {
    let id = amanat_primitives::StatementId::from_bytes(std::array::from_fn(|i| (i as u8).wrapping_mul(37) ^ 0x5a));
    let code = DeviceCode::of(id);
    let shown = code.to_string();
    assert_eq!((shown.len(), shown.matches('-').count()), (19, 3));
    let alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let bits: u128 =
        shown.chars().filter(|c| *c != '-').fold(0, |bits, c| bits << 5 | alphabet.find(c).unwrap() as u128);
    assert_eq!(bits.to_be_bytes()[6..], id.as_bytes()[..10]);
    assert_eq!(DeviceCode::parse(&shown.to_lowercase().replace('-', " ").replace('0', "o")), Some(code));
    for bad in ["", &shown[1..], &format!("{shown}0"), "UUUU-UUUU-UUUU-UUUU"] {
        assert_eq!(DeviceCode::parse(bad), None, "{bad}");
    }
}
