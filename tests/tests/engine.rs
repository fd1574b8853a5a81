//! Engines and a relay in one process (protocol-spec/07-delivery): what people do, over the real link, with a clock that
//! the test moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use amanat_client::{
    Command, Engine, Event, FailureCode, Options, Reply,
    api::{ConversationState, MessageBody, MessageState, Notice, SendOptions, Target},
    profile,
};
use amanat_identity::{
    Tier,
    armour::{self, FileKind},
};
use amanat_primitives::passphrase::WorkPolicy;
use amanat_tests::{PASSPHRASE, Person, Rig};
use rand_core::OsRng;

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn two() -> (Rig, Person, Person) {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let director = rig.person("director", Tier::Confidential).await;
    (rig, secretary, director)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_goes_both_ways_and_its_state_is_told() {
    let (rig, mut secretary, mut director) = two().await;
    let to = rig.to("director", Tier::Restricted);
    let (conversation, message) = secretary.say(&to, "Please see the summary. خلاصہ دیکھیں۔").await;
    let (theirs, received) = director.next_message().await;
    assert_eq!((theirs, received.id), (conversation, message));
    assert_eq!(received.body, MessageBody::Text("Please see the summary. خلاصہ دیکھیں۔".into()));
    assert_eq!(received.from.to_string(), "secretary@interior.gov.pk");
    assert_eq!(received.state, MessageState::Unread);
    secretary.until_state(message, MessageState::Delivered).await;
    director.ask(Command::Read { conversation, since: 0, limit: 10, mark: true }).await;
    secretary.until_state(message, MessageState::Read).await;

    let answer = Target::Conversation(conversation);
    director.say(&answer, "Seen. دیکھ لیا۔").await;
    let (_, answered) = secretary.next_message().await;
    assert_eq!(answered.body, MessageBody::Text("Seen. دیکھ لیا۔".into()));
    // The 1:1 is one conversation, whoever writes first.
    let (again, _) = director.say(&rig.to("secretary", Tier::Restricted), "Once more").await;
    assert_eq!(again, conversation);
    assert_eq!(director.texts(conversation).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_created_with_its_members_and_all_read_the_same() {
    let (rig, secretary, mut director) = two().await;
    let mut officer = rig.person("officer", Tier::Secret).await;
    let members: Vec<_> =
        ["director", "officer"].iter().map(|h| format!("{h}@interior.gov.pk").parse().unwrap()).collect();
    let new = Command::New { title: "Budget بجٹ".into(), tier: Tier::Confidential, members };
    let Reply::Sent { conversation, .. } = secretary.ask(new).await else { panic!() };
    let to = Target::Conversation(conversation);
    secretary.say(&to, "one").await;
    director.next_message().await;
    officer.next_message().await;
    director.say(&to, "two").await;
    officer.say(&to, "three").await;
    for person in [&secretary, &director, &officer] {
        person.sync().await;
    }
    for person in [&secretary, &director, &officer] {
        // All can have sent before they synced: the relay's order is everyone's.
        person.sync().await;
        let texts: BTreeSet<String> = person.texts(conversation).await.into_iter().collect();
        assert_eq!(texts, BTreeSet::from(["one".into(), "two".into(), "three".into()]), "{}", person.handle);
        let Reply::Conversations(list) = person.ask(Command::Conversations).await else { panic!() };
        assert_eq!((list[0].title.as_str(), list[0].tier, list[0].members), ("Budget بجٹ", Tier::Confidential, 3));
        let members = person.members(conversation).await;
        assert_eq!(members.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_below_the_tier_is_let_in() {
    let (rig, secretary, director) = two().await;
    let above =
        secretary.engine.ask(Command::SendText { to: rig.to("director", Tier::Secret), text: "x".into() }).await;
    assert_eq!(above.unwrap_err().code, FailureCode::Clearance);
    let own = director.engine.ask(Command::SendText { to: rig.to("secretary", Tier::Secret), text: "x".into() }).await;
    assert_eq!(own.unwrap_err().code, FailureCode::Clearance);
    let nobody =
        secretary.engine.ask(Command::SendText { to: rig.to("nobody", Tier::Official), text: "x".into() }).await;
    assert_eq!(nobody.unwrap_err().code, FailureCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_offline_loses_and_repeats_nothing_and_keeps_the_order() {
    let (rig, mut secretary, mut director) = two().await;
    let to = rig.to("director", Tier::Official);
    let (conversation, _) = secretary.say(&to, "before").await;
    director.next_message().await;
    director.sync().await;
    director.engine.stop().await;

    let mut expected = vec!["before".to_string()];
    let mut last = None;
    for day in 0..7 {
        for n in 0..20 {
            let text = format!("day {day}, message {n}");
            last = Some(secretary.say(&Target::Conversation(conversation), &text).await.1);
            expected.push(text);
        }
        rig.clock.forward(DAY);
    }
    secretary.until_state(last.unwrap(), MessageState::Accepted).await;

    let mut director = rig.start("director").await;
    director.sync().await;
    assert_eq!(director.texts(conversation).await, expected);
    secretary.until_state(last.unwrap(), MessageState::Delivered).await;
    // A second start finds nothing new.
    director.engine.stop().await;
    director = rig.start("director").await;
    director.sync().await;
    assert_eq!(director.texts(conversation).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_offline_goes_out_when_the_relay_is_back() {
    let (mut rig, mut secretary, mut director) = two().await;
    let to = rig.to("director", Tier::Official);
    let (conversation, _) = secretary.say(&to, "0").await;
    director.next_message().await;
    for round in 1..4 {
        rig.stop_relay().await;
        secretary
            .until("link down", |event| {
                matches!(event, Event::Link(amanat_client::api::LinkState::Down { .. })).then_some(())
            })
            .await;
        let (_, message) = secretary.say(&Target::Conversation(conversation), &round.to_string()).await;
        rig.start_relay().await;
        secretary.until_state(message, MessageState::Accepted).await;
        director.next_message().await;
    }
    assert_eq!(director.texts(conversation).await, ["0", "1", "2", "3"]);
}

// [ID-22]
#[tokio::test(flavor = "multi_thread")]
async fn a_lapsed_status_stops_confidential_and_warns_below() {
    let (rig, secretary, mut director) = two().await;
    let official = rig.to("director", Tier::Official);
    let confidential = rig.to("director", Tier::Confidential);
    secretary.say(&confidential, "fresh").await;
    director.next_message().await;
    rig.clock.forward(3 * DAY);
    secretary.say(&official, "official goes").await;
    director.next_message().await;
    let refused = secretary.engine.ask(Command::SendText { to: confidential.clone(), text: "x".into() }).await;
    assert_eq!(refused.unwrap_err().code, FailureCode::StatusExpired);
    // What waits for that is no reason for a sync not to end.
    tokio::time::timeout(Duration::from_secs(20), secretary.sync()).await.unwrap();
    // Nobody is let in without knowing who is revoked, either.
    let secret = rig.to("director", Tier::Secret);
    let refused = secretary.engine.ask(Command::SendText { to: secret, text: "x".into() }).await;
    assert_eq!(refused.unwrap_err().code, FailureCode::StatusExpired);
    let Reply::Conversations(list) = secretary.ask(Command::Conversations).await else { panic!() };
    assert_eq!(list.len(), 2);
    let state = |tier| list.iter().find(|view| view.tier == tier).map(|view| view.state);
    assert_eq!(state(Tier::Confidential), Some(ConversationState::StatusExpired));
    assert_eq!(state(Tier::Official), Some(ConversationState::Active));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_opens_nothing_says_so_and_blocks_nothing() {
    let rig = Rig::new().await;
    let mut director = rig.person("director", Tier::Restricted).await;
    rig.enrol("secretary", Tier::Restricted).await;
    // The secretary's clock is her own, and right while the link comes up.
    let off = Arc::new(AtomicU64::new(0));
    let start = || {
        let profile = profile::open(&rig.dir.path().join("secretary"), PASSPHRASE, &WorkPolicy::FOR_TESTS).unwrap();
        let (clock, off) = (rig.clock.clone(), Arc::clone(&off));
        let now = move || clock.now().after(Duration::from_secs(off.load(Ordering::Relaxed)));
        let (engine, events) =
            Engine::start(profile, Options { connect: true, clock: Arc::new(now), ..Options::default() });
        Person { handle: "secretary".into(), engine, events }
    };
    let mut secretary = start();
    let address = rig.address("director");
    let new = Command::New { title: "Budget".into(), tier: Tier::Restricted, members: vec![address.clone()] };
    let Reply::Sent { conversation: group, .. } = secretary.ask(new).await else { panic!() };
    secretary.sync().await;
    off.store(3600, Ordering::Relaxed);
    // Nobody would join by a commit of another time: it is given up, the person is told, and the rest goes on.
    let to = rig.to("director", Tier::Restricted);
    let (conversation, _) = secretary.say(&to, "too late").await;
    let told = |event: &Event| match event {
        Event::Notice(Notice::CreationRefused { conversation: id, failure }) if *id == conversation => {
            Some(failure.code)
        }
        _ => None,
    };
    assert_eq!(secretary.until("refusal", told).await, FailureCode::Clock);
    secretary.sync().await;
    let Reply::Conversations(list) = secretary.ask(Command::Conversations).await else { panic!() };
    assert!(list.iter().all(|view| view.id == group), "{list:?}");
    // Where the difference is known from the start, nothing is even tried.
    secretary.engine.stop().await;
    secretary = start();
    secretary.until("notice", |event| matches!(event, Event::Notice(Notice::ClockSkew { .. })).then_some(())).await;
    let refused = secretary.engine.ask(Command::SendText { to: to.clone(), text: "x".into() }).await;
    assert_eq!(refused.unwrap_err().code, FailureCode::Clock);
    // [CONV-82] Nor is a commit made that all would find void.
    let refused = secretary.engine.ask(Command::Remove { conversation: group, member: address }).await;
    assert_eq!(refused.unwrap_err().code, FailureCode::Clock);
    secretary.engine.stop().await;
    off.store(0, Ordering::Relaxed);
    secretary = start();
    secretary.say(&to, "in time").await;
    director.next_message().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_arrives_whole_and_under_its_own_name() {
    let (rig, mut secretary, mut director) = two().await;
    let source = rig.dir.path().join("annex: final?.pdf");
    let content: Vec<u8> = (0..3_500_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    std::fs::write(&source, &content).unwrap();
    let send = Command::SendDocument {
        to: rig.to("director", Tier::Restricted),
        path: source,
        options: SendOptions::default(),
    };
    let Reply::Sent { conversation, message: Some(message), document: Some(document) } = secretary.ask(send).await
    else {
        panic!()
    };
    secretary.until_state(message, MessageState::Accepted).await;
    let (_, received) = director.next_message().await;
    let MessageBody::Document(view) = received.body else { panic!() };
    assert_eq!((view.id, view.size), (document, 3_500_000));
    let out = rig.dir.path().join("inbox");
    std::fs::create_dir(&out).unwrap();
    let Reply::Saved { path, size } = director.ask(Command::Save { document, out: out.clone() }).await else {
        panic!()
    };
    assert_eq!(size, 3_500_000);
    assert_eq!(path.parent(), Some(out.as_path()));
    assert_eq!(std::fs::read(&path).unwrap(), content);
    // Again: numbered, nothing is written over.
    let Reply::Saved { path: second, .. } = director.ask(Command::Save { document, out: out.clone() }).await else {
        panic!()
    };
    assert_ne!(second, path);
    let Reply::Documents(list) = director.ask(Command::Documents { conversation }).await else { panic!() };
    assert_eq!(list.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_redeemed_once() {
    let rig = Rig::new().await;
    let invitation = rig.office.invite(&mut OsRng, "secretary", Tier::Secret, rig.clock.now());
    let text = armour::write(FileKind::Invitation, &amanat_wire::Encode::to_bytes(&invitation)).unwrap();
    rig.join("secretary", text.as_bytes()).await.unwrap();
    let mut secretary = rig.start("secretary").await;
    secretary.sync().await;
    let thief = rig.join("thief", text.as_bytes()).await.unwrap_err();
    assert_eq!(thief.code, FailureCode::AlreadyRedeemed);
    secretary
        .until("alarm", |event| matches!(event, Event::Notice(Notice::InvitationReused { .. })).then_some(()))
        .await;
    let again = rig.join("secretary", text.as_bytes()).await.unwrap_err();
    assert!(matches!(again.code, FailureCode::ProfileExists | FailureCode::InUse), "{again:?}");
    rig.clock.forward(8 * DAY);
    let late = rig.office.invite(&mut OsRng, "late", Tier::Secret, rig.clock.now());
    let text = armour::write(FileKind::Invitation, &amanat_wire::Encode::to_bytes(&late)).unwrap();
    rig.clock.forward(8 * DAY);
    assert_eq!(rig.join("late", text.as_bytes()).await.unwrap_err().code, FailureCode::Expired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_opened_once_with_its_passphrase() {
    let rig = Rig::new().await;
    rig.enrol("secretary", Tier::Secret).await;
    let dir = rig.dir.path().join("secretary");
    let open = |passphrase: &str| profile::open(&dir, passphrase, &WorkPolicy::FOR_TESTS).map(drop);
    assert_eq!(open("wrong").unwrap_err().code, FailureCode::Passphrase);
    let held = profile::open(&dir, PASSPHRASE, &WorkPolicy::FOR_TESTS).unwrap();
    assert_eq!(open(PASSPHRASE).unwrap_err().code, FailureCode::InUse);
    drop(held);
    assert!(open(PASSPHRASE).is_ok());
    let nowhere = profile::open(&rig.dir.path().join("nowhere"), PASSPHRASE, &WorkPolicy::FOR_TESTS);
    assert_eq!(nowhere.map(drop).unwrap_err().code, FailureCode::NoProfile);
    let key = dir.join("key");
    let mut bytes = std::fs::read(&key).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&key, bytes).unwrap();
    assert_eq!(open(PASSPHRASE).unwrap_err().code, FailureCode::Damaged);
}

// [DELIV-135] The relay hands out the oldest first: nobody is added by what has ended, also where none was ever used.
#[tokio::test(flavor = "multi_thread")]
async fn key_packages_are_replaced_before_they_end() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    // On a link that stays up, and after an absence.
    for away in [false, true] {
        secretary.sync_when_linked().await;
        rig.clock.forward(Duration::from_secs(40 * 24 * 3600));
        if away {
            let Person { engine, .. } = director;
            engine.stop().await;
            director = rig.start("director").await;
        }
        director.sync_when_linked().await;
        let title = format!("Budget {away}");
        let members = vec![rig.address("director")];
        let reply = secretary.ask(Command::New { title, tier: Tier::Official, members }).await;
        let Reply::Sent { conversation, .. } = reply else { panic!() };
        let of = |event: &Event| match event {
            Event::Conversation(view) if view.id == conversation => Some(()),
            _ => None,
        };
        director.until("the group", of).await;
    }
}
