//! Commits (protocol-spec/05-conversation, section 5) after the founding: members come and go, two commit at once, a
//! commit is void.

use amanat_identity::Tier;
use amanat_primitives::Timestamp;
use amanat_wire::log::UnitKind;

use super::world::{Member, START, Seen, World};
use crate::{ApproveError, CommitFacts, ConversationError, Incoming, Refusal, VoidReason, validity};

pub(super) struct Room {
    pub(super) w: World,
    pub(super) a: Member,
    pub(super) b: Member,
    pub(super) c: Member,
}

pub(super) fn room(seed: u64) -> Room {
    let mut w = World::new(seed);
    let mut a = w.enrol("a", Tier::Secret);
    let (mut b, mut c) = (w.enrol("b", Tier::Secret), w.enrol("c", Tier::Secret));
    w.room(Tier::Secret, &mut a, &mut [&mut b, &mut c]);
    Room { w, a, b, c }
}

// [CONV-35]
#[test]
fn members_come_go_and_renew_their_keys() {
    let Room { mut w, mut a, mut b, mut c } = room(40);
    let mut d = w.enrol("d", Tier::Secret);
    w.make_moderator(&mut a, &b);
    for member in [&mut b, &mut c] {
        w.catch_up(member);
    }
    let package = w.checked(&mut d);
    let now = w.now;
    let commit = b.conversation.as_mut().unwrap().add(vec![package], b.keys.signing(), 1, now, &mut w.rng).unwrap();
    assert_eq!((&*commit.roster_add, commit.roster_remove.len()), (&[d.id()][..], 0));
    b.restart();
    assert_eq!(b.conv().pending_commit(), Ok(Some(commit.hash)));
    w.append_commit(b.id(), UnitKind::Commit, &commit);
    for (member, own) in [(&mut a, false), (&mut b, true), (&mut c, false)] {
        let Seen::Merged(merged) = w.step(member) else { panic!() };
        assert_eq!((merged.own, merged.added.len(), merged.self_removed), (own, 1, false));
    }
    assert_eq!(b.conv().pending_commit(), Ok(None));
    w.join(&mut d, &commit);
    assert_eq!(d.conv().epoch_authenticator(), a.conv().epoch_authenticator());
    // Messages of all are read by all; counters begin at 1 for the new member.
    for sender in 0..4 {
        let mut all = [&mut a, &mut b, &mut c, &mut d];
        w.say(all[sender], "hello");
        for (reader, member) in all.iter_mut().enumerate() {
            let seen = w.step(member);
            assert!(reader == sender || seen.message().order == crate::Order::InOrder);
        }
    }
    w.renew(&mut c);
    for member in [&mut a, &mut b, &mut d] {
        w.catch_up(member);
    }
    // Removed: the others go on, the removed one knows.
    let gone = d.id();
    let commit = a.conversation.as_mut().unwrap().remove(&[gone], a.keys.signing(), 2, w.now, &mut w.rng).unwrap();
    a.restart();
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    for member in [&mut a, &mut b, &mut c] {
        w.catch_up(member);
        assert_eq!(member.conv().members().len(), 3);
    }
    let Seen::Merged(merged) = w.step(&mut d) else { panic!() };
    assert!(merged.self_removed && !d.conv().is_active());
    let after = w.say(&mut a, "among us");
    assert!(matches!(d.conv().receive(&after), Err(ConversationError::Removed)));
    let signing = d.keys.signing();
    let renewed = d.conversation.as_mut().unwrap().self_update(signing, 2, w.now, &mut w.rng);
    assert_eq!(renewed.err(), Some(ConversationError::Removed));
    w.catch_up(&mut b);
    assert_eq!(
        (a.conv().seen_commit(), a.conv().accepted_commit()),
        (b.conv().seen_commit(), b.conv().accepted_commit())
    );
}

