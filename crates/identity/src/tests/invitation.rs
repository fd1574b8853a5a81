//! Invitations: opened with and without a code, altered, late.

use amanat_primitives::passphrase::{UnlockError, WorkPolicy};
use amanat_wire::DecodeError;

use super::*;
use crate::{
    Invitation, InvitationCode, InvitationError, Invitee, IssueError, OpenedInvitation, SignedStatus,
    invitation::Protection,
};

const WORK: &WorkPolicy = &WorkPolicy::FOR_TESTS;

fn invite(
    office: &Office,
    protection: Protection<'_>,
    status: Option<SignedStatus>,
) -> (Vec<u8>, Option<InvitationCode>) {
    let invitee = Invitee {
        handle: "ayesha".parse().unwrap(),
        name: "عائشہ خان".parse().unwrap(),
        post: "Deputy Secretary".parse().unwrap(),
        clearance: Tier::Confidential,
        replaces: true,
    };
    let relays = [office.relay_certificate.clone()];
    let made =
        office.officer_keys.invite(&office.officer(now()), invitee, &relays, status, protection, now(), &mut rng(5));
    let (invitation, code) = made.unwrap();
    (invitation.to_secret_bytes().to_vec(), code)
}

fn open(bytes: &[u8], code: Option<&str>) -> Result<OpenedInvitation, InvitationError> {
    Invitation::from_secret_bytes(bytes)?.open(code, WORK, now())
}

#[test]
fn a_plain_invitation_opens_and_tells_what_it_is() {
    let office = Office::new(&mut rng(1), now());
    let (bytes, code) = invite(&office, Protection::Plain, Some(office.status(now())));
    assert!(code.is_none());
    let summary = Invitation::from_secret_bytes(&bytes).unwrap().summary(now()).unwrap();
    assert_eq!(summary.address.to_string(), "ayesha@interior.gov.pk");
    assert_eq!(summary.name.as_str(), "عائشہ خان");
    assert_eq!(summary.authority.as_str(), "Test Office");
    assert_eq!(summary.authority_id, office.authority().id());
    assert_eq!(summary.officer.as_str(), "Test Officer");
    assert_eq!(summary.redeem_by, now().after(7 * DAY));
    assert_eq!(summary.relays, ["127.0.0.1:7443".parse().unwrap()]);
    assert_eq!(summary.clearance, Tier::Confidential);
    assert!(summary.replaces && !summary.needs_code);

    let opened = open(&bytes, None).unwrap();
    assert_eq!(opened.authority(), office.authority());
    assert_eq!(opened.address(), summary.address);
    assert_eq!(opened.relays(), [office.relay(now())]);
    assert_eq!(opened.relay_certificates(), std::slice::from_ref(&office.relay_certificate));
    assert!(opened.status().unwrap().verify(opened.authority(), now()).is_ok());
    assert!(open(&bytes, Some("ignored")).is_ok());
}

#[test]
fn a_code_is_asked_for_and_checked() {
    let office = Office::new(&mut rng(1), now());
    let (bytes, code) = invite(&office, Protection::Code(WORK), None);
    let code = code.unwrap();
    let invitation = Invitation::from_secret_bytes(&bytes).unwrap();
    assert!(invitation.summary(now()).unwrap().needs_code);
    assert_eq!(open(&bytes, None).err(), Some(InvitationError::CodeNeeded));
    let other = InvitationCode::random(&mut rng(6)).expose();
    assert_eq!(open(&bytes, Some(&other)).err(), Some(InvitationError::WrongCode));
    assert_eq!(open(&bytes, Some("not a code")).err(), Some(InvitationError::WrongCode));
    assert!(open(&bytes, Some(&code.expose().to_lowercase())).is_ok());
    // A box weaker than the policy allows is not even tried.
    let weak = Invitation::from_secret_bytes(&bytes).unwrap().open(Some(&code.expose()), &WorkPolicy::STANDARD, now());
    assert_eq!(weak.err(), Some(InvitationError::Code(UnlockError::Work)));
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(open(&damaged, Some(&code.expose())).err(), Some(InvitationError::Code(UnlockError::Damaged)));
}

// [ID-01], [ID-16] and [ID-28]
#[test]
fn no_altered_byte_opens() {
    let office = Office::new(&mut rng(1), now());
    let (bytes, _) = invite(&office, Protection::Plain, Some(office.status(now())));
    for at in 0..bytes.len() {
        let mut altered = bytes.clone();
        altered[at] ^= 1 << (at % 8);
        assert!(open(&altered, None).is_err(), "byte {at}");
        assert!(matches!(open(&bytes[..at], None), Err(InvitationError::Damaged(_))), "cut at {at}");
    }
    // The last 32 bytes are the seed: another one is not the granted key's.
    let mut altered = bytes.clone();
    *altered.last_mut().unwrap() ^= 1;
    let what = StatementKind::Grant;
    assert_eq!(open(&altered, None).err(), Some(InvitationError::Chain(ChainError::Mismatch { what })));
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(open(&longer, None).err(), Some(InvitationError::Damaged(DecodeError::LeftOver)));
    let limit = crate::invitation::INVITATION_MAX;
    assert_eq!(open(&vec![1; limit + 1], None).err(), Some(InvitationError::Damaged(DecodeError::TooLong { limit })));
}

// [ID-06] and [ID-14]
#[test]
fn windows_are_held_against_the_clock() {
    let office = Office::new(&mut rng(1), now());
    let (bytes, _) = invite(&office, Protection::Plain, None);
    let at = |time| Invitation::from_secret_bytes(&bytes).unwrap().summary(time).err();
    let since = now().after(7 * DAY);
    assert_eq!(at(since), None);
    assert_eq!(at(since.after(HOUR)), Some(ChainError::GrantExpired { since }));
    let what = StatementKind::AuthorityCertificate;
    assert_eq!(at(now().before(HOUR)), Some(ChainError::NotYetValid { what, from: now() }));
}

// [ID-04] A relay of another authority in the list.
#[test]
fn statements_of_two_authorities_do_not_mix() {
    let office = Office::new(&mut rng(1), now());
    let other = Office::new(&mut rng(2), now());
    let what = StatementKind::RelayCertificate;
    let invitee = Invitee {
        handle: "a".parse().unwrap(),
        name: "A".parse().unwrap(),
        post: "B".parse().unwrap(),
        clearance: Tier::Official,
        replaces: false,
    };
    let invite = |relays: &[Statement]| {
        let (officer, keys) = (office.officer(now()), &office.officer_keys);
        keys.invite(&officer, invitee.clone(), relays, None, Protection::Plain, now(), &mut rng(3)).err()
    };
    let foreign = std::slice::from_ref(&other.relay_certificate);
    assert_eq!(invite(foreign), Some(IssueError::Chain(ChainError::OtherAuthority { what })));
    assert_eq!(invite(&[]), Some(IssueError::NoRelay));
}
