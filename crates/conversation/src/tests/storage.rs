//! Storage (protocol-spec/05-conversation, section 9): a failure at every write of every operation leaves the
//! conversation as it was, in memory and in its records; the operation then succeeds as if nothing had happened.

use amanat_identity::Tier;
use amanat_primitives::MessageSeed;
use amanat_wire::log::UnitKind;

use super::world::{Disk, Member, Seen, World, receipt_of};
use crate::{
    Body, Conversation, ConversationError, Incoming, JoinError, KeyPackageMaker, Kind, Records, StorageError,
    storage::WRITES_UNTIL_FAILURE,
};

const INJECTED: ConversationError = ConversationError::Storage(StorageError::Injected);

/// Fails the n-th write for every n, checks that each failure left no trace, and lets the operation pass at last.
/// Returns its result and the number of writes.
fn at_every_write<S, T>(
    subject: &mut S,
    operation: impl Fn(&mut S) -> Result<T, ConversationError>,
    untouched: impl Fn(&mut S) -> bool,
) -> (T, u32) {
    for writes in 0..1000 {
        WRITES_UNTIL_FAILURE.set(Some(writes));
        let outcome = operation(subject);
        WRITES_UNTIL_FAILURE.set(None);
        match outcome {
            Ok(done) => return (done, writes),
            Err(error) => {
                assert_eq!(error, INJECTED, "write {writes}");
                assert!(untouched(subject), "write {writes} left a trace");
            }
        }
    }
    panic!("never passed");
}

/// Nothing to write, and what is in memory is what is on the disk, as far as it can be seen: which message keys were
/// consumed is shown by what can be read next.
fn untouched(member: &mut Member) -> bool {
    let conversation = member.conversation.as_mut().unwrap();
    let quiet = conversation.take_changes().is_empty();
    let stored = Conversation::load(&conversation.id(), member.disk.read()).unwrap().unwrap();
    quiet
        && stored.epoch_authenticator() == conversation.epoch_authenticator()
        && stored.members() == conversation.members()
        && stored.log() == conversation.log()
        && stored.head() == conversation.head()
        && stored.group.pending_commit().is_some() == conversation.group.pending_commit().is_some()
}

// [CONV-40]
#[test]
fn founding_and_joining_survive_a_failure_at_every_write() {
    let mut w = World::new(80);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    let now = w.now;
    let maker = KeyPackageMaker { device: &b.device, signing: b.keys.signing() };
    let rng = std::cell::RefCell::new(w.rng.clone());
    let make = |store: &mut Records| maker.one_time(3, store, now, &mut *rng.borrow_mut());
    let mut store = Records::default();
    let (made, writes) = at_every_write(&mut store, make, |store| store.is_empty() && store.take_changes().is_empty());
    assert_eq!((made.len(), writes), (3, 3));
    b.packages.write(store.take_changes());

    let spec = w.spec(Kind::Direct, Tier::Official);
    let checked = crate::check_key_package(&made[0], &b.device, now).unwrap();
    let create = |a: &mut Member| {
        let (device, signing) = (&a.device, a.keys.signing());
        Conversation::create(&spec, device, signing, vec![checked.clone()], 1, now, &mut *rng.borrow_mut())
    };
    let (created, writes) = at_every_write(&mut a, create, |_| true);
    assert!(writes > 10, "{writes}");
    a.conversation = Some(created.conversation);
    a.restart();
    w.append_commit(a.id(), UnitKind::Create, &created.commit);

    // Joining: neither the KeyPackage nor what was there before is touched by a failure.
    let part = w.part(&b, &created.commit);
    let chains = w.chains.clone();
    let join = |b: &mut Member| {
        let mut packages = b.packages.read();
        let ours = |error| match error {
            JoinError::Ours(error) => error,
            other => panic!("{other}"),
        };
        let staged = Conversation::stage_join(&part, &b.device, &packages).map_err(ours)?;
        let done =
            staged.approve(&chains, &receipt_of(&created.commit, now), &mut packages, b.disk.read()).map_err(ours);
        let changes = packages.take_changes();
        assert_eq!(done.is_err(), changes.is_empty());
        Ok((done?, changes))
    };
    let ((conversation, changes), writes) = at_every_write(&mut b, join, |b| b.packages.0.len() == 3);
    assert!(writes > 10, "{writes}");
    b.packages.write(changes);
    b.conversation = Some(conversation);
    b.restart();
    w.catch_up(&mut a);
    w.say(&mut a, "whole");
    assert_eq!(w.step(&mut b).text(), "whole");
}

