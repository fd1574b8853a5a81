//! Further devices of a person (protocol-spec/05-conversation, section 5): who may add them, and which.

use amanat_identity::{DeviceChain, Tier, VerifiedDevice};
use amanat_primitives::Timestamp;
use amanat_wire::log::UnitKind;

use super::world::{Disk, Member, Seen, World};
use crate::{ApproveError, CheckedKeyPackage, FurtherError, VoidReason, may_stand_beside};

fn enrol(w: &mut World, handle: &str) -> (Member, DeviceChain) {
    let (keys, chain, device) = w.office.enrol(&mut w.rng, handle, Tier::Secret, w.now);
    w.chains.insert(device.id(), device.clone());
    (Member { keys, device, packages: Disk::default(), disk: Disk::default(), conversation: None }, chain)
}

fn approve(w: &mut World, by: (&Member, &DeviceChain), new: (&mut Member, &mut DeviceChain)) {
    let approval = by.0.keys.approve((&by.0.device, by.1), &new.0.device, w.now).unwrap();
    new.1.approval = Some(approval);
    let verified = new.1.verify(w.office.authority(), w.now, Timestamp::CLOCK_TOLERANCE).unwrap();
    w.chains.insert(verified.id(), verified.clone());
    new.0.device = verified;
}

/// What `judge` says of a commit by `by` that adds `packages`; where it is good, it is taken in by both.
fn adds(
    w: &mut World,
    by: &mut Member,
    judge: &mut Member,
    packages: Vec<CheckedKeyPackage>,
) -> Result<crate::OutgoingCommit, VoidReason> {
    let conversation = by.conversation.as_mut().unwrap();
    let commit = conversation.add(packages, by.keys.signing(), 1, w.now, &mut w.rng).unwrap();
    by.restart();
    let entry = w.append_commit(by.id(), UnitKind::Commit, &commit);
    match w.approve(judge) {
        Err(ApproveError::Void(reason)) => {
            judge.conv().void(&entry).unwrap();
            judge.restart();
            // Nobody of ours sends it; here it is only passed over.
            by.conv().drop_pending_commit().unwrap();
            by.conv().void(&entry).unwrap();
            by.restart();
            Err(reason)
        }
        Ok(_) => {
            for member in [by, judge] {
                let Seen::Merged(_) = w.step(member) else { panic!() };
            }
            Ok(commit)
        }
        Err(error) => panic!("{error}"),
    }
}

// [CONV-70] [CONV-71]
#[test]
fn a_further_device_is_approved_and_added_by_its_own() {
    let mut w = World::new(70);
    let mut a = w.enrol("a", Tier::Secret);
    let (mut b, b_chain) = enrol(&mut w, "b");
    let mut c = w.enrol("c", Tier::Secret);
    w.room(Tier::Secret, &mut a, &mut [&mut b, &mut c]);
    let (mut b2, mut chain) = enrol(&mut w, "b");
    let id = b2.id();

    let unapproved = w.checked(&mut b2);
    let refused = adds(&mut w, &mut b, &mut a, vec![unapproved]).unwrap_err();
    assert_eq!(refused, VoidReason::Further(FurtherError::NotApproved(id)));
    approve(&mut w, (&b, &b_chain), (&mut b2, &mut chain));
    let package = w.checked(&mut b2);
    let refused = adds(&mut w, &mut a, &mut b, vec![package]).unwrap_err();
    assert_eq!(refused, VoidReason::Further(FurtherError::NotByOwn(id)));
    let package = w.checked(&mut b2);
    let commit = adds(&mut w, &mut b, &mut a, vec![package]).unwrap();
    w.join(&mut b2, &commit);
    assert_eq!(a.conv().members().len(), 4);

    // Whoever descends from a first device may bring that one in, and nobody else may.
    let members = b2.conv().members();
    let (first, _) = enrol(&mut w, "b");
    let refused = may_stand_beside(&members, &b2.device, &first.device).unwrap_err();
    assert_eq!(refused, FurtherError::NotApproved(first.id()));
    let without: Vec<_> = members.into_iter().filter(|member| member.device != b.id()).collect();
    assert_eq!(may_stand_beside(&without, &b2.device, &b.device), Ok(()));
    assert_eq!(may_stand_beside(&without, &a.device, &b.device), Err(FurtherError::NotByOwn(b.id())));
}

// [CONV-70]
#[test]
fn of_a_newcomer_one_device_may_be_without_approval() {
    let mut w = World::new(71);
    let (mut a, mut c) = (w.enrol("a", Tier::Secret), w.enrol("c", Tier::Secret));
    let mut e = w.enrol("e", Tier::Secret);
    w.room(Tier::Secret, &mut a, &mut [&mut c, &mut e]);
    let (mut d, d_chain) = enrol(&mut w, "d");
    let (mut d2, mut d2_chain) = enrol(&mut w, "d");
    let both = vec![w.checked(&mut d), w.checked(&mut d2)];
    let refused = adds(&mut w, &mut a, &mut c, both).unwrap_err();
    assert!(matches!(refused, VoidReason::Further(FurtherError::NotApproved(_))));
    approve(&mut w, (&d, &d_chain), (&mut d2, &mut d2_chain));
    let both = vec![w.checked(&mut d), w.checked(&mut d2)];
    adds(&mut w, &mut a, &mut c, both).unwrap();
    assert_eq!(c.conv().members().len(), 5);
    let devices: Vec<&VerifiedDevice> = vec![&d.device, &d2.device];
    assert!(devices.iter().all(|device| c.conv().members().iter().any(|member| member.device == device.id())));
}

// [CONV-70] Two devices that approve each other are still nobody else's; nor does a grant say that the others are gone.
#[test]
fn whoever_was_approved_by_another_is_not_let_in_beside() {
    let mut w = World::new(72);
    let (mut a, mut b) = (w.enrol("a", Tier::Secret), w.enrol("b", Tier::Secret));
    let mut c = w.enrol("c", Tier::Secret);
    w.room(Tier::Secret, &mut a, &mut [&mut b, &mut c]);
    let (ghost, ghost_chain) = enrol(&mut w, "b");
    let (mut second, mut second_chain) = enrol(&mut w, "b");
    approve(&mut w, (&ghost, &ghost_chain), (&mut second, &mut second_chain));
    let package = w.checked(&mut second);
    let refused = adds(&mut w, &mut b, &mut a, vec![package]).unwrap_err();
    assert_eq!(refused, VoidReason::Further(FurtherError::NotApproved(second.id())));
    // Nor with somebody who comes.
    let (mut d, _) = enrol(&mut w, "d");
    let (ghost, ghost_chain) = enrol(&mut w, "d");
    let (mut d2, mut d2_chain) = enrol(&mut w, "d");
    approve(&mut w, (&ghost, &ghost_chain), (&mut d2, &mut d2_chain));
    let both = vec![w.checked(&mut d), w.checked(&mut d2)];
    let refused = adds(&mut w, &mut a, &mut b, both).unwrap_err();
    assert!(matches!(refused, VoidReason::Further(FurtherError::NotApproved(_))));
}
