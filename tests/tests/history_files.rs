//! History files that are not what an honest device makes, and honest ones that come at the wrong time
//! (protocol-spec/07-delivery, section 12): engines and a relay in one process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use amanat_client::{
    Command, Event, FailureCode, HistoryPassphrase, Reply,
    api::{ConversationState, ConversationView, HistoryTaken, MessageBody, MessageState, MessageView, Target},
    profile,
    testing::forgery::{ForgedConversation, ForgedMessage, forge},
};
use amanat_identity::{
    DeviceCode, Tier,
    armour::{self, FileKind},
};
use amanat_primitives::{ConversationId, DeviceId, MessageId, passphrase::WorkPolicy};
use amanat_tests::{PASSPHRASE, Person, Rig};
use rand_core::OsRng;
use zeroize::Zeroizing;

const SECRET: &str = "a passphrase of a file";

/// A second device of the secretary, which waits for being approved.
async fn join_laptop(rig: &Rig) -> DeviceCode {
    let invitation = rig.office.invite(&mut OsRng, "secretary", Tier::Secret, rig.clock.now());
    let text = armour::write(FileKind::Invitation, &invitation.to_secret_bytes()).unwrap();
    rig.join("laptop", text.as_bytes()).await.unwrap().waits.expect("it waits")
}

/// The same, approved and caught up.
async fn laptop(rig: &Rig, secretary: &Person) -> Person {
    let code = join_laptop(rig).await;
    secretary.ask(Command::ApproveDevice { code }).await;
    let laptop = rig.start("laptop").await;
    laptop.sync().await;
    laptop
}

/// The secretary's two devices and the director, in a conversation in which something was said before the laptop came.
async fn three() -> (Rig, Person, Person, Person, ConversationId, MessageId) {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let (conversation, before) = secretary.say(&rig.to("director", Tier::Restricted), "before").await;
    director.next_message().await;
    let mut laptop = laptop(&rig, &secretary).await;
    if conversations(&laptop).await.is_empty() {
        let wanted = |event: &Event| matches!(event, Event::Conversation(_)).then_some(());
        laptop.until("conversation", wanted).await;
    }
    director.sync().await;
    (rig, secretary, director, laptop, conversation, before)
}

async fn conversations(person: &Person) -> Vec<ConversationView> {
    match person.ask(Command::Conversations).await {
        Reply::Conversations(views) => views,
        other => panic!("{other:?}"),
    }
}

fn passphrase() -> HistoryPassphrase {
    HistoryPassphrase(Zeroizing::new(SECRET.to_owned()))
}

async fn take(person: &Person, bytes: Vec<u8>) -> HistoryTaken {
    match person.ask(Command::TakeHistory { bytes, passphrase: Some(passphrase()), from_lost: false }).await {
        Reply::HistoryTaken(taken) => taken,
        other => panic!("{other:?}"),
    }
}

async fn pack(person: &Person) -> Vec<u8> {
    match person.ask(Command::PackHistory { passphrase: passphrase(), conversations: Vec::new() }).await {
        Reply::HistoryPacked(file) => file.bytes,
        other => panic!("{other:?}"),
    }
}

async fn hits(person: &Person, query: &str) -> usize {
    match person.ask(Command::Search { query: query.into(), conversation: None, limit: 50 }).await {
        Reply::Hits(hits) => hits.len(),
        other => panic!("{other:?}"),
    }
}

/// A file that a profile signs, whose engine does not run.
async fn forged_by(rig: &Rig, profile: &str, said: Vec<ForgedConversation>) -> Vec<u8> {
    let (dir, now) = (rig.dir.path().join(profile), rig.clock.now());
    let made = tokio::task::spawn_blocking(move || {
        let profile = profile::open_at(&dir, PASSPHRASE, &WorkPolicy::FOR_TESTS, now).unwrap();
        forge(&profile, SECRET, now, said).unwrap()
    });
    made.await.unwrap()
}

fn forged(id: ConversationId, peer: &str, messages: Vec<ForgedMessage>) -> ForgedConversation {
    ForgedConversation { id, title: "Forged".into(), peer: peer.into(), tier: Tier::Official.number(), messages }
}

fn saying(rig: &Rig, id: MessageId, text: &str) -> ForgedMessage {
    ForgedMessage {
        id,
        device: DeviceId::from_bytes([5; 32]),
        from: rig.address("director").to_string(),
        at: rig.clock.now(),
        content_type: 1,
        body: text.as_bytes().to_vec(),
        reactions: Vec::new(),
        acknowledged: Vec::new(),
    }
}

fn other(id: u8) -> MessageId {
    MessageId::from_bytes([id; 16])
}

