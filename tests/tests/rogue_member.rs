//! A member whose client is of his own making (protocol-spec/10-threat-model, section 1): real MLS, a real relay, and
//! nothing that our engine would do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::{collections::BTreeMap, time::Duration};

use amanat_client::{
    Command, Event, Reply,
    api::{Alarm, ConversationState, MessageBody, MessageState, Notice, Target},
};
use amanat_conversation::{
    CheckedKeyPackage, Conversation, Created, Evidence, Incoming, KeyPackageMaker, Kind, NewConversation, Records,
    check_key_package,
    content::{Body, Edit},
};
use amanat_identity::{DeviceChain, DeviceKeys, RevocationList, Tier, VerifiedDevice};
use amanat_primitives::{ConversationId, DeviceId, MessageId, MessageSeed, Timestamp, UnitId};
use amanat_tests::{
    Person, Rig,
    by_hand::{Line, unit},
};
use amanat_wire::{
    Bytes, Decode as _, List, Text,
    client::{Read, Request},
    limits,
    log::{Entry, RetentionClass, Unit, UnitKind},
    relay::Answer,
};
use rand_core::OsRng;

struct Rogue {
    keys: DeviceKeys,
    own: VerifiedDevice,
    line: Line,
    /// Whom it has looked up.
    known: BTreeMap<DeviceId, VerifiedDevice>,
}

impl Rogue {
    async fn connect(rig: &Rig) -> Self {
        Self::connect_as(rig, "rogue").await
    }

    async fn connect_as(rig: &Rig, handle: &str) -> Self {
        let now = rig.clock.now();
        let (keys, chain, own) = rig.office.enrol(&mut OsRng, handle, Tier::Secret, now);
        let line = Line::connect(rig, &keys, &chain).await;
        Self { keys, own, line, known: BTreeMap::new() }
    }

    async fn ask(&mut self, request: Request) -> Answer {
        self.line.ask(request).await
    }

    /// What stands in a log after a position.
    async fn read(&mut self, conversation: ConversationId, after: u64) -> List<Entry, { limits::ENTRIES }> {
        let Answer::Entries(read) = self.ask(Request::Read(Read { conversation, after, max_entries: 64 })).await else {
            panic!()
        };
        read.entries
    }

    /// Appends, and takes the entry in as its own.
    async fn append(&mut self, group: &mut Conversation, unit: Unit) {
        let Answer::Appended(appended) = self.ask(Request::Append(unit.clone())).await else { panic!() };
        let entry = Entry::of_own(unit, self.own.id(), appended);
        if let Incoming::Commit(commit) = group.receive(&entry).unwrap() {
            let revocations = RevocationList::default();
            let evidence = Evidence { devices: &self.known, receipt: None, revocations: &revocations };
            let approved = commit.approve(group, &evidence).unwrap();
            group.merge(approved).unwrap();
        }
    }
}

/// The victim's KeyPackage.
async fn package_of(rig: &Rig, rogue: &mut Rogue, victim: DeviceId) -> CheckedKeyPackage {
    let now = rig.clock.now();
    let Answer::Chains(chains) = rogue.ask(Request::Chains(List::new(vec![victim]).unwrap())).await else { panic!() };
    let chain = DeviceChain::from_bytes(&chains.chains[0]).unwrap();
    let verified = chain.verify(rig.office.authority(), now, Timestamp::CLOCK_TOLERANCE).unwrap();
    rogue.known.insert(victim, verified.clone());
    let claim = Request::ClaimKeyPackages(List::new(vec![victim]).unwrap());
    let Answer::KeyPackages(claimed) = rogue.ask(claim).await else { panic!() };
    check_key_package(&claimed[0].key_package, &verified, now).unwrap()
}

/// A group that the rogue founds with the victim, on no relay yet.
async fn found(rig: &Rig, rogue: &mut Rogue, victim: DeviceId, id: ConversationId, tier: Tier) -> Created {
    let now = rig.clock.now();
    let package = package_of(rig, rogue, victim).await;
    let new = NewConversation { conversation: id, kind: Kind::Group, tier, relay: rig.office.relay(now).id() };
    Conversation::create(&new, &rogue.own, rogue.keys.signing(), vec![package], 0, now, &mut OsRng).unwrap()
}