// [CONV-81] Who is removed says nothing more, also not under the keys of an epoch that is still kept.
#[test]
fn a_message_behind_its_senders_removal_is_refused() {
    let Room { mut w, mut a, mut b, mut c } = room(46);
    let (before, after) = (w.encrypt(&mut c, "in time"), w.encrypt(&mut c, "too late"));
    let commit = a.conversation.as_mut().unwrap().remove(&[c.id()], a.keys.signing(), 1, w.now, &mut w.rng).unwrap();
    w.append_message(c.id(), &before);
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    w.append_message(c.id(), &after);
    assert_eq!(w.step(&mut b).text(), "in time");
    assert!(matches!(w.step(&mut b), Seen::Merged(_)));
    assert_eq!(w.step(&mut b).refusal(), Refusal::NotMember);
}

// [CONV-41] Of two commits on one epoch the first in the log counts; the loser's is given up by merging it.
#[test]
fn a_loser_processes_the_winner_and_tries_again() {
    let Room { mut w, mut a, mut b, mut c } = room(41);
    let now = w.now;
    let winner = a.conversation.as_mut().unwrap().self_update(a.keys.signing(), 1, now, &mut w.rng).unwrap();
    let loser = b.conversation.as_mut().unwrap().self_update(b.keys.signing(), 1, now, &mut w.rng).unwrap();
    a.restart();
    b.restart();
    // While a commit is on its way nothing is sent and no other is made.
    let id = amanat_primitives::MessageSeed::random(&mut w.rng);
    let content = b.conv().queue(id, now, &crate::Body::text("waits").unwrap()).unwrap();
    let sent = b.conversation.as_mut().unwrap().encrypt(&content, b.keys.signing(), &mut w.rng);
    assert_eq!(sent.err(), Some(ConversationError::CommitPending));
    let again = b.conversation.as_mut().unwrap().self_update(b.keys.signing(), 1, now, &mut w.rng);
    assert_eq!(again.err(), Some(ConversationError::CommitPending));

    w.append_commit(a.id(), UnitKind::Commit, &winner);
    w.append_commit(b.id(), UnitKind::Commit, &loser);
    for member in [&mut a, &mut b, &mut c] {
        assert!(matches!(w.step(member), Seen::Merged(_)));
        let position = member.conv().log().position();
        assert_eq!(w.step(member).refusal(), Refusal::LateCommit);
        assert_eq!(member.conv().seen_commit(), position + 1);
        assert_eq!(member.conv().accepted_commit(), position);
    }
    assert_eq!(b.conv().pending_commit(), Ok(None));
    w.renew(&mut b);
    w.catch_up(&mut a);
    assert_eq!(a.conv().epoch_authenticator(), b.conv().epoch_authenticator());
}

// [CONV-41] Fifty at once, wherever in the log they stand: one counts, all are in the same epoch, and each tries again.
#[test]
fn of_fifty_commits_at_once_one_counts() {
    let mut w = World::new(50);
    let mut founder = w.enrol("founder", Tier::Official);
    let mut others: Vec<_> = (0..49).map(|n| w.enrol(&format!("m{n}"), Tier::Official)).collect();
    w.room(Tier::Official, &mut founder, &mut others.iter_mut().collect::<Vec<_>>());
    others.push(founder);
    let (mut all, now) = (others, w.now);
    let made: Vec<_> = all
        .iter_mut()
        .map(|one| one.conversation.as_mut().unwrap().self_update(one.keys.signing(), 1, now, &mut w.rng).unwrap())
        .collect();
    for (one, commit) in all.iter().zip(&made) {
        w.append_commit(one.id(), UnitKind::Commit, commit);
    }
    let mut epochs = std::collections::BTreeSet::new();
    for one in &mut all {
        assert!(matches!(w.step(one), Seen::Merged(_)));
        for _ in 1..50 {
            assert_eq!(w.step(one).refusal(), Refusal::LateCommit);
        }
        assert_eq!(one.conv().pending_commit(), Ok(None));
        epochs.insert(one.conv().epoch_authenticator());
    }
    assert_eq!(epochs.len(), 1);
    let [one, another, ..] = all.as_mut_slice() else { panic!() };
    w.renew(one);
    w.catch_up(another);
    assert_eq!(one.conv().epoch_authenticator(), another.conv().epoch_authenticator());
}

