//! Messages (protocol-spec/05-conversation, sections 7 and 8): both ways, late, out of order, repeated, forked.

use amanat_identity::Tier;
use amanat_primitives::{MessageSeed, Timestamp};

use super::world::{START, Seen, World, texts};
use crate::{Body, Claim, Conversation, ConversationError, Incoming, Kind, Order, Refusal};

#[test]
fn two_people_talk_both_ways() {
    let mut w = World::new(1);
    let (mut a, mut b) = (w.enrol("a", Tier::Secret), w.enrol("b", Tier::Confidential));
    w.room(Tier::Confidential, &mut a, &mut [&mut b]);
    assert_eq!((a.conv().kind(), a.conv().tier(), a.conv().epoch()), (Kind::Direct, Tier::Confidential, 1));
    assert_eq!(a.conv().epoch_authenticator(), b.conv().epoch_authenticator());
    assert_eq!(a.conv().epoch_authenticator().len(), 32);
    assert_eq!((a.conv().earliest_end(), b.conv().earliest_end()), (Some(w.now), None));
    assert_eq!(a.conv().members(), b.conv().members());
    assert!(!b.conv().log().confirmed());

    w.say(&mut a, "کل کی میٹنگ");
    assert!(matches!(w.step(&mut a), Seen::Own(_)));
    let seen = w.step(&mut b);
    assert_eq!(seen.text(), "کل کی میٹنگ");
    assert_eq!((seen.message().sender, seen.message().order), (a.id(), Order::InOrder));
    assert_eq!(seen.message().claim, Claim::Agree);
    assert!(b.conv().log().confirmed());

    w.say(&mut b, "at nine");
    w.say(&mut b, "or ten");
    assert_eq!(texts(&w.catch_up(&mut a)), ["at nine", "or ten"]);
    w.catch_up(&mut b);
    assert_eq!(a.conv().log().running(), b.conv().log().running());
    let (a_id, b_id) = (a.id(), b.id());
    let delivered = |of: &Conversation, sender| of.receipt_line(sender, 0).unwrap().delivered;
    assert_eq!((delivered(b.conv(), a_id), delivered(a.conv(), b_id)), (1, 2));
}

#[test]
fn ten_people_talk_and_one_catches_up_later() {
    let mut w = World::new(2);
    let mut founder = w.enrol("founder", Tier::Official);
    let mut others: Vec<_> = (0..9).map(|n| w.enrol(&format!("p{n}"), Tier::Official)).collect();
    let mut refs: Vec<_> = others.iter_mut().collect();
    w.room(Tier::Official, &mut founder, &mut refs);
    assert_eq!(founder.conv().members().len(), 10);
    for (n, member) in others.iter_mut().take(5).enumerate() {
        w.catch_up(member);
        w.say(member, &format!("message {n}"));
    }
    w.say(&mut founder, "last");
    let late = others.last_mut().unwrap();
    let seen = w.catch_up(late);
    assert_eq!(texts(&seen), ["message 0", "message 1", "message 2", "message 3", "message 4", "last"]);
    assert!(seen.iter().all(|seen| seen.message().order == Order::InOrder && seen.message().claim == Claim::Agree));
}

#[test]
fn a_title_is_the_founders_first_content_and_types_survive() {
    let mut w = World::new(3);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let newer = Body::Newer(crate::ContentType(77), amanat_wire::Bytes::new(vec![1, 2]).unwrap());
    for body in [Body::title("Budget 2027").unwrap(), newer] {
        let id = MessageSeed::random(&mut w.rng);
        let content = a.conv().queue(id, w.now, &body).unwrap();
        let sent = a.conversation.as_mut().unwrap().encrypt(&content, a.keys.signing(), &mut w.rng).unwrap();
        w.append_message(a.id(), &sent.body);
        let seen = w.step(&mut b);
        assert_eq!(seen.message().frame.fixed, content);
        assert_eq!(seen.message().frame.fixed.body().unwrap(), body);
    }
}

