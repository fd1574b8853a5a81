//! What a person's own desk keeps (protocol-spec/07-delivery, section 12): drafts, the order of the list, places by time,
//! searches within a conversation, and the passphrase. Engines and a relay in one process, with a clock that the test moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::time::Duration;

use amanat_client::{
    Command, Event, FailureCode, HistoryPassphrase, Reply,
    api::{ConversationState, ConversationView, Line, MessageRef, SendOptions, Target},
    profile, rehearsal,
};
use amanat_identity::Tier;
use amanat_primitives::{ConversationId, Timestamp, passphrase::WorkPolicy};
use amanat_tests::{Person, Rig};
use zeroize::Zeroizing;

async fn list(person: &Person) -> Vec<ConversationView> {
    match person.ask(Command::Conversations).await {
        Reply::Conversations(list) => list,
        other => panic!("{other:?}"),
    }
}

async fn view(person: &Person, id: ConversationId) -> ConversationView {
    list(person).await.into_iter().find(|view| view.id == id).unwrap()
}

async fn draft(person: &Person, conversation: ConversationId, text: &str) {
    let keep = Command::KeepDraft { conversation, text: text.to_owned() };
    assert!(matches!(person.ask(keep).await, Reply::Kept));
}

async fn refused(person: &Person, command: Command) -> FailureCode {
    person.engine.ask(command).await.expect_err("it is refused").code
}

// [DELIV-228]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_and_not_sent_is_there_again_whatever_becomes_of_the_membership() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let _director = rig.person("director", Tier::Secret).await;
    let id = rig.group(&secretary, &["director"], Tier::Official).await;
    let (other, _) = secretary.say(&rig.to("director", Tier::Official), "elsewhere").await;
    assert_eq!(view(&secretary, id).await.draft, "");
    draft(&secretary, id, "اجلاس کل").await;
    draft(&secretary, id, "اجلاس کل صبح").await;
    assert_eq!(
        (view(&secretary, id).await.draft.as_str(), view(&secretary, other).await.draft.as_str()),
        ("اجلاس کل صبح", "")
    );

    let long = |bytes| Command::KeepDraft { conversation: id, text: "x".repeat(bytes) };
    assert_eq!(refused(&secretary, long(64 * 1024 + 1)).await, FailureCode::TooLarge);
    let nowhere = Command::KeepDraft { conversation: ConversationId::from_bytes([9; 16]), text: "x".into() };
    assert_eq!(refused(&secretary, nowhere).await, FailureCode::NotFound);
    assert_eq!(view(&secretary, id).await.draft, "اجلاس کل صبح", "what is refused changes nothing");
    assert!(matches!(secretary.ask(long(64 * 1024)).await, Reply::Kept));
    secretary.sync().await;
    secretary.ask(Command::Leave { conversation: id }).await;
    secretary.sync().await;
    secretary.engine.stop().await;

    let secretary = rig.start_with("secretary", false).await;
    let left = view(&secretary, id).await;
    assert_eq!((left.draft.len(), left.state), (64 * 1024, ConversationState::Left));
    draft(&secretary, id, "").await;
    assert_eq!(view(&secretary, id).await.draft, "");
}

