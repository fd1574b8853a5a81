//! A relay that comes back from a backup gets from its members what it has lost (protocol-spec/07-delivery, section 14):
//! real engines, a real relay, a clock that the test moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::time::Duration;

use amanat_client::{
    Command, Event, Reply,
    api::{ConversationView, MessageState, Notice, SendOptions, Target},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_tests::{Person, Rig};

async fn add(rig: &Rig, by: &Person, id: ConversationId, handle: &str) {
    let members = vec![rig.address(handle)];
    assert!(matches!(by.ask(Command::Add { conversation: id, members }).await, Reply::ConversationChanged { .. }));
}

/// Waits until someone has this text, and nothing alarming came.
async fn has(person: &mut Person, id: ConversationId, text: &str) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    loop {
        let Reply::Conversations(list) = person.ask(Command::Conversations).await else { panic!() };
        if list.iter().any(|view| view.id == id) && person.texts(id).await.iter().any(|found| found == text) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}: no {text:?} within a minute: {list:?}", person.handle);
        let next = tokio::time::timeout(Duration::from_millis(200), person.events.next()).await;
        if let Ok(Some(Event::Alarm { alarm, .. })) = next {
            panic!("{}: {alarm:?}", person.handle);
        }
    }
}

async fn until_notice(person: &mut Person, what: &str, wanted: impl Fn(&Notice) -> bool) {
    person.until(what, |event| matches!(event, Event::Notice(notice) if wanted(notice)).then_some(())).await;
}