// [CONV-40]
#[test]
fn sending_and_receiving_survive_a_failure_at_every_write() {
    let mut w = World::new(81);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    let rng = std::cell::RefCell::new(w.rng.clone());
    let content = a.conv().queue(MessageSeed::from_bytes([1; 16]), w.now, &Body::text("x").unwrap()).unwrap();
    a.restart();
    let send =
        |a: &mut Member| a.conversation.as_mut().unwrap().encrypt(&content, a.keys.signing(), &mut *rng.borrow_mut());
    let (sent, writes) = at_every_write(&mut a, send, untouched);
    assert_eq!(writes, 2);
    a.restart();
    let entry = w.append_message(a.id(), &sent.body);
    let (incoming, writes) = at_every_write(&mut b, |b| b.conv().receive(&entry), untouched);
    assert!(matches!(incoming, Incoming::Message(_)));
    assert_eq!(writes, 1);
    b.restart();
    assert!(matches!(w.step(&mut a), Seen::Own(_)));
}

// [CONV-40]
#[test]
fn commits_survive_a_failure_at_every_write() {
    let mut w = World::new(82);
    let mut a = w.enrol("a", Tier::Official);
    let (mut b, mut c) = (w.enrol("b", Tier::Official), w.enrol("c", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b, &mut c]);
    let rng = std::cell::RefCell::new(w.rng.clone());
    let now = w.now;
    let (gone, chains, revocations) = (c.id(), w.chains.clone(), w.revocations.clone());
    let commit = |a: &mut Member| {
        let conversation = a.conversation.as_mut().unwrap();
        conversation.remove(&[gone], a.keys.signing(), 1, now, &mut *rng.borrow_mut())
    };
    let (made, writes) = at_every_write(&mut a, commit, untouched);
    assert!(writes >= 3, "{writes}");
    a.restart();
    assert_eq!(a.conv().pending_commit(), Ok(Some(made.hash)));
    // Given up, it can be made again.
    let (_, writes) = at_every_write(&mut a, |a| a.conv().drop_pending_commit(), untouched);
    assert!(writes >= 1);
    a.restart();
    let made = commit(&mut a).unwrap();
    a.restart();
    let entry = w.append_commit(a.id(), UnitKind::Commit, &made);
    for member in [&mut a, &mut b, &mut c] {
        let take = |member: &mut Member| {
            let conversation = member.conversation.as_mut().unwrap();
            let Incoming::Commit(received) = conversation.receive(&entry)? else { panic!() };
            let evidence = crate::Evidence { devices: &chains, receipt: None, revocations: &revocations };
            let approved = received.approve(conversation, &evidence).unwrap();
            conversation.merge(approved)
        };
        let (merged, writes) = at_every_write(member, take, untouched);
        assert!(writes > 5, "{writes}");
        assert_eq!(merged.removed, [gone]);
        member.restart();
    }
    assert_eq!(a.conv().epoch_authenticator(), b.conv().epoch_authenticator());
    assert!(!c.conv().is_active());
    w.say(&mut b, "two of us");
    assert_eq!(w.step(&mut a).text(), "two of us");
}