// [DELIV-229]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_pinned_stands_first_here_and_nobody_else_hears_of_it() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let director = rig.person("director", Tier::Secret).await;
    let mut ids = Vec::new();
    for tier in [Tier::Official, Tier::Restricted, Tier::Confidential] {
        rig.clock.forward(Duration::from_secs(60));
        ids.push(secretary.say(&rig.to("director", tier), "hello").await.0);
    }
    secretary.sync().await;
    let order = async |person: &Person| list(person).await.iter().map(|view| view.id).collect::<Vec<_>>();
    assert_eq!(order(&secretary).await, [ids[2], ids[1], ids[0]]);
    let arrange = |conversation, pinned, muted| Command::Arrange { conversation, pinned, muted };
    for (place, muted) in [(0, true), (1, false)] {
        let reply = secretary.ask(arrange(ids[place], true, muted)).await;
        assert!(matches!(reply, Reply::ConversationChanged { conversation } if conversation == ids[place]));
    }
    let shown = secretary
        .until("arranged", |event| match event {
            Event::Conversation(view) if view.id == ids[0] && view.pinned => Some(view.muted),
            _ => None,
        })
        .await;
    assert!(shown);
    assert_eq!(order(&secretary).await, [ids[1], ids[0], ids[2]]);
    let nowhere = arrange(ConversationId::from_bytes([9; 16]), true, true);
    assert_eq!(refused(&secretary, nowhere).await, FailureCode::NotFound);
    secretary.engine.stop().await;

    let secretary = rig.start("secretary").await;
    assert_eq!(order(&secretary).await, [ids[1], ids[0], ids[2]]);
    assert!(view(&secretary, ids[0]).await.muted && !view(&secretary, ids[1]).await.muted);
    secretary.ask(arrange(ids[1], false, false)).await;
    assert_eq!(order(&secretary).await, [ids[0], ids[2], ids[1]]);
    secretary.sync().await;
    director.sync().await;
    assert!(list(&director).await.iter().all(|view| !view.pinned && !view.muted));
}

/// What `FirstSince` should say, by reading everything.
async fn plainly(person: &Person, conversation: ConversationId, at: Timestamp, now: Timestamp) -> Option<u64> {
    let read = Command::Read { conversation, since: 0, limit: u32::MAX, mark: false };
    let Reply::Lines(lines) = person.ask(read).await else { panic!() };
    let place = |line: &Line| match line {
        Line::Message(message) => (message.sequence, message.at),
        Line::Change(change) => (change.sequence, change.at),
    };
    lines.iter().map(place).find(|(_, sent)| *sent >= at && *sent <= now).map(|(sequence, _)| sequence)
}

// [DELIV-230]
#[tokio::test(flavor = "multi_thread")]
async fn a_place_by_time_is_found_though_clocks_do_not_go_by_the_order() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    rig.enrol("director", Tier::Secret).await;
    let begun = rig.clock.now();
    let (id, _) = secretary.say(&rig.to("director", Tier::Official), "the first").await;
    secretary.sync().await;
    secretary.engine.stop().await;
    // Three blocks and a piece; then some whose authors' clocks are days ahead or behind.
    let texts: Vec<String> = (0..400).map(|number| format!("number {number}")).collect();
    let hour = Duration::from_secs(3600);
    rehearsal::fill(&rig.profile("secretary").await, id, &texts, begun.after(hour)).unwrap();
    rehearsal::fill(&rig.profile("secretary").await, id, &["ahead".into()], begun.after(hour * 100)).unwrap();
    rehearsal::fill(&rig.profile("secretary").await, id, &texts[..40], begun.after(hour * 2)).unwrap();
    rig.clock.forward(hour * 3);

    let secretary = rig.start_with("secretary", false).await;
    let messages = secretary.messages(id).await;
    // One that says nothing any more still has its time; one that expires is in no block.
    let gone = MessageRef { conversation: id, message: messages[0].id };
    let deleted = secretary.engine.ask(Command::Delete { message: gone }).await;
    assert!(deleted.is_ok(), "{deleted:?}");
    let options = SendOptions { expires_after: Some(hour * 48), ..SendOptions::default() };
    let to = Target::Conversation(id);
    secretary.ask(Command::SendWith { to, text: "for two days".into(), options }).await;
    let mut times: Vec<Timestamp> = messages.iter().map(|message| message.at).collect();
    let edges = [Timestamp::default(), begun, begun.after(hour * 99), begun.after(hour * 101), rig.clock.now()];
    times.extend(edges);
    // Once without what a search has read, and once with it.
    for round in 0..2 {
        for at in times.iter().step_by(13).chain(&edges).chain([&messages[0].at]) {
            let Reply::Place(place) = secretary.ask(Command::FirstSince { conversation: id, at: *at }).await else {
                panic!()
            };
            assert_eq!(place, plainly(&secretary, id, *at, rig.clock.now()).await, "{at:?}, round {round}");
        }
        secretary.ask(Command::Search { query: "number".into(), conversation: None, limit: 1 }).await;
    }
    // What is dated ahead does not stand for what came after it, until its time has come.
    let place = async |hours: u32| match secretary
        .ask(Command::FirstSince { conversation: id, at: begun.after(hour * hours + Duration::from_secs(1)) })
        .await
    {
        Reply::Place(place) => place,
        other => panic!("{other:?}"),
    };
    let (ahead, last) = (messages[401].sequence, messages[441].sequence);
    assert_eq!((messages[401].at, place(1).await), (begun.after(hour * 100), Some(messages[402].sequence)));
    assert_eq!(place(2).await, Some(last + 1), "the one that was sent here");
    assert_eq!(place(4).await, None);
    rig.clock.forward(hour * 98);
    assert_eq!((place(1).await, place(99).await), (Some(ahead), Some(ahead)));
    let none = Command::FirstSince { conversation: id, at: begun.after(hour * 1000) };
    assert!(matches!(secretary.ask(none).await, Reply::Place(None)));
    let nowhere = Command::FirstSince { conversation: ConversationId::from_bytes([9; 16]), at: begun };
    assert_eq!(refused(&secretary, nowhere).await, FailureCode::NotFound);
}