/// A conversation that the rogue has founded with the secretary, once her engine has it.
async fn founded(rig: &Rig, rogue: &mut Rogue, secretary: &mut Person) -> (Conversation, DeviceId) {
    let victim = secretary.device().await;
    let id = ConversationId::random(&mut OsRng);
    let created = found(rig, rogue, victim, id, Tier::Official).await;
    let mut group = created.conversation;
    let create = unit(&group, UnitKind::Create, created.commit);
    rogue.append(&mut group, create).await;
    until_state(secretary, group.id(), ConversationState::Active).await;
    (group, victim)
}

async fn until_state(person: &mut Person, conversation: ConversationId, wanted: ConversationState) {
    let is = |event: &Event| match event {
        Event::Conversation(view) if view.id == conversation => (view.state == wanted).then_some(()),
        _ => None,
    };
    person.until("state of the conversation", is).await;
}

async fn until_alarm(person: &mut Person, kind: &str) {
    let is = |event: &Event| match event {
        Event::Alarm { alarm, .. } => (alarm.kind() == kind).then_some(()),
        _ => None,
    };
    person.until(kind, is).await;
}

/// A text of the rogue's, encrypted for the conversation as it stands.
fn text(rogue: &Rogue, group: &mut Conversation, now: Timestamp, text: &str) -> Unit {
    content(rogue, group, MessageSeed::random(&mut OsRng), now, &Body::text(text).unwrap())
}

/// The same with any content, under a chosen seed.
fn content(rogue: &Rogue, group: &mut Conversation, seed: MessageSeed, now: Timestamp, body: &Body) -> Unit {
    let content = group.queue(seed, now, body).unwrap();
    let sealed = group.encrypt(&content, rogue.keys.signing(), &mut OsRng).unwrap();
    Unit {
        id: UnitId::random(&mut OsRng),
        conversation: group.id(),
        kind: UnitKind::Message,
        class: RetentionClass::Month,
        seen_commit: group.seen_commit(),
        accepted_commit: group.accepted_commit(),
        body: sealed.body,
        roster_add: List::default(),
        roster_remove: List::default(),
        group_info: Bytes::default(),
        joiners: List::default(),
    }
}

impl Rogue {
    /// Says something, whatever it is. The answer is not taken in: others may have written between.
    async fn say(&mut self, group: &mut Conversation, seed: MessageSeed, now: Timestamp, body: &Body) {
        let message = content(self, group, seed, now, body);
        let Answer::Appended(_) = self.ask(Request::Append(message)).await else { panic!() };
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn being_removed_stops_one_conversation_and_nothing_else() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let mut rogue = Rogue::connect(&rig).await;
    let (mut group, victim) = founded(&rig, &mut rogue, &mut secretary).await;
    let now = rig.clock.now();

    // The removal, and a message behind it that the victim has no keys for.
    let removal = group.remove(&[victim], rogue.keys.signing(), 0, now, &mut OsRng).unwrap();
    let commit = unit(&group, UnitKind::Commit, removal);
    rogue.append(&mut group, commit).await;
    let message = text(&rogue, &mut group, now, "gone");
    rogue.append(&mut group, message).await;
    until_state(&mut secretary, group.id(), ConversationState::Removed).await;

    // The engine goes on, now and after a restart.
    secretary.say(&rig.to("director", Tier::Official), "still here").await;
    director.next_message().await;
    secretary.engine.stop().await;
    let secretary = rig.start("secretary").await;
    secretary.sync().await;
    secretary.say(&rig.to("director", Tier::Official), "and again").await;
    director.next_message().await;
}

// [CONV-55] Whoever comes back comes back to the same conversation, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn another_group_under_a_known_id_is_refused() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut rogue = Rogue::connect(&rig).await;
    let (mut group, victim) = founded(&rig, &mut rogue, &mut secretary).await;
    let removal = group.remove(&[victim], rogue.keys.signing(), 0, rig.clock.now(), &mut OsRng).unwrap();
    let commit = unit(&group, UnitKind::Commit, removal);
    rogue.append(&mut group, commit).await;
    until_state(&mut secretary, group.id(), ConversationState::Removed).await;
    let other = found(&rig, &mut rogue, victim, group.id(), Tier::Restricted).await;
    let commit = unit(&group, UnitKind::Commit, other.commit);
    let Answer::Appended(_) = rogue.ask(Request::Append(commit)).await else { panic!() };
    let refused = |event: &Event| matches!(event, Event::Notice(Notice::JoinRefused { .. })).then_some(());
    secretary.until("refusal", refused).await;
    let Reply::Conversations(list) = secretary.ask(Command::Conversations).await else { panic!() };
    assert_eq!((list[0].state, list[0].tier), (ConversationState::Removed, Tier::Official));
}

