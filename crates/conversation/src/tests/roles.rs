//! Who may change a group (protocol-spec/05-conversation, section 3): every member judges every commit, and comes to one
//! verdict.

use amanat_identity::{Reason, Target, Tier, body::RevocationBody};
use amanat_wire::{Encode, client::AddAgain, log::UnitKind};

use super::{
    commits::{Room, room},
    world::{Member, START, Seen, World, receipt_of, revocations},
};
use crate::{
    ApproveError, CommitFacts, ConversationError, LeaveProof, NotAllowed, OutgoingCommit, Removal, Role, Roles,
    VoidReason,
};

fn not_allowed(why: NotAllowed) -> Option<ApproveError> {
    Some(ApproveError::Void(VoidReason::NotAllowed(why)))
}

fn remove(w: &mut World, by: &mut Member, removal: impl Into<Removal>) -> Result<OutgoingCommit, ConversationError> {
    let signing = by.keys.signing();
    by.conversation.as_mut().unwrap().remove(removal, signing, 2, w.now, &mut w.rng)
}

/// A commit that its maker's own check would not let through: the maker believes that the devices are unfit.
fn remove_anyway(w: &mut World, by: &mut Member, whom: &Member) -> OutgoingCommit {
    let removal = Removal { unfit: vec![whom.id()], ..Removal::from(&[whom.id()]) };
    let made = remove(w, by, removal).unwrap();
    by.restart();
    w.append_commit(by.id(), UnitKind::Commit, &made);
    made
}

fn all_merge(w: &mut World, members: &mut [&mut Member]) {
    for member in members {
        assert!(w.catch_up(member).iter().all(|seen| matches!(seen, Seen::Merged(_))));
    }
}

// [CONV-46]
#[test]
fn roles_have_one_encoding_and_name_the_founder_once() {
    let Room { a, b, c, .. } = room(90);
    let [a, b, c] = [&a, &b, &c].map(|member| member.device.address().clone());
    let roles = Roles::founded_by(a.clone()).with(&c, true).unwrap().with(&b, true).unwrap();
    assert_eq!(Roles::read(&roles.to_bytes()), Ok(roles.clone()));
    assert_eq!([&a, &b].map(|person| roles.of(person)), [Role::Founder, Role::Moderator]);
    assert_eq!(roles.with(&b, false).unwrap().of(&b), Role::Member);
    assert_eq!(roles.with(&a, true).unwrap(), roles, "the founder is no moderator");
    let mut list = roles.moderators.to_vec();
    list.reverse();
    let list = |list: Vec<_>| Roles { moderators: amanat_wire::List::new(list).unwrap(), ..roles.clone() };
    for bad in [list([&roles.moderators[..], &[a]].concat()), list(roles.moderators.iter().rev().cloned().collect())] {
        assert!(Roles::read(&Encode::to_bytes(&bad)).is_err());
    }
    let mut newer = roles.to_bytes();
    newer[0] = 2;
    assert!(Roles::read(&newer).is_err() && Roles::read(&[]).is_err());
    for cut in 0..roles.to_bytes().len() {
        assert!(Roles::read(&roles.to_bytes()[..cut]).is_err());
    }
}