// [CONV-23] The same content encrypted twice is two ciphertexts and one message.
#[test]
fn a_content_encrypted_again_is_recognised_as_the_same() {
    let mut w = World::new(4);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let id = MessageSeed::random(&mut w.rng);
    let content = a.conv().queue(id, w.now, &Body::text("once").unwrap()).unwrap();
    let mut send = || {
        let sent = a.conversation.as_mut().unwrap().encrypt(&content, a.keys.signing(), &mut w.rng).unwrap();
        (w.append_message(a.device.id(), &sent.body), sent.hash)
    };
    let (first, second) = (send(), send());
    assert_ne!(first.1, second.1);
    assert_eq!(w.step(&mut b).message().order, Order::InOrder);
    let again = w.step(&mut b);
    assert_eq!((again.message().order, again.message().frame.fixed.seed), (Order::Replay, id));
    assert_eq!(w.catch_up(&mut a), [Seen::Own(first.1), Seen::Own(second.1)]);
}

// [CONV-32]
#[test]
fn a_relay_that_drops_repeats_or_reorders_is_found() {
    let mut w = World::new(5);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let bodies: Vec<_> = (0..5).map(|n| w.encrypt(&mut a, &format!("{n}"))).collect();
    // 1 is dropped at first, 3 comes before 2, and 3 is repeated.
    for body in [0, 3, 2, 3, 4, 1].map(|n: usize| &bodies[n]) {
        w.append_message(a.id(), body);
    }
    let seen = w.catch_up(&mut b);
    let orders: Vec<_> = [0, 1, 2, 4, 5].iter().map(|&n: &usize| seen[n].message().order).collect();
    assert_eq!(orders, [Order::InOrder, Order::Gap { from: 2, to: 3 }, Order::Late, Order::InOrder, Order::Late]);
    assert_eq!(seen[3].refusal(), Refusal::Replayed);
    assert_eq!(texts(&seen), ["0", "3", "2", "4", "1"]);
}

// [CONV-25] The last 64 are reached, more is not.
#[test]
fn the_reach_of_message_keys_is_what_the_profile_says() {
    let mut w = World::new(6);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let bodies: Vec<_> = (0..70).map(|n| w.encrypt(&mut a, &format!("{n}"))).collect();
    for n in [69, 6, 5] {
        w.append_message(a.id(), &bodies[n]);
    }
    let seen = w.catch_up(&mut b);
    assert_eq!(texts(&seen), ["69", "6"]);
    assert_eq!(seen[2].refusal(), Refusal::OutOfReach);
}

// [CONV-25] 2000 ahead are reached, more is not.
#[test]
fn a_sender_may_run_ahead_so_far() {
    let mut w = World::new(13);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let content = a.conv().queue(MessageSeed::from_bytes([1; 16]), w.now, &Body::text("x").unwrap()).unwrap();
    let conversation = a.conversation.as_mut().unwrap();
    let send = |_| conversation.encrypt(&content, a.keys.signing(), &mut w.rng).unwrap().body;
    let bodies: Vec<_> = (0..2002).map(send).collect();
    for (at, taken) in [(2001, false), (0, true), (2001, true)] {
        let body = &bodies[at];
        let entry = w.append_message(a.device.id(), body);
        assert_eq!(matches!(b.conv().receive(&entry), Ok(Incoming::Message(_))), taken);
    }
}

// Own frames that never come back are bounded.
#[test]
fn own_frames_on_their_way_are_bounded() {
    let mut w = World::new(14);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let content = a.conv().queue(MessageSeed::from_bytes([1; 16]), w.now, &Body::text("x").unwrap()).unwrap();
    let hashes: Vec<_> =
        (0..crate::remembered::FRAMES as u64).map(|n| amanat_wire::log::ciphertext_hash(&n.to_be_bytes())).collect();
    for hash in &hashes {
        a.conv().records.put(crate::remembered::sent_key(hash), vec![0_u8; 16]);
    }
    let conversation = a.conversation.as_mut().unwrap();
    let full = conversation.encrypt(&content, a.keys.signing(), &mut w.rng);
    assert_eq!(full.err(), Some(ConversationError::TooManyUnseen));
    conversation.set_aside(&hashes[0]);
    assert!(conversation.encrypt(&content, a.keys.signing(), &mut w.rng).is_ok());
}