async fn views(person: &Person) -> Vec<ConversationView> {
    match person.ask(Command::Conversations).await {
        Reply::Conversations(list) => list,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_relay_has_lost_comes_back() {
    // [DELIV-114] [DELIV-122]
    let mut rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let mut clerk = rig.person("clerk", Tier::Secret).await;
    let id = rig.group(&secretary, &["director"], Tier::Secret).await;
    let to = Target::Conversation(id);
    secretary.say(&to, "one").await;
    has(&mut director, id, "one").await;
    rig.back_up().await;
    secretary.sync_when_linked().await;

    // Messages, a newcomer, a conversation that the backup does not have, and a removal.
    secretary.say(&to, "two").await;
    has(&mut director, id, "two").await;
    add(&rig, &secretary, id, "clerk").await;
    director.say(&to, "three").await;
    has(&mut clerk, id, "three").await;
    let (private, _) = clerk.say(&rig.to("secretary", Tier::Restricted), "between us").await;
    has(&mut secretary, private, "between us").await;
    let remove = Command::Remove { conversation: id, member: rig.address("director") };
    assert!(matches!(secretary.ask(remove).await, Reply::ConversationChanged { .. }));
    let (_, last) = clerk.say(&to, "four").await;
    has(&mut secretary, id, "four").await;
    clerk.until_state(last, MessageState::Delivered).await;

    rig.restore().await;
    for person in [&mut secretary, &mut director, &mut clerk] {
        until_notice(person, "restored", |notice| *notice == Notice::RelayRestored).await;
    }
    // All have spoken: nothing is held any more, nothing was lost, and nothing came twice.
    let (_, last) = secretary.say(&to, "five").await;
    has(&mut clerk, id, "five").await;
    secretary.until_state(last, MessageState::Delivered).await;
    clerk.say(&Target::Conversation(private), "still here").await;
    has(&mut secretary, private, "still here").await;
    for person in [&secretary, &clerk] {
        person.sync().await;
    }
    assert_eq!(secretary.texts(id).await, ["one", "two", "three", "four", "five"]);
    assert_eq!(clerk.texts(id).await, ["three", "four", "five"]);
    assert_eq!(director.texts(id).await, ["one", "two", "three"]);
    assert_eq!(clerk.texts(private).await, ["between us", "still here"]);
    // Devices can be reached again, by KeyPackages that were never handed out before.
    let new = rig.group(&director, &["secretary", "clerk"], Tier::Secret).await;
    director.say(&Target::Conversation(new), "anew").await;
    has(&mut clerk, new, "anew").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_welcome_comes_back_and_what_is_new_waits_for_those_who_may_be_ahead() {
    // [DELIV-117] [DELIV-118]
    let mut rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let director = rig.person("director", Tier::Secret).await;
    rig.enrol("clerk", Tier::Secret).await;
    let clerk = rig.start("clerk").await;
    clerk.sync().await;
    clerk.engine.stop().await;
    let id = rig.group(&secretary, &["director"], Tier::Secret).await;
    let to = Target::Conversation(id);
    secretary.say(&to, "one").await;
    secretary.sync().await;
    director.sync().await;
    rig.back_up().await;

    // The clerk is added while away; the director has seen nothing since the backup.
    director.engine.stop().await;
    secretary.sync_when_linked().await;
    add(&rig, &secretary, id, "clerk").await;
    let (_, two) = secretary.say(&to, "two").await;
    secretary.until_state(two, MessageState::Accepted).await;
    rig.restore().await;
    until_notice(&mut secretary, "restored", |notice| *notice == Notice::RelayRestored).await;

    // The director and the clerk have not spoken: what is new is held, and said to be.
    let (_, three) = secretary.say(&to, "three").await;
    until_notice(&mut secretary, "hold", |notice| matches!(notice, Notice::RelaySettling { .. })).await;
    let state = secretary.messages(id).await.into_iter().find(|message| message.id == three).unwrap().state;
    assert_eq!(state, MessageState::Queued);

    // The clerk gets the Welcome that the backup did not have.
    let mut clerk = rig.start("clerk").await;
    has(&mut clerk, id, "two").await;
    rig.clock.forward(Duration::from_secs(601));
    secretary.until_state(three, MessageState::Accepted).await;
    has(&mut clerk, id, "three").await;
    let mut director = rig.start("director").await;
    has(&mut director, id, "three").await;
    assert_eq!(director.texts(id).await, ["one", "two", "three"]);
    assert_eq!(views(&director).await[0].members, 3);
}

// [DOC-20] The sender brings a document again that the relay has lost, if the file is still what was sent; nobody asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_document_comes_back_unless_its_file_was_edited() {
    let mut rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let (id, _) = secretary.say(&rig.to("director", Tier::Official), "one").await;
    has(&mut director, id, "one").await;
    rig.back_up().await;
    secretary.sync_when_linked().await;
    let mut documents = Vec::new();
    for name in ["kept.bin", "edited.bin"] {
        let path = rig.dir.path().join(name);
        let content: Vec<u8> = (0..2_500_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let send =
            Command::SendDocument { to: Target::Conversation(id), path: path.clone(), options: SendOptions::default() };
        let Reply::Sent { message: Some(message), document: Some(document), .. } = secretary.ask(send).await else {
            panic!()
        };
        secretary.until_state(message, MessageState::Delivered).await;
        documents.push((document, path, content));
    }
    let (edited, path, content) = documents.pop().unwrap();
    std::fs::write(path, content.iter().rev().copied().collect::<Vec<u8>>()).unwrap();

    rig.restore().await;
    let lost = secretary
        .until("failure", |event| match event {
            Event::Notice(Notice::DocumentLost { document, failure }) => Some((*document, failure.clone())),
            _ => None,
        })
        .await;
    assert_eq!(lost.0, edited);
    assert!(lost.1.failed.contains("the relay has lost a document"), "{}", lost.1);
    let (kept, _, content) = documents.pop().unwrap();
    let out = rig.dir.path().join("inbox");
    std::fs::create_dir(&out).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let path = loop {
        match director.engine.ask(Command::Save { document: kept, out: out.clone() }).await {
            Ok(Reply::Saved { path, .. }) => break path,
            other => assert!(tokio::time::Instant::now() < deadline, "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(std::fs::read(path).unwrap(), content);
    // The sender has it as sent, once.
    let Reply::Documents(list) = secretary.ask(Command::Documents { conversation: id }).await else { panic!() };
    assert!(list.iter().all(|document| document.transfer.is_none()), "{list:?}");
    assert_eq!(list.len(), 2);
    assert!(director.engine.ask(Command::Save { document: edited, out }).await.is_err());
}