fn one(views: Vec<MessageView>, id: MessageId) -> MessageView {
    let mut found: Vec<_> = views.into_iter().filter(|view| view.id == id).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

// [DELIV-223]
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_the_log_takes_the_place_of_what_a_file_said() {
    let (mut rig, secretary, director, laptop, conversation, _) = three().await;
    laptop.engine.stop().await;
    let (_, message) = director.say(&Target::Conversation(conversation), "the true words").await;
    let path = rig.dir.path().join("annex.txt");
    std::fs::write(&path, b"a document's content").unwrap();
    let options = amanat_client::api::SendOptions::default();
    let send = Command::SendDocument { to: Target::Conversation(conversation), path, options };
    let Reply::Sent { message: Some(annex), .. } = director.ask(send).await else { panic!() };
    director.sync().await;
    secretary.sync().await;
    let honest = pack(&secretary).await;
    secretary.engine.stop().await;
    let said = vec![forged(conversation, "", vec![saying(&rig, message, "a forged order")])];
    let file = forged_by(&rig, "secretary", said).await;

    rig.stop_relay().await;
    let mut laptop = rig.start("laptop").await;
    take(&laptop, file).await;
    take(&laptop, honest).await;
    let before = laptop.messages(conversation).await;
    let view = one(before.clone(), message);
    assert_eq!((view.body, view.imported), (MessageBody::Text("a forged order".into()), true));
    let document = one(before, annex);
    assert!(document.imported && matches!(document.body, MessageBody::Document(_)), "{document:?}");
    assert_eq!(hits(&laptop, "forged").await, 1);

    rig.start_relay().await;
    let came = laptop
        .until("the true message", |event| match event {
            Event::Alarm { alarm, .. } => panic!("{alarm:?}"),
            Event::Message { message: view, .. } if view.id == message => Some(view.clone()),
            _ => None,
        })
        .await;
    assert_eq!((came.body, came.imported), (MessageBody::Text("the true words".into()), false));
    laptop.sync_when_linked().await;
    let after = laptop.messages(conversation).await;
    let view = one(after.clone(), message);
    assert_eq!((view.body, view.state), (MessageBody::Text("the true words".into()), MessageState::Unread));
    let document = one(after, annex);
    assert!(!document.imported && matches!(document.body, MessageBody::Document(_)), "{document:?}");
    assert_eq!((hits(&laptop, "forged").await, hits(&laptop, "true").await, hits(&laptop, "annex").await), (0, 1, 1));
    assert_eq!(conversations(&laptop).await[0].unread, 2);
    laptop.engine.stop().await;
    let laptop = rig.start_with("laptop", false).await;
    assert_eq!(one(laptop.messages(conversation).await, message).body, MessageBody::Text("the true words".into()));
    laptop.engine.stop().await;
}

// [DELIV-221]
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_so_is_left_out_and_the_vault_opens_again() {
    let (rig, secretary, _director, laptop, conversation, _) = three().await;
    secretary.engine.stop().await;
    laptop.engine.stop().await;
    let plain = |id| saying(&rig, other(id), "words");
    let odd = |id, content_type, body: &[u8]| ForgedMessage { content_type, body: body.to_vec(), ..plain(id) };
    let messages = vec![
        ForgedMessage {
            content_type: 10,
            reactions: vec![
                ("nobody".into(), "x".into()),
                ("clerk@interior.gov.pk".into(), "👍".into()),
                ("clerk@interior.gov.pk".into(), "again".into()),
                ("aide@interior.gov.pk".into(), String::new()),
            ],
            acknowledged: vec!["\u{1b}[2J".into(), "clerk@interior.gov.pk".into(), "clerk@interior.gov.pk".into()],
            ..plain(1)
        },
        ForgedMessage { from: "not an address".into(), ..plain(2) },
        odd(3, 0xF0A1, b""),
        odd(4, 4, b"A title"),
        odd(5, 5, b"no reply"),
        odd(6, 2, b"no manifest"),
        ForgedMessage { acknowledged: vec!["clerk@interior.gov.pk".into()], ..plain(7) },
    ];
    let (archived, empty, odd_peer) =
        (ConversationId::from_bytes([1; 16]), ConversationId::from_bytes([2; 16]), ConversationId::from_bytes([3; 16]));
    let said = vec![
        forged(conversation, "", messages.clone()),
        forged(archived, "director@interior.gov.pk", messages),
        forged(empty, "", vec![odd(8, 0xF0A1, b"")]),
        forged(odd_peer, "nobody", vec![plain(9)]),
    ];
    let file = forged_by(&rig, "secretary", said).await;

    let laptop = rig.start_with("laptop", false).await;
    let taken = take(&laptop, file).await;
    assert_eq!((taken.conversations, taken.messages, taken.known, taken.left_out), (2, 8, 0, 1));
    // By name, the director is not to be reached in what can only be read.
    let send = Command::SendText { to: rig.to("director", Tier::Official), text: "x".into() };
    assert_eq!(laptop.engine.ask(send).await.unwrap_err().code, FailureCode::Offline);
    laptop.engine.stop().await;

    let laptop = rig.start_with("laptop", false).await;
    let mut listed: Vec<_> = conversations(&laptop).await.into_iter().map(|view| view.id).collect();
    listed.sort();
    let mut wanted = vec![archived, conversation];
    wanted.sort();
    assert_eq!(listed, wanted);
    for id in wanted {
        let views: Vec<_> = laptop.messages(id).await.into_iter().filter(|view| view.imported).collect();
        let ids: Vec<_> = views.iter().map(|view| view.id).collect();
        assert_eq!(ids, [other(1), other(5), other(6), other(7)]);
        let reactions: Vec<_> = views[0].reactions.iter().map(|(from, text)| format!("{from} {text}")).collect();
        assert_eq!(reactions, ["clerk@interior.gov.pk 👍"]);
        assert_eq!(views[0].acknowledgement.as_ref().unwrap().by.len(), 1);
        assert!(views[3].acknowledgement.is_none());
        assert_eq!(
            (&views[1].body, &views[2].body),
            (&MessageBody::NeedsNewerVersion, &MessageBody::NeedsNewerVersion)
        );
    }
    assert_eq!(hits(&laptop, "words").await, 4);
    laptop.engine.stop().await;
}

// [DELIV-224] [CONV-73]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_shuts_nobody_out_of_the_conversation_that_it_names() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let laptop = laptop(&rig, &secretary).await;
    laptop.engine.stop().await;
    let (conversation, _) = secretary.say(&rig.to("director", Tier::Restricted), "before").await;
    director.next_message().await;
    loop {
        let devices = secretary.members(conversation).await;
        if devices.len() == 3 {
            break;
        }
        secretary.sync().await;
    }
    assert_eq!(conversations(&secretary).await[0].members, 2);
    let (_, message) = secretary.say(&Target::Conversation(conversation), "words").await;
    secretary.sync().await;
    secretary.engine.stop().await;
    // Another kind, another tier, another peer.
    let messages = vec![saying(&rig, other(1), "older"), saying(&rig, message, "forged")];
    let file = forged_by(&rig, "secretary", vec![forged(conversation, "", messages)]).await;

    let laptop = rig.start_with("laptop", false).await;
    take(&laptop, file).await;
    let view = conversations(&laptop).await.remove(0);
    assert_eq!((view.state, view.direct, view.tier), (ConversationState::Archived, false, Tier::Official));
    laptop.engine.stop().await;
    let laptop = rig.start("laptop").await;
    laptop.sync().await;
    let view = conversations(&laptop).await.remove(0);
    assert_eq!((view.state, view.direct, view.tier), (ConversationState::Active, true, Tier::Restricted));
    assert_ne!(view.title, "Forged");
    let shown: Vec<_> = laptop.messages(conversation).await.into_iter().map(|one| (one.body, one.imported)).collect();
    let text = |words: &str| MessageBody::Text(words.into());
    assert_eq!(shown, [(text("older"), true), (MessageBody::ReadsFromHere, false), (text("words"), false)]);
    assert_eq!(director.next_message().await.1.body, text("words"));
    laptop.say(&Target::Conversation(conversation), "from the laptop").await;
    assert_eq!(director.next_message().await.1.body, text("from the laptop"));
}