// [CONV-34]
#[test]
fn a_forked_log_is_shown_by_the_next_message() {
    let mut w = World::new(7);
    let mut a = w.enrol("a", Tier::Official);
    let (mut b, mut c) = (w.enrol("b", Tier::Official), w.enrol("c", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b, &mut c]);
    // The relay shows b one message of a, and c another one at the same position.
    let (to_b, to_c) = (w.encrypt(&mut a, "come"), w.encrypt(&mut a, "stay"));
    let entry = w.append_message(a.id(), &to_b);
    w.catch_up(&mut b);
    w.log.pop();
    w.append_message(a.id(), &to_c);
    assert_eq!(w.step(&mut c).message().order, Order::Gap { from: 1, to: 1 });
    w.log.pop();
    w.log.push(entry);
    w.say(&mut b, "coming");
    assert_eq!(w.step(&mut c).message().claim, Claim::Fork);
}

// [CONV-57]
#[test]
fn what_another_branch_says_is_told_from_what_was_damaged() {
    let mut w = World::new(17);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    // The relay shows each of the two its own commit, behind another number of entries.
    w.say(&mut a, "before both");
    w.catch_up(&mut b);
    w.renew(&mut b);
    let of_b = w.log.pop().unwrap();
    w.append_message(a.id(), b"seen by a alone");
    w.catch_up(&mut a);
    w.renew(&mut a);
    assert_eq!((a.conv().epoch(), a.conv().accepted_commit()), (b.conv().epoch(), b.conv().accepted_commit() + 1));
    let said = w.encrypt(&mut a, "elsewhere");
    let commit = a.conversation.as_mut().unwrap().self_update(a.keys.signing(), 1, w.now, &mut w.rng).unwrap();
    w.log.truncate(2);
    w.log.push(of_b);
    // The same, as a message that was damaged on the way would name the commit.
    for (position, expected) in [(4, Refusal::OtherBranch), (3, Refusal::Undecryptable)] {
        w.append_message(a.id(), &said);
        w.log.last_mut().unwrap().accepted_commit = position;
        assert_eq!(w.step(&mut b).refusal(), expected);
        w.append_commit(a.id(), amanat_wire::log::UnitKind::Commit, &commit);
        w.log.last_mut().unwrap().accepted_commit = position;
        assert_eq!(w.step(&mut b).refusal(), expected);
    }
}

#[test]
fn entries_come_in_order_or_not_at_all() {
    let mut w = World::new(8);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let first = w.say(&mut a, "1");
    let second = w.say(&mut a, "2");
    let before = b.conv().log().clone();
    assert!(matches!(b.conv().receive(&second), Err(ConversationError::OutOfOrder(_))));
    assert_eq!(*b.conv().log(), before);
    assert!(matches!(b.conv().receive(&first), Ok(Incoming::Message(_))));
    assert!(matches!(b.conv().receive(&first), Err(ConversationError::OutOfOrder(_))));
    // Entries that the relay has no longer: go on behind them, unconfirmed.
    let third = w.say(&mut a, "3");
    let running = w.running(2 + 1);
    b.conv().jump(3, running, true).unwrap();
    b.restart();
    assert!(!b.conv().log().confirmed());
    let Ok(Incoming::Message(message)) = b.conv().receive(&third) else { panic!() };
    assert_eq!((message.order, message.claim), (Order::Expired, Claim::TooOld));
    // Never back, and nowhere from where there is no going on.
    let stays = b.conv().log().clone();
    b.conv().jump(1, running, true).unwrap();
    assert_eq!(*b.conv().log(), stays);
    b.conv().jump(u64::MAX, running, true).unwrap();
    b.restart();
}