// [CONV-15] The relay was asked for another change of members than the commit makes: void, by the relay's own receipt.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_asks_the_relay_for_another_roster_is_void() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut rogue = Rogue::connect(&rig).await;
    let (mut group, victim) = founded(&rig, &mut rogue, &mut secretary).await;
    let update = group.self_update(rogue.keys.signing(), 0, rig.clock.now(), &mut OsRng).unwrap();
    let mut commit = unit(&group, UnitKind::Commit, update);
    commit.roster_remove = List::new(vec![victim]).unwrap();
    let Answer::Appended(_) = rogue.ask(Request::Append(commit)).await else { panic!() };
    until_alarm(&mut secretary, "void-commit").await;
}

// [CONV-34] Nobody can have seen what stands behind his own message.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_in_the_log_that_does_not_exist_yet_is_a_fork() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut rogue = Rogue::connect(&rig).await;
    let (mut group, _) = founded(&rig, &mut rogue, &mut secretary).await;
    group.jump(9, amanat_primitives::Digest::from_bytes([9; 32]), true).unwrap();
    let message = text(&rogue, &mut group, rig.clock.now(), "from elsewhere");
    let Answer::Appended(_) = rogue.ask(Request::Append(message)).await else { panic!() };
    until_alarm(&mut secretary, "fork").await;
}

// Whoever is told by a refused commit that he is out commits a good one, and gets what was kept from him.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_commit_takes_nobody_out_of_the_log() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut rogue = Rogue::connect(&rig).await;
    let (mut group, victim) = founded(&rig, &mut rogue, &mut secretary).await;
    let update = group.self_update(rogue.keys.signing(), 0, rig.clock.now(), &mut OsRng).unwrap();
    let mut garbage = unit(&group, UnitKind::Commit, update);
    garbage.body = Bytes::new(vec![1]).unwrap();
    garbage.roster_remove = List::new(vec![victim]).unwrap();
    group.drop_pending_commit().unwrap();
    rogue.append(&mut group, garbage).await;
    let message = text(&rogue, &mut group, rig.clock.now(), "kept from her");
    rogue.append(&mut group, message).await;
    assert_eq!(secretary.next_message().await.1.body, MessageBody::Text("kept from her".into()));
    let to = Target::Conversation(group.id());
    let (_, message) = secretary.say(&to, "still a member").await;
    secretary.until_state(message, MessageState::Accepted).await;
}

// [CONV-94]
#[tokio::test(flavor = "multi_thread")]
async fn who_sets_a_roster_right_again_takes_longer_each_time() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut rogue = Rogue::connect(&rig).await;
    let (mut group, victim) = founded(&rig, &mut rogue, &mut secretary).await;
    let update = group.self_update(rogue.keys.signing(), 0, rig.clock.now(), &mut OsRng).unwrap();
    let mut garbage = unit(&group, UnitKind::Commit, update);
    garbage.body = Bytes::new(vec![1]).unwrap();

    let mut made = Vec::new();
    for _ in 0..4 {
        garbage.id = UnitId::random(&mut OsRng);
        let Answer::Appended(appended) = rogue.ask(Request::Append(garbage.clone())).await else { panic!() };
        let began = rig.clock.now();
        let commit = loop {
            secretary.sync().await;
            let entries = rogue.read(group.id(), appended.position).await;
            let hers = |entry: &Entry| entry.kind == UnitKind::Commit && entry.sender == victim;
            if let Some(entry) = entries.into_iter().find(hers) {
                break entry;
            }
            assert!(rig.clock.now().since(began) < Duration::from_secs(60), "nobody has set it right");
            rig.clock.forward(Duration::from_millis(500));
        };
        (garbage.seen_commit, garbage.accepted_commit) = (commit.position, commit.position);
        made.push(commit.stamp);
    }
    let waited: Vec<Duration> = made.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    for (waited, pause) in waited.iter().zip([5, 10, 20]) {
        let pause = Duration::from_secs(pause);
        // The relay's stamps are a moment late.
        let (early, late) = (*waited + Duration::from_secs(1) < pause, *waited > pause + Duration::from_secs(3));
        assert!(!early && !late, "{waited:?} instead of {pause:?}");
    }
}