// [CONV-63]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_deleted_meanwhile_does_not_come_back_with_a_file() {
    let (_rig, secretary, _director, laptop, conversation, before) = three().await;
    let file = pack(&secretary).await;
    let message = amanat_client::api::MessageRef { conversation, message: before };
    secretary.ask(Command::Delete { message }).await;
    secretary.sync().await;
    laptop.sync().await;
    assert_eq!(take(&laptop, file).await.messages, 1);
    let view = one(laptop.messages(conversation).await, before);
    assert!(view.deleted && view.imported && view.body == MessageBody::Gone, "{view:?}");
    assert_eq!(hits(&laptop, "before").await, 0);
}

// [DELIV-222]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_nobody_has_approved_puts_words_into_nobodys_mouth() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    join_laptop(&rig).await;
    let id = ConversationId::from_bytes([1; 16]);
    let said = || vec![forged(id, "", vec![saying(&rig, other(1), "words")])];
    let file = forged_by(&rig, "laptop", said()).await;
    let refused = secretary
        .engine
        .ask(Command::TakeHistory { bytes: file, passphrase: Some(passphrase()), from_lost: false })
        .await;
    let failure = refused.unwrap_err();
    assert_eq!(failure.code, FailureCode::NotAllowed);
    assert!(failure.failed.contains("not approved") && failure.advice.contains("device approve"), "{failure}");
    assert!(conversations(&secretary).await.is_empty());
    // Unless it was lost, and its owner says so: then what is in it is shown as from a file, as always.
    let file = forged_by(&rig, "laptop", said()).await;
    let lost = Command::TakeHistory { bytes: file, passphrase: Some(passphrase()), from_lost: true };
    assert!(matches!(secretary.ask(lost).await, Reply::HistoryTaken(taken) if taken.messages == 1));
    assert!(secretary.messages(id).await.iter().all(|message| message.imported));
    // One's own is one's own.
    secretary.engine.stop().await;
    let file = forged_by(&rig, "secretary", vec![forged(id, "", vec![saying(&rig, other(2), "more words")])]).await;
    let secretary = rig.start_with("secretary", false).await;
    assert_eq!(take(&secretary, file).await.messages, 1);
    secretary.engine.stop().await;
}
