//! Damage (protocol-spec/05-conversation, section 10): whatever a relay changes in a message, commit or Welcome is
//! refused, and the whole one is still taken.

use amanat_identity::Tier;
use amanat_wire::{Bytes, log::UnitKind, relay::WelcomePart};
use proptest::prelude::*;

use super::{
    commits::{Room, room},
    world::{Seen, World},
};
use crate::{Conversation, Incoming};

#[test]
fn no_flipped_bit_in_a_message_is_accepted() {
    let Room { mut w, mut a, mut b, .. } = room(100);
    let body = w.encrypt(&mut a, "whole");
    for at in 0..body.len() {
        let mut flipped = body.clone();
        flipped[at] ^= 1 << (at % 8);
        let entry = w.append_message(a.id(), &flipped);
        assert!(matches!(b.conv().receive(&entry), Ok(Incoming::Refused(_))), "byte {at}");
    }
    for cut in [0, 1, 30, body.len() - 1] {
        let entry = w.append_message(a.id(), &body[..cut]);
        assert!(matches!(b.conv().receive(&entry), Ok(Incoming::Refused(_))), "cut at {cut}");
    }
    b.restart();
    w.append_message(a.id(), &body);
    assert_eq!(w.step(&mut b).text(), "whole");
}

#[test]
fn no_flipped_bit_in_a_commit_is_accepted() {
    let Room { mut w, mut a, mut b, .. } = room(101);
    let now = w.now;
    let commit = a.conversation.as_mut().unwrap().self_update(a.keys.signing(), 1, now, &mut w.rng).unwrap();
    for at in (0..commit.body.len()).filter(|at| *at < 200 || at % 11 == 0) {
        let mut flipped = commit.body.to_vec();
        flipped[at] ^= 1 << (at % 8);
        let entry = w.append_as(a.id(), UnitKind::Commit, &flipped);
        assert!(matches!(b.conv().receive(&entry), Ok(Incoming::Refused(_))), "byte {at}");
    }
    b.restart();
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    assert!(matches!(w.step(&mut b), Seen::Merged(_)));
}

#[test]
fn no_flipped_bit_in_a_welcome_is_accepted() {
    let mut w = World::new(102);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    let commit = w.found(Tier::Official, &mut a, &mut [&mut b]);
    w.append_commit(a.id(), UnitKind::Create, &commit);
    let good = w.part(&b, &commit);
    let packages = b.packages.read();
    let stage = |part: &WelcomePart| Conversation::stage_join(part, &b.device, &packages);
    for at in (0..good.group_secrets.len()).filter(|at| *at < 80 || at % 7 == 0) {
        let mut flipped = good.group_secrets.to_vec();
        flipped[at] ^= 1 << (at % 8);
        let part = WelcomePart { group_secrets: Bytes::new(flipped).unwrap(), ..good.clone() };
        assert!(stage(&part).is_err(), "secrets, byte {at}");
    }
    for at in (0..good.group_info.len()).step_by(29) {
        let mut flipped = good.group_info.to_vec();
        flipped[at] ^= 1 << (at % 8);
        let part = WelcomePart { group_info: Bytes::new(flipped).unwrap(), ..good.clone() };
        assert!(stage(&part).is_err(), "group info, byte {at}");
    }
    assert!(stage(&good).is_ok());
}

#[test]
fn a_flipped_bit_is_not_hidden_by_an_own_hash() {
    let Room { mut w, mut a, .. } = room(103);
    let mut body = w.encrypt(&mut a, "mine");
    body[40] ^= 1;
    let entry = w.append_message(a.id(), &body);
    assert!(matches!(a.conv().receive(&entry), Ok(Incoming::Refused(_))));
}

// An entry of which the relay keeps the hash alone is passed over; the log agrees with those who saw it.
#[test]
fn an_expired_entry_is_no_attack() {
    let Room { mut w, mut a, mut b, mut c } = room(104);
    w.say(&mut a, "seen by b");
    w.say(&mut a, "after");
    w.catch_up(&mut b);
    let mut expired = w.log[1].clone();
    expired.gone = Some(expired.ciphertext_hash());
    expired.body = Bytes::default();
    let whole = std::mem::replace(&mut w.log[1], expired);
    assert_eq!(w.step(&mut c), Seen::Gone);
    let after = w.step(&mut c);
    assert_eq!((after.message().order, after.message().claim), (crate::Order::Expired, crate::Claim::Agree));
    // One's own message is recognised by its hash all the same.
    assert!(matches!(w.step(&mut a), Seen::Own(_)));
    w.log[1] = whole;
    assert_eq!(b.conv().log().running(), c.conv().log().running());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), header: bool, commit: bool) {
        thread_local! {
            static ROOM: std::cell::RefCell<Room> = std::cell::RefCell::new(room(105));
        }
        ROOM.with_borrow_mut(|room| {
            let Room { w, a, b, .. } = room;
            let mut body = bytes;
            if header {
                // A header that is right, up to the ciphertext.
                let real = w.encrypt(a, "x");
                body = [&real[..30], &[0], &body].concat();
            }
            let kind = if commit { UnitKind::Commit } else { UnitKind::Message };
            let entry = w.append_as(a.id(), kind, &body);
            prop_assert!(matches!(b.conv().receive(&entry), Ok(Incoming::Refused(_))));
            let mut part = WelcomePart {
                conversation: w.id,
                position: 1,
                running: amanat_primitives::Digest::ZERO,
                sender: a.id(),
                receipt: Bytes::default(),
                group_info: Bytes::new(body.clone()).unwrap(),
                group_secrets: Bytes::new(body.clone()).unwrap(),
            };
            let packages = b.packages.read();
            prop_assert!(Conversation::stage_join(&part, &b.device, &packages).is_err());
            part.group_secrets = Bytes::default();
            prop_assert!(Conversation::stage_join(&part, &b.device, &packages).is_err());
            prop_assert!(crate::check_key_package(&body, &b.device, w.now).is_err());
            Ok(())
        })?;
    }
}