// Damaged records are an error, never a panic, and never half a conversation.
#[test]
fn damaged_records_are_found_on_loading() {
    let mut w = World::new(83);
    let (mut a, mut b) = (w.enrol("a", Tier::Official), w.enrol("b", Tier::Official));
    w.room(Tier::Official, &mut a, &mut [&mut b]);
    w.say(&mut a, "x");
    w.catch_up(&mut b);
    let load = |disk: &Disk| Conversation::load(&w.id, disk.read());
    assert!(load(&b.disk).unwrap().is_some());
    assert!(load(&Disk::default()).unwrap().is_none());
    for key in b.disk.0.keys().filter(|key| !key.starts_with(b"epoch-keys/") && !key.starts_with(b"our-sender/")) {
        let mut without = b.disk.clone();
        without.0.remove(key);
        assert!(!matches!(load(&without), Ok(Some(_))), "{}", String::from_utf8_lossy(key));
        let mut cut = b.disk.clone();
        let value = cut.0.get_mut(key).unwrap();
        value.truncate(value.len() / 2);
        assert!(!matches!(load(&cut), Ok(Some(_))), "{}", String::from_utf8_lossy(key));
    }
}

#[test]
fn a_conversation_can_be_shared_between_tasks() {
    fn shared<T: Send + Sync>() {}
    shared::<Conversation>();
    shared::<crate::ReceivedCommit>();
    shared::<crate::JoinStaged>();
}

// OpenMLS keeps past epochs' members beside the message keys; a message writes what it changed, not all of that.
#[test]
fn a_message_writes_little_in_a_large_group_with_past_epochs() {
    let mut w = World::new(84);
    let mut a = w.enrol("a", Tier::Official);
    let mut others: Vec<_> = (0..12).map(|n| w.enrol(&format!("p{n}"), Tier::Official)).collect();
    let mut refs: Vec<_> = others.iter_mut().collect();
    w.room(Tier::Official, &mut a, &mut refs);
    for _ in 0..4 {
        w.renew(&mut a);
    }
    let secrets = a.disk.0.iter().filter(|(key, _)| key.starts_with(b"message-secrets"));
    let whole: usize = secrets.map(|(_, value)| value.len()).sum();
    assert!(whole > 60_000, "{whole}");
    let content = a.conv().queue(MessageSeed::from_bytes([1; 16]), w.now, &Body::text("x").unwrap()).unwrap();
    a.restart();
    a.conversation.as_mut().unwrap().encrypt(&content, a.keys.signing(), &mut w.rng).unwrap();
    let written: usize = a.conv().take_changes().puts.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert!(written < 12_000, "{written}");
}

#[test]
fn a_record_that_shrinks_leaves_no_part_behind() {
    use openmls_traits::storage::StorageProvider as _;
    let mut records = Records::default();
    let group = crate::conversation::group_id(&amanat_primitives::ConversationId::from_bytes([1; 16]));
    for (epoch, count) in [(5u64, 3000usize), (5, 2), (5, 5000), (5, 0)] {
        let storage = crate::storage::Storage::of_group(&mut records);
        let pairs: Vec<Pair> = (0..count).map(|n| Pair(n as u64)).collect();
        storage.write_encryption_epoch_key_pairs(&group, &Epoch(epoch), 0, &pairs).unwrap();
        let read: Vec<Pair> = storage.encryption_epoch_key_pairs(&group, &Epoch(epoch), 0).unwrap();
        assert_eq!(read, pairs);
        assert_eq!(records.keys(b"epoch-keys/").count(), records.size().div_ceil(4096 + 100).max(1));
    }
    let storage = crate::storage::Storage::of_group(&mut records);
    storage.delete_encryption_epoch_key_pairs(&group, &Epoch(5), 0).unwrap();
    assert!(records.is_empty());
}

#[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
struct Pair(u64);
#[derive(serde::Serialize)]
struct Epoch(u64);

impl openmls_traits::storage::Entity<1> for Pair {}
impl openmls_traits::storage::traits::HpkeKeyPair<1> for Pair {}
impl openmls_traits::storage::Key<1> for Epoch {}
impl openmls_traits::storage::traits::EpochKey<1> for Epoch {}
