//! What a relay gives again, or keeps although it said that it would not (protocol-spec/05-conversation, section 5): void
//! commits, own commits that were given up, own messages.

use std::time::Duration;

use amanat_wire::log::{UnitKind, ciphertext_hash};

use super::{
    commits::{Room, room},
    world::{Member, START, Seen, World},
};
use crate::{
    ApproveError, ConversationError, Incoming, OutgoingCommit, Refusal, VoidReason,
    remembered::{self, KEPT_COMMITS},
};

/// What came of an entry, a void commit's reason among it.
#[derive(Debug, PartialEq)]
enum Took {
    Void(VoidReason),
    Other(Seen),
}

impl Took {
    fn merged(&self) -> (bool, bool) {
        let Self::Other(Seen::Merged(merged)) = self else { panic!("not merged: {self:?}") };
        (merged.own, merged.awaited)
    }

    fn refusal(&self) -> Refusal {
        let Self::Other(seen) = self else { panic!("not refused: {self:?}") };
        seen.refusal()
    }
}

const REPEATED: Refusal = Refusal::Void(VoidReason::Repeated);

/// The next entry, taken in by one member; where it is void, it is passed over.
fn take(w: &mut World, member: &mut Member) -> Took {
    let entry = w.log[member.conv().log().position() as usize].clone();
    if let Incoming::Commit(commit) = member.conv().receive(&entry).unwrap()
        && let Err(ApproveError::Void(reason)) = commit.approve(member.conv(), &w.evidence())
    {
        member.conv().void(&entry).unwrap();
        member.restart();
        return Took::Void(reason);
    }
    // A commit that is good has changed nothing yet; all else has been taken in.
    if member.conv().log().position() == entry.position {
        member.conversation = crate::Conversation::load(&w.id, member.disk.read()).unwrap();
    }
    Took::Other(w.step(member))
}

fn renewal(w: &mut World, member: &mut Member) -> OutgoingCommit {
    let signing = member.keys.signing();
    let made = member.conversation.as_mut().unwrap().self_update(signing, 1, START, &mut w.rng).unwrap();
    member.restart();
    made
}

fn given_up(w: &mut World, member: &mut Member) -> OutgoingCommit {
    let made = renewal(w, member);
    member.conv().drop_pending_commit().unwrap();
    member.restart();
    made
}

fn off(w: &mut World) {
    w.now = START.after(Duration::from_secs(3600));
}

fn remembers_commits(member: &Member) -> bool {
    let of = |name: &[u8]| member.disk.0.keys().any(|key| key.starts_with(name));
    of(b"our-kept") || of(b"our-given-up") || of(b"our-void")
}

// [CONV-89] What was void is void for good, for its author as for all others, and forgotten when its epoch is over.
#[test]
fn a_commit_that_was_void_is_void_whenever_it_comes_again() {
    let Room { mut w, mut a, mut b, mut c } = room(120);
    let commit = renewal(&mut w, &mut a);
    off(&mut w);
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    w.now = START;
    let again = w.append_commit(a.id(), UnitKind::Commit, &commit);
    for member in [&mut a, &mut b, &mut c] {
        assert_eq!(take(&mut w, member), Took::Void(VoidReason::TimeOff));
        assert_eq!(take(&mut w, member).refusal(), REPEATED);
        assert_eq!(member.conv().seen_commit(), again.position);
        assert!(remembers_commits(member));
    }
    // Whoever joins behind the next commit that is merged needs to know nothing of it.
    let mut d = w.enrol("d", amanat_identity::Tier::Secret);
    let package = w.checked(&mut d);
    let signing = a.keys.signing();
    let added = a.conversation.as_mut().unwrap().add(vec![package], signing, 1, START, &mut w.rng).unwrap();
    a.restart();
    w.append_commit(a.id(), UnitKind::Commit, &added);
    w.join(&mut d, &added);
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    for member in [&mut a, &mut b, &mut c, &mut d] {
        let last = w.catch_up(member).pop().unwrap();
        assert_eq!(last.refusal(), Refusal::LateCommit);
        assert!(!remembers_commits(member));
    }
    assert_eq!(a.conv().epoch_authenticator(), d.conv().epoch_authenticator());
}

// [CONV-90] [CONV-91] [DELIV-141] Whatever has become of it; and a damaged record is no stranger's entry.
#[test]
fn a_device_knows_each_entry_of_its_own() {
    let Room { mut w, mut a, mut b, .. } = room(126);
    let came = w.say(&mut a, "came");
    w.catch_up(&mut a);
    let (sent, aside) = (w.encrypt(&mut a, "sent"), w.encrypt(&mut a, "aside"));
    a.conv().set_aside(&ciphertext_hash(&aside));
    let (given_up, pending) = (given_up(&mut w, &mut a), renewal(&mut w, &mut a));
    let sent = w.append_message(a.id(), &sent);
    let rest = [
        w.append_message(a.id(), &aside),
        w.append_commit(a.id(), UnitKind::Commit, &given_up),
        w.append_commit(a.id(), UnitKind::Commit, &pending),
    ];
    for entry in [&came, &sent].into_iter().chain(&rest) {
        assert_eq!((a.conv().is_own(entry), b.conv().is_own(entry)), (Ok(true), Ok(false)), "{}", entry.position);
    }
    a.conv().records.put(remembered::sent_key(&sent.ciphertext_hash()), vec![1_u8]);
    assert!(matches!(a.conv().is_own(&sent), Err(ConversationError::Storage(_))));
}