// [DELIV-103]
#[tokio::test(flavor = "multi_thread")]
async fn a_search_within_a_conversation_counts_its_hits_alone() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    rig.enrol("director", Tier::Secret).await;
    let (here, _) = secretary.say(&rig.to("director", Tier::Official), "budget one").await;
    let (there, _) = secretary.say(&rig.to("director", Tier::Restricted), "budget two").await;
    for number in 0..5 {
        rig.clock.forward(Duration::from_secs(1));
        secretary.say(&Target::Conversation(there), &format!("budget {number}")).await;
    }
    let hits = async |conversation, limit| match secretary
        .ask(Command::Search { query: "budget".into(), conversation, limit })
        .await
    {
        Reply::Hits(hits) => hits.into_iter().map(|hit| hit.conversation).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(hits(None, 50).await.len(), 7);
    assert_eq!(hits(None, 2).await, [there, there]);
    assert_eq!(hits(Some(here), 2).await, [here], "newer ones elsewhere take no place");
    assert_eq!(hits(Some(there), 50).await, [there; 6]);
    let nowhere = Some(ConversationId::from_bytes([9; 16]));
    let search = Command::Search { query: "budget".into(), conversation: nowhere, limit: 1 };
    assert_eq!(refused(&secretary, search).await, FailureCode::NotFound);
}

// [DELIV-231]
#[tokio::test(flavor = "multi_thread")]
async fn another_passphrase_counts_at_once_and_the_engine_goes_on() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    rig.enrol("director", Tier::Secret).await;
    let passphrase = |text: &str| HistoryPassphrase(Zeroizing::new(text.to_owned()));
    let change = |old: &str, new: &str| Command::ChangePassphrase { old: passphrase(old), new: passphrase(new) };
    assert_eq!(refused(&secretary, change("wrong", "four more words")).await, FailureCode::Passphrase);
    assert_eq!(refused(&secretary, change(amanat_tests::PASSPHRASE, "")).await, FailureCode::Passphrase);
    let to = rig.to("director", Tier::Official);
    let (changed, (id, _)) = tokio::join!(
        secretary.ask(change(amanat_tests::PASSPHRASE, "four more words")),
        secretary.say(&to, "meanwhile"),
    );
    assert!(matches!(changed, Reply::Kept));
    assert_eq!(secretary.texts(id).await, ["meanwhile"]);
    secretary.engine.stop().await;
    let dir = rig.dir.path().join("secretary");
    let open = |text: &str| profile::unlock(&dir, text, &WorkPolicy::FOR_TESTS).map_err(|failure| failure.code);
    assert_eq!(open(amanat_tests::PASSPHRASE).err(), Some(FailureCode::Passphrase));
    assert!(open("four more words").unwrap().open().is_ok());
}