// [CONV-19] A frame in this device's name that it did not send is not taken for its own.
#[test]
fn a_frame_in_ones_own_name_is_an_alarm() {
    let mut w = World::new(9);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    // A copy of a's vault sends.
    let copy = a.disk.clone();
    let body = w.encrypt(&mut a, "from the copy");
    a.disk = copy;
    a.conversation = crate::Conversation::load(&w.id, a.disk.read()).unwrap();
    w.append_message(a.id(), &body);
    let seen = w.step(&mut a);
    assert_eq!(seen, Seen::Refused(crate::Refused { sender: None, reason: Refusal::NotOurs }));
}

// [CONV-24]
#[test]
fn messages_of_past_epochs_are_read_for_five_epochs() {
    let mut w = World::new(10);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let late: Vec<_> = (0..3).map(|n| w.encrypt(&mut b, &format!("late {n}"))).collect();
    for epoch in 2..=7u64 {
        w.renew(&mut a);
        w.catch_up(&mut b);
        assert_eq!(a.conv().epoch(), epoch);
        if epoch == 6 {
            w.append_message(b.id(), &late[0]);
            assert_eq!(w.step(&mut a).text(), "late 0");
            w.catch_up(&mut b);
        }
    }
    w.append_message(b.id(), &late[1]);
    assert_eq!(w.step(&mut a).refusal(), Refusal::TooOld);
}

// [CONV-24] And for as long as the caller says, by the relay's stamps.
#[test]
fn keys_of_past_epochs_are_forgotten_by_time() {
    let mut w = World::new(11);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let first = w.encrypt(&mut b, "first");
    w.now = Timestamp::from_secs(1_800_050_000);
    w.renew(&mut a);
    w.catch_up(&mut b);
    let second = w.encrypt(&mut b, "second");
    w.now = Timestamp::from_secs(1_800_080_000);
    w.renew(&mut a);
    w.catch_up(&mut b);
    assert_eq!(a.conv().earliest_end(), Some(START));
    a.conv().forget_past(Timestamp::from_secs(1_800_050_001)).unwrap();
    assert_eq!(a.conv().earliest_end(), Some(Timestamp::from_secs(1_800_080_000)));
    a.restart();
    w.append_message(b.id(), &first);
    w.append_message(b.id(), &second);
    let seen = w.catch_up(&mut a);
    assert_eq!(seen[0].refusal(), Refusal::TooOld);
    assert_eq!(seen[1].text(), "second");
    a.conv().forget_past(Timestamp::FAR_FUTURE).unwrap();
    let third = w.say(&mut b, "now");
    assert!(matches!(a.conv().receive(&third), Ok(Incoming::Message(_))), "the current epoch stays");
}

#[test]
fn a_future_epoch_and_another_conversation_are_refused_by_name() {
    let mut w = World::new(12);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let good = w.encrypt(&mut a, "x");
    let mut future = good.clone();
    // version 2, wire format 2, group id 1 + 16, epoch 8
    future[28] = 2;
    let mut other = good.clone();
    other[10] ^= 1;
    let mut data = good.clone();
    data[30] = 1;
    data.insert(31, 9);
    for body in [&future, &other, &data] {
        w.append_message(a.id(), body);
    }
    w.append_as(a.id(), amanat_wire::log::UnitKind::Commit, &good);
    w.append_message(a.id(), &good);
    let seen = w.catch_up(&mut b);
    let refusals: Vec<_> = seen[..4].iter().map(Seen::refusal).collect();
    let expected = [Refusal::FutureEpoch, Refusal::OtherConversation, Refusal::UnexpectedData, Refusal::OtherKind];
    assert_eq!(refusals, expected);
    // The key was not used up by any of them.
    assert_eq!(seen[4].text(), "x");
    // The relay was told of a commit that was none: it counts as one that was refused.
    let positions = (b.conv().seen_commit(), b.conv().accepted_commit());
    assert_eq!(positions, (5, 1));
}