// [CONV-61]
#[tokio::test(flavor = "multi_thread")]
async fn who_edits_or_deletes_anothers_message_changes_nothing_and_is_named() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut rogue = Rogue::connect(&rig).await;
    let (mut group, _) = founded(&rig, &mut rogue, &mut secretary).await;
    let (conversation, message) = secretary.say(&Target::Conversation(group.id()), "as it was").await;
    secretary.until_state(message, MessageState::Accepted).await;

    let edit = Body::Edit(Edit { of: message, text: Text::new("as it was not").unwrap() });
    for body in [edit, Body::Delete(message)] {
        rogue.say(&mut group, MessageSeed::random(&mut OsRng), rig.clock.now(), &body).await;
        let named = secretary
            .until("alarm", |event| match event {
                Event::Alarm { alarm: Alarm::NotAuthor { sender, message }, .. } => Some((sender.clone(), *message)),
                _ => None,
            })
            .await;
        assert_eq!(named, (rogue.own.address().clone(), message));
    }
    let views = secretary.messages(conversation).await;
    assert_eq!(views[0].body, MessageBody::Text("as it was".into()));
    assert!(views[0].edited.is_none() && !views[0].deleted);
}

// [CONV-63]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_before_its_message_waits_for_it_within_bounds() {
    const CHANGES: u8 = 30;
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut rogue = Rogue::connect(&rig).await;
    let (mut group, _) = founded(&rig, &mut rogue, &mut secretary).await;
    let now = rig.clock.now();
    let seed = |n: u8| MessageSeed::from_bytes([n; 16]);
    let (conversation, author) = (group.id(), rogue.own.id());
    let id = |n: u8| MessageId::of(conversation, author, seed(n));
    for n in 1..=CHANGES {
        let edit = Body::Edit(Edit { of: id(n), text: Text::new("corrected").unwrap() });
        rogue.say(&mut group, MessageSeed::random(&mut OsRng), now, &edit).await;
    }
    secretary.sync().await;
    // Not only in memory.
    secretary.engine.stop().await;
    let secretary = rig.start("secretary").await;
    for n in 1..=CHANGES {
        rogue.say(&mut group, seed(n), now, &Body::text("first words").unwrap()).await;
    }
    secretary.sync().await;
    secretary.sync().await;
    let texts = secretary.texts(group.id()).await;
    assert_eq!(texts.len(), usize::from(CHANGES));
    assert!(texts[..16].iter().all(|text| text == "corrected"), "{texts:?}");
    assert!(texts[16..].iter().all(|text| text == "first words"), "{texts:?}");
}

// [CONV-59] A device that an officer and a relay have made in somebody's name is there before that person's own is invited.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_device_of_ones_own_that_nobody_approved_one_does_not_join() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let victim = secretary.device().await;
    let mut rogue = Rogue::connect(&rig).await;
    let ghost = Rogue::connect_as(&rig, "secretary").await;
    let now = rig.clock.now();
    let mut records = Records::default();
    let maker = KeyPackageMaker { device: &ghost.own, signing: ghost.keys.signing() };
    let made = maker.one_time(1, &mut records, now, &mut OsRng).unwrap();
    let theirs = check_key_package(&made[0], &ghost.own, now).unwrap();
    let hers = package_of(&rig, &mut rogue, victim).await;
    let id = ConversationId::random(&mut OsRng);
    let new = NewConversation {
        conversation: id,
        kind: Kind::Group,
        tier: Tier::Official,
        relay: rig.office.relay(now).id(),
    };
    let packages = vec![theirs, hers];
    let created = Conversation::create(&new, &rogue.own, rogue.keys.signing(), packages, 0, now, &mut OsRng).unwrap();
    let create = unit(&created.conversation, UnitKind::Create, created.commit);
    assert!(matches!(rogue.ask(Request::Append(create)).await, Answer::Appended(_)));
    let refused = |event: &Event| match event {
        Event::Notice(Notice::JoinRefused { conversation, failure }) if *conversation == id => Some(failure.clone()),
        _ => None,
    };
    let failure = secretary.until("refusal", refused).await;
    assert!(failure.failed.contains("another device in your name"), "{failure}");
}