// [CONV-47] Founder and moderators add and remove; nobody else does, and the founder is out of a moderator's reach.
#[test]
fn only_the_founder_and_moderators_change_members() {
    let Room { mut w, mut a, mut b, mut c } = room(91);
    let mut d = w.enrol("d", Tier::Secret);
    let package = w.checked(&mut d);
    let (now, signing) = (w.now, b.keys.signing());
    let conversation = b.conversation.as_mut().unwrap();
    let refused = conversation.add(vec![package.clone()], signing, 1, now, &mut w.rng).err();
    assert_eq!(refused, Some(ConversationError::NotAllowed(NotAllowed::Add)));
    assert_eq!(remove(&mut w, &mut b, &[c.id()]).err(), Some(ConversationError::NotAllowed(NotAllowed::Remove)));
    let mine = conversation_roles(&b).with(b.device.address(), true).unwrap();
    let (now, signing) = (w.now, b.keys.signing());
    let refused = b.conversation.as_mut().unwrap().appoint(mine, signing, 1, now, &mut w.rng).err();
    assert_eq!(refused, Some(ConversationError::NotAllowed(NotAllowed::Roles)));
    // Made all the same, it is void for every member.
    remove_anyway(&mut w, &mut b, &c);
    for member in [&mut a, &mut b, &mut c] {
        assert_eq!(w.approve(member).err(), not_allowed(NotAllowed::Remove));
        let entry = w.log.last().unwrap().clone();
        member.conv().void(&entry).unwrap();
        member.restart();
    }
    // A moderator may, but for the founder and for roles.
    w.make_moderator(&mut a, &b);
    all_merge(&mut w, &mut [&mut b, &mut c]);
    assert_eq!(remove(&mut w, &mut b, &[a.id()]).err(), Some(ConversationError::NotAllowed(NotAllowed::RemoveFounder)));
    let more = conversation_roles(&b).with(c.device.address(), true).unwrap();
    let (now, signing) = (w.now, b.keys.signing());
    let refused = b.conversation.as_mut().unwrap().appoint(more, signing, 1, now, &mut w.rng).err();
    assert_eq!(refused, Some(ConversationError::NotAllowed(NotAllowed::Roles)));
    let gone = remove(&mut w, &mut b, &[c.id()]).unwrap();
    b.restart();
    w.append_commit(b.id(), UnitKind::Commit, &gone);
    all_merge(&mut w, &mut [&mut a, &mut b, &mut c]);
    // Nobody is made a moderator who is no member.
    let ghost = conversation_roles(&a).with(c.device.address(), true).unwrap();
    let (now, signing) = (w.now, a.keys.signing());
    let refused = a.conversation.as_mut().unwrap().appoint(ghost, signing, 1, now, &mut w.rng).err();
    assert_eq!(refused, Some(ConversationError::NotAllowed(NotAllowed::NoSuchRole)));
}

fn conversation_roles(member: &Member) -> Roles {
    member.conversation.as_ref().unwrap().roles().unwrap().clone()
}

// [CONV-47] No group dies with its founder.
#[test]
fn a_deserted_group_is_everybodys() {
    let Room { mut w, a, mut b, mut c } = room(92);
    let signature = a.conversation.as_ref().unwrap().ask_to_leave(a.keys.signing());
    let leaves = vec![LeaveProof { device: a.id(), signature: signature.unwrap() }];
    let removal = Removal { leaves, ..Removal::from(&[a.id()]) };
    let gone = remove(&mut w, &mut b, removal).unwrap();
    b.restart();
    w.append_commit(b.id(), UnitKind::Commit, &gone);
    all_merge(&mut w, &mut [&mut b, &mut c]);
    let gone = remove(&mut w, &mut c, &[b.id()]).unwrap();
    c.restart();
    w.append_commit(c.id(), UnitKind::Commit, &gone);
    all_merge(&mut w, &mut [&mut b, &mut c]);
    assert!(!b.conv().is_active());
}

// [CONV-48] A request to be removed is proof for everyone, until its author's leaf is another.
#[test]
fn a_request_to_leave_is_void_with_the_leaf() {
    let Room { mut w, mut a, mut b, mut c } = room(93);
    let ask = |member: &mut Member| {
        let signature = member.conversation.as_ref().unwrap().ask_to_leave(member.keys.signing()).unwrap();
        LeaveProof { device: member.id(), signature }
    };
    let old = ask(&mut c);
    assert_eq!(b.conv().leaver(&old).as_ref(), Some(c.device.address()));
    assert_eq!(b.conv().leaver(&LeaveProof { device: a.id(), ..old.clone() }), None, "another's name");
    w.renew(&mut c);
    all_merge(&mut w, &mut [&mut a, &mut b]);
    assert_eq!(b.conv().leaver(&old), None, "from before its keys were renewed");
    let stale = Removal { leaves: vec![old], ..Removal::from(&[c.id()]) };
    assert_eq!(remove(&mut w, &mut b, stale).err(), Some(ConversationError::NotAllowed(NotAllowed::Remove)));
    let new = ask(&mut c);
    let gone = remove(&mut w, &mut b, Removal { leaves: vec![new], ..Removal::from(&[c.id()]) }).unwrap();
    assert_eq!(CommitFacts::read(&gone.facts.to_bytes()), Ok(gone.facts.clone()));
    b.restart();
    w.append_commit(b.id(), UnitKind::Commit, &gone);
    all_merge(&mut w, &mut [&mut a, &mut b, &mut c]);
    assert!(!c.conv().is_active());
}