// Receiving a commit changes nothing: it may wait for chains, over a restart, while messages are sent.
#[test]
fn a_commit_waits_for_chains_without_a_trace() {
    let Room { mut w, mut a, mut b, .. } = room(42);
    let mut d = w.enrol("d", Tier::Secret);
    let package = w.checked(&mut d);
    let now = w.now;
    let commit = a.conversation.as_mut().unwrap().add(vec![package], a.keys.signing(), 1, now, &mut w.rng).unwrap();
    let entry = w.append_commit(a.id(), UnitKind::Commit, &commit);
    let known = w.chains.remove(&d.id()).unwrap();
    for _ in 0..3 {
        let before = b.disk.clone();
        let Ok(Incoming::Commit(received)) = b.conv().receive(&entry) else { panic!() };
        assert_eq!(received.concerns(), [d.id(), a.id()]);
        let waiting = received.approve(b.conv(), &w.evidence()).err();
        assert_eq!(waiting, Some(ApproveError::Unverified(d.id())));
        b.restart();
        assert_eq!(b.disk.0, before.0);
        w.encrypt(&mut b, "meanwhile");
    }
    w.chains.insert(d.id(), known);
    assert!(matches!(w.step(&mut b), Seen::Merged(_)));
}

// [CONV-16]
#[test]
fn validity_is_one_function_of_times_and_numbers() {
    let facts = |at: u64, number| CommitFacts::new(Timestamp::from_secs(at), number, [], []).unwrap();
    let at = Timestamp::from_secs;
    let last = (at(10_000), 5);
    assert_eq!(validity(&facts(10_000, 5), last, at(10_000)), Ok(()));
    assert_eq!(validity(&facts(10_600, 6), last, at(10_000)), Ok(()));
    assert_eq!(validity(&facts(10_000, 5), last, at(10_600)), Ok(()));
    assert_eq!(validity(&facts(9_999, 5), last, at(10_000)), Err(VoidReason::TimeWentBack));
    assert_eq!(validity(&facts(10_601, 5), last, at(10_000)), Err(VoidReason::TimeOff));
    assert_eq!(validity(&facts(10_000, 5), last, at(10_601)), Err(VoidReason::TimeOff));
    assert_eq!(validity(&facts(10_000, 4), last, at(10_000)), Err(VoidReason::StatusWentBack));
}

// [CONV-16] A void commit is passed over by all, its sender named; the conversation goes on.
#[test]
fn a_void_commit_is_void_for_everyone_its_maker_included() {
    let Room { mut w, mut a, mut b, mut c } = room(43);
    let now = w.now;
    let commit = a.conversation.as_mut().unwrap().self_update(a.keys.signing(), 1, now, &mut w.rng).unwrap();
    a.restart();
    w.now = START.after(std::time::Duration::from_secs(3600));
    let entry = w.append_commit(a.id(), UnitKind::Commit, &commit);
    for member in [&mut a, &mut b, &mut c] {
        assert_eq!(w.approve(member).err(), Some(ApproveError::Void(VoidReason::TimeOff)));
        member.conv().void(&entry).unwrap();
        member.restart();
        assert_eq!((member.conv().epoch(), member.conv().pending_commit()), (1, Ok(None)));
        assert_eq!((member.conv().seen_commit(), member.conv().accepted_commit()), (entry.position, 1));
    }
    w.renew(&mut a);
    w.say(&mut a, "goes on");
    assert_eq!(w.catch_up(&mut b)[1].text(), "goes on");
    // An honest device whose clock or list went back does not make a void commit.
    w.renew_at(&mut a, START, 0);
    assert!(matches!(w.catch_up(&mut b)[..], [Seen::Merged(_)]));
}
