//! Commits that are staged (protocol-spec/05-conversation, sections 5 and 9): memory and records say the same, whatever
//! comes between staging one and merging it.

use amanat_primitives::MessageSeed;
use amanat_wire::log::Entry;

use super::{
    commits::{Room, room},
    world::{Member, Seen, World},
};
use crate::{Body, Conversation, Incoming, ReceivedCommit};

/// What comes between staging a commit and merging it.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Between {
    Nothing,
    StagedAgain,
    Written,
    WrittenAndComeAgain,
    PastForgotten,
}

impl Member {
    /// Writes what has changed, and loads it beside what is in memory.
    fn beside(&mut self) -> Conversation {
        let changes = self.conv().take_changes();
        self.disk.write(changes);
        let id = self.conv().id();
        Conversation::load(&id, self.disk.read()).unwrap().unwrap()
    }
}

fn stage(conversation: &mut Conversation, entry: &Entry) -> Box<ReceivedCommit> {
    match conversation.receive(entry).unwrap() {
        Incoming::Commit(commit) => commit,
        _ => panic!("not a commit"),
    }
}

fn text(conversation: &mut Conversation, entry: &Entry) -> String {
    match conversation.receive(entry).unwrap() {
        Incoming::Message(message) => Seen::Message(*message).text(),
        _ => panic!("not a message"),
    }
}

fn write(w: &mut World, member: &mut Member) {
    let seed = MessageSeed::random(&mut w.rng);
    let conversation = member.conversation.as_mut().unwrap();
    let content = conversation.queue(seed, w.now, &Body::text("meanwhile").unwrap()).unwrap();
    conversation.encrypt(&content, member.keys.signing(), &mut w.rng).unwrap();
}

/// OpenMLS's record of message keys, all parts of it.
fn message_keys(member: &Member) -> Vec<u8> {
    let parts = member.disk.0.iter().filter(|(key, _)| key.starts_with(b"message-secrets"));
    parts.flat_map(|(_, part)| part.clone()).collect()
}

/// How many pieces of 32 bytes of one are in the other no more.
fn gone(before: &[u8], after: &[u8]) -> usize {
    let left: std::collections::BTreeSet<&[u8]> = after.windows(32).collect();
    before.windows(32).filter(|piece| !left.contains(piece)).count()
}

// [CONV-40] The keys of the epoch that a commit ends are kept for late messages, but for what it was itself read with: that is
// used up by merging, as by nothing before.
#[test]
fn the_key_that_a_merged_commit_was_read_with_is_on_no_disk() {
    let Room { mut w, mut a, mut b, .. } = room(141);
    w.say(&mut a, "so that the keys of its author are there");
    w.catch_up(&mut b);
    w.renew(&mut a);
    let before = message_keys(&b);
    let entry = w.log.last().unwrap().clone();
    stage(b.conv(), &entry);
    b.restart();
    assert_eq!(gone(&before, &message_keys(&b)), 0, "a commit that is only staged changes nothing");
    let received = stage(b.conv(), &entry);
    let approved = received.approve(b.conv(), &w.evidence()).unwrap();
    b.conv().merge(approved).unwrap();
    b.restart();
    let gone = gone(&before, &message_keys(&b));
    // One secret gave way to the next; all else of the epoch is there.
    assert!((32..128).contains(&gone), "{gone}");
}

// [CONV-40] Without a restart in between, which would load everything anew.
#[test]
fn whatever_comes_between_staging_and_merging_memory_is_as_the_records() {
    let Room { mut w, mut a, mut b, mut c } = room(140);
    let betweens = [
        Between::Nothing,
        Between::StagedAgain,
        Between::Written,
        Between::WrittenAndComeAgain,
        Between::PastForgotten,
    ];
    // More commits than past epochs are kept of.
    for (round, between) in betweens.into_iter().cycle().take(2 * betweens.len()).enumerate() {
        let early = w.say(&mut a, "before");
        w.catch_up(&mut a);
        let late = w.encrypt(&mut a, "late");
        w.renew(&mut a);
        let commit = w.log.last().unwrap().clone();
        w.catch_up(&mut c);
        let late = w.append_message(a.id(), &late);
        let next = w.say(&mut a, "after");
        w.catch_up(&mut a);
        w.catch_up(&mut c);

        assert_eq!(text(b.conv(), &early), "before");
        let mut received = stage(b.conv(), &commit);
        match between {
            Between::Nothing => {}
            Between::StagedAgain => received = stage(b.conv(), &commit),
            Between::Written => write(&mut w, &mut b),
            Between::WrittenAndComeAgain => {
                write(&mut w, &mut b);
                stage(&mut b.beside(), &commit);
                received = stage(b.conv(), &commit);
            }
            Between::PastForgotten => drop(b.conv().forget_past(w.now).unwrap()),
        }
        let approved = received.approve(b.conv(), &w.evidence()).unwrap();
        b.conv().merge(approved).unwrap();
        for (entry, said) in [(&late, "late"), (&next, "after")] {
            let mut copy = b.beside();
            assert_eq!(copy.epoch_authenticator(), b.conv().epoch_authenticator(), "round {round}, {between:?}");
            for conversation in [b.conv(), &mut copy] {
                assert_eq!(text(conversation, entry), said, "round {round}, {between:?}");
            }
        }
    }
}