fn list(w: &World, number: u64, targets: &[Target]) -> amanat_identity::RevocationList {
    let officer = w.office.officer(START);
    let entry = |target: &Target| {
        let body = RevocationBody { target: target.clone(), ceiling: None, reason: Reason::Lost, note: None };
        w.office.officer_keys.revoke(&officer, number, &body, START).unwrap()
    };
    revocations(&w.office, number, &targets.iter().map(entry).collect::<Vec<_>>())
}

// [CONV-51] Whoever is revoked may be removed by every member, as of the statement that the commit names; what is revoked
// later changes nothing.
#[test]
fn commits_are_judged_by_the_list_that_they_name() {
    let Room { mut w, mut a, mut b, mut c } = room(94);
    let before = w.revocations.clone();
    remove_anyway(&mut w, &mut b, &c);
    assert_eq!(w.approve(&mut a).err(), not_allowed(NotAllowed::Remove));
    // As of statement 2 the device is revoked.
    w.revocations = list(&w, 2, &[Target::Device(c.id())]);
    assert!(w.approve(&mut a).is_ok());
    // As of statement 3 only.
    w.revocations = list(&w, 3, &[Target::Device(c.id())]);
    assert_eq!(w.approve(&mut a).err(), not_allowed(NotAllowed::Remove));
    // [CONV-50] A member who has an older list waits.
    w.revocations = revocations(&w.office, 1, &[]);
    assert_eq!(w.approve(&mut a).err(), Some(ApproveError::NeedsStatus(2)));
    // A committer who was revoked by then commits nothing; revoked later, its commit stands.
    w.revocations = list(&w, 2, &[Target::Device(c.id()), Target::Device(b.id())]);
    assert_eq!(w.approve(&mut a).err(), Some(ApproveError::Void(VoidReason::Revoked)));
    w.revocations = before;
    let entry = w.log.last().unwrap().clone();
    for member in [&mut a, &mut b, &mut c] {
        member.conv().void(&entry).unwrap();
        member.restart();
    }
    // Nor is anybody let in who was revoked.
    let mut d = w.enrol("d", Tier::Secret);
    let package = w.checked(&mut d);
    let now = w.now;
    let commit = a.conversation.as_mut().unwrap().add(vec![package], a.keys.signing(), 2, now, &mut w.rng).unwrap();
    a.restart();
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    w.revocations = list(&w, 2, &[Target::Device(d.id())]);
    assert_eq!(w.approve(&mut b).err(), Some(ApproveError::Void(VoidReason::AddedUnfit(d.id()))));
    w.revocations = list(&w, 3, &[Target::Device(d.id())]);
    assert!(w.approve(&mut b).is_ok());
    // [CONV-50] A statement that the relay did not have.
    let receipt = receipt_of(&commit, now);
    w.receipt = Some(amanat_wire::log::ReceiptBody { status_number: 1, ..receipt });
    assert_eq!(w.approve(&mut b).err(), Some(ApproveError::Void(VoidReason::StatusAhead)));
}

// [CONV-53] Any member takes a device out and puts the same one in again; nobody else by that way.
#[test]
fn any_member_adds_the_same_device_again() {
    let Room { mut w, mut a, mut b, mut c } = room(95);
    let package = w.checked(&mut c);
    let now = w.now;
    let signing = b.keys.signing();
    // Only where it asked, lately, by its own key: nobody is thrown out in this way.
    let day = std::time::Duration::from_secs(24 * 3600);
    let not_asked = [
        AddAgain::sign(w.id, c.id(), now, b.keys.signing()),
        AddAgain::sign(w.id, c.id(), now.before(day), c.keys.signing()),
        AddAgain::sign(amanat_primitives::ConversationId::from_bytes([9; 16]), c.id(), now, c.keys.signing()),
    ];
    for asked in not_asked {
        let group = b.conversation.as_mut().unwrap();
        let refused = group.add_again(package.clone(), asked, signing, 1, now, &mut w.rng).err();
        assert_eq!(refused, Some(ConversationError::NotAllowed(NotAllowed::Add)));
    }
    let asked = AddAgain::sign(w.id, c.id(), now, c.keys.signing());
    let commit = b.conversation.as_mut().unwrap().add_again(package, asked, signing, 1, now, &mut w.rng).unwrap();
    b.restart();
    w.append_commit(b.id(), UnitKind::Commit, &commit);
    all_merge(&mut w, &mut [&mut a, &mut b]);
    w.join(&mut c, &commit);
    assert_eq!(c.conv().epoch_authenticator(), a.conv().epoch_authenticator());
    w.say(&mut c, "back");
    assert_eq!(w.step(&mut a).text(), "back");
}