// [CONV-90] The relay has said that it would not have it.
#[test]
fn an_own_commit_that_was_given_up_is_merged_where_it_is_found() {
    let Room { mut w, mut a, mut b, mut c } = room(121);
    let commit = given_up(&mut w, &mut a);
    w.say(&mut a, "meanwhile");
    let other = renewal(&mut w, &mut a);
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    w.append_commit(a.id(), UnitKind::Commit, &other);
    for (member, own) in [(&mut a, true), (&mut b, false), (&mut c, false)] {
        w.step(member);
        assert_eq!(take(&mut w, member).merged(), (own, false));
        // The one that was made since is lost to it.
        assert_eq!(member.conv().pending_commit(), Ok(None));
        assert_eq!(w.step(member).refusal(), Refusal::LateCommit);
        assert!(!remembers_commits(member));
    }
    assert_eq!(a.conv().epoch_authenticator(), b.conv().epoch_authenticator());
    w.say(&mut a, "from a");
    w.say(&mut b, "from b");
    assert_eq!(w.catch_up(&mut c).iter().map(Seen::text).collect::<Vec<_>>(), ["from a", "from b"]);
    assert_eq!(w.catch_up(&mut a)[1].text(), "from b");
}

// [CONV-90] [CONV-16] It is judged like any other, and what is void of it is void for good.
#[test]
fn an_own_commit_that_was_given_up_may_be_void() {
    let Room { mut w, mut a, mut b, .. } = room(122);
    let commit = given_up(&mut w, &mut a);
    off(&mut w);
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    w.now = START;
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    for member in [&mut a, &mut b] {
        assert_eq!(take(&mut w, member), Took::Void(VoidReason::TimeOff));
        assert_eq!(take(&mut w, member).refusal(), REPEATED);
    }
    w.renew(&mut a);
    w.catch_up(&mut b);
    assert_eq!(a.conv().epoch_authenticator(), b.conv().epoch_authenticator());
}

// [CONV-90] Of the last ones all is kept that they need, of the others the hash: enough to know that this device must be added
// again, and that nobody has a copy of it.
#[test]
fn of_many_that_were_given_up_the_last_ones_can_be_merged() {
    for found in 0..=KEPT_COMMITS {
        let Room { mut w, mut a, mut b, .. } = room(123);
        let made: Vec<_> = (0..=KEPT_COMMITS).map(|_| given_up(&mut w, &mut a)).collect();
        w.append_commit(a.id(), UnitKind::Commit, &made[found]);
        assert_eq!(take(&mut w, &mut b).merged(), (false, false));
        let took = take(&mut w, &mut a);
        match found {
            0 => assert_eq!(took.refusal(), Refusal::GivenUp),
            _ => assert_eq!(took.merged(), (true, false)),
        }
        assert_eq!(remembers_commits(&a), found == 0);
    }
}

// [CONV-13] [CONV-90] An own commit is taken as what others take it as, or not at all.
#[test]
fn an_own_commit_that_is_declared_as_something_else_is_refused() {
    let Room { mut w, mut a, mut b, .. } = room(124);
    let commit = renewal(&mut w, &mut a);
    for kind in [UnitKind::Create, UnitKind::Message] {
        w.append_as(a.id(), kind, &commit.body);
    }
    w.append_commit(a.id(), UnitKind::Commit, &commit);
    for (member, own) in [(&mut a, true), (&mut b, false)] {
        for _ in 0..2 {
            assert_eq!(w.step(member).refusal(), Refusal::OtherKind);
        }
        assert_eq!(take(&mut w, member).merged(), (own, own));
    }
}

// [CONV-91] For its author as for the others.
#[test]
fn an_own_message_that_comes_again_is_a_replay() {
    let Room { mut w, mut a, mut b, .. } = room(125);
    let body = w.encrypt(&mut a, "once");
    for _ in 0..3 {
        w.append_message(a.id(), &body);
    }
    assert!(matches!(w.step(&mut a), Seen::Own(_)));
    assert_eq!(w.step(&mut b).text(), "once");
    for member in [&mut a, &mut b] {
        assert_eq!(w.step(member).refusal(), Refusal::Replayed);
    }
    // Also when its epoch is over, as long as keys of it are kept.
    w.renew(&mut b);
    for member in [&mut a, &mut b] {
        w.catch_up(member);
    }
    w.append_message(a.id(), &body);
    for member in [&mut a, &mut b] {
        assert_eq!(w.step(member).refusal(), Refusal::Replayed);
    }
    for _ in 0..5 {
        w.renew(&mut b);
        w.catch_up(&mut a);
    }
    w.append_message(a.id(), &body);
    for member in [&mut a, &mut b] {
        assert_eq!(w.step(member).refusal(), Refusal::TooOld);
    }
    assert!(a.disk.0.keys().all(|key| !key.starts_with(b"our-came/")));
}

// [CONV-91] The relay says that it did not take a message, which is encrypted again, and has both.
#[test]
fn an_own_message_that_was_set_aside_is_known() {
    let Room { mut w, mut a, mut b, .. } = room(126);
    let seed = amanat_primitives::MessageSeed::from_bytes([1; 16]);
    let content = a.conv().queue(seed, w.now, &crate::Body::text("twice").unwrap()).unwrap();
    for _ in 0..2 {
        let conversation = a.conversation.as_mut().unwrap();
        let sent = conversation.encrypt(&content, a.keys.signing(), &mut w.rng).unwrap();
        conversation.set_aside(&sent.hash);
        a.restart();
        let entry = w.append_message(a.id(), &sent.body);
        let Incoming::Own(frame) = a.conv().receive(&entry).unwrap() else { panic!() };
        a.restart();
        assert_eq!((frame.hash, frame.counter), (ciphertext_hash(&sent.body), content.counter));
    }
    let orders: Vec<_> = w.catch_up(&mut b).iter().map(|seen| seen.message().order).collect();
    assert_eq!(orders, [crate::Order::InOrder, crate::Order::Replay]);
}
