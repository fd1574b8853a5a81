//! What happens to messages after they were sent (protocol-spec/05-conversation, section 7, and 07-delivery, section 12):
//! engines and a relay in one process, with a clock that the test moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::time::Duration;

use amanat_client::{
    Command, Event, FailureCode, Reply,
    api::{Hit, MessageBody, MessageRef, MessageState, MessageView, SendOptions, Target},
};
use amanat_identity::Tier;
use amanat_primitives::{ConversationId, MessageId};
use amanat_tests::{Person, Rig};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Two people with a conversation in which one message of the first stands.
async fn two(tier: Tier, text: &str) -> (Rig, Person, Person, MessageRef) {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::TopSecret).await;
    let mut director = rig.person("director", Tier::TopSecret).await;
    let (conversation, message) = secretary.say(&rig.to("director", tier), text).await;
    director.next_message().await;
    (rig, secretary, director, MessageRef { conversation, message })
}

async fn view(person: &Person, message: MessageRef) -> MessageView {
    let messages = person.messages(message.conversation).await;
    messages.into_iter().find(|view| view.id == message.message).expect("the message is there")
}

/// Waits until a message looks as it should.
async fn until_changed(person: &mut Person, wanted: impl Fn(&MessageView) -> bool) -> MessageView {
    person
        .until("changed message", |event| match event {
            Event::MessageChanged { message, .. } if wanted(message) => Some(message.clone()),
            _ => None,
        })
        .await
}

async fn refused(person: &Person, command: Command) -> FailureCode {
    person.engine.ask(command).await.expect_err("it is refused").code
}

async fn search(person: &Person, query: &str) -> Vec<Hit> {
    match person.ask(Command::Search { query: query.into(), conversation: None, limit: 50 }).await {
        Reply::Hits(hits) => hits,
        other => panic!("{other:?}"),
    }
}

async fn found(person: &Person, query: &str) -> Vec<MessageId> {
    search(person, query).await.into_iter().map(|hit| hit.message.id).collect()
}

async fn send_with(person: &Person, to: ConversationId, text: &str, options: SendOptions) -> MessageRef {
    let to = Target::Conversation(to);
    match person.ask(Command::SendWith { to, text: text.into(), options }).await {
        Reply::Sent { conversation, message: Some(message), .. } => MessageRef { conversation, message },
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_in_which_there_is_nothing_to_read_is_refused() {
    let (_rig, secretary, director, message) = two(Tier::Official, "one").await;
    let (to, options) = (Target::Conversation(message.conversation), SendOptions::default());
    for text in ["", " \n\t", "\u{202e}"] {
        let text = || text.to_owned();
        let commands = [
            Command::SendText { to: to.clone(), text: text() },
            Command::SendWith { to: to.clone(), text: text(), options: options.clone() },
            Command::SendReply { to: message, text: text(), options: options.clone() },
            Command::Edit { message, text: text(), consent: Default::default() },
        ];
        for command in commands {
            assert_eq!(refused(&secretary, command).await, FailureCode::NotAllowed);
        }
    }
    director.sync().await;
    assert_eq!(director.texts(message.conversation).await, ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_quotes_what_the_message_says_now() {
    let (_rig, mut secretary, director, message) = two(Tier::Official, "May I go?").await;
    let answer =
        Command::SendReply { to: message, text: "You may. جائیے".into(), options: SendOptions::default() };
    director.ask(answer).await;
    let (_, reply) = secretary.next_message().await;
    assert_eq!(reply.body, MessageBody::Text("You may. جائیے".into()));
    let quote = reply.reply_to.unwrap();
    assert_eq!((quote.message, quote.text.as_deref()), (message.message, Some("May I go?")));
    secretary.ask(Command::Delete { message }).await;
    let reply = view(&secretary, MessageRef { message: reply.id, ..message }).await;
    assert_eq!(reply.reply_to.unwrap().text, None);
}

// [CONV-61] [CONV-67]
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_its_authors_and_shows() {
    let (_rig, secretary, mut director, message) = two(Tier::Official, "at ten").await;
    let edit = |text: &str| Command::Edit { message, text: text.into(), consent: Default::default() };
    assert_eq!(refused(&director, edit("at nine")).await, FailureCode::NotAllowed);
    secretary.ask(edit("at eleven")).await;
    secretary.ask(edit("at twelve, sharp")).await;
    let changed = until_changed(&mut director, |view| view.body == MessageBody::Text("at twelve, sharp".into())).await;
    assert!(changed.edited.is_some() && !changed.deleted);
    secretary.sync().await;
    for person in [&secretary, &director] {
        let view = view(person, message).await;
        assert_eq!(view.body, MessageBody::Text("at twelve, sharp".into()), "{}", person.handle);
        assert!(view.edited.is_some());
        assert_eq!(found(person, "TWELVE").await, [message.message]);
        assert!(found(person, "ten").await.is_empty());
    }
    secretary.ask(Command::Delete { message }).await;
    assert_eq!(refused(&secretary, edit("again")).await, FailureCode::NotAllowed);
}

// [CONV-62]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_gone_on_both_sides_and_its_place_stays() {
    let (rig, secretary, mut director, message) = two(Tier::Official, "a slip of the pen").await;
    assert_eq!(found(&director, "slip").await, [message.message]);
    assert_eq!(refused(&director, Command::Delete { message }).await, FailureCode::NotAllowed);
    director.ask(Command::React { message, text: "🙈".into() }).await;
    secretary.ask(Command::Delete { message }).await;
    until_changed(&mut director, |view| view.deleted).await;
    secretary.sync().await;
    director.sync().await;
    secretary.engine.stop().await;
    director.engine.stop().await;
    for handle in ["secretary", "director"] {
        let person = rig.start_with(handle, false).await;
        let view = view(&person, message).await;
        assert_eq!((view.body, view.deleted, view.sequence), (MessageBody::Gone, true, 1), "{handle}");
        assert!(view.reactions.is_empty());
        assert!(found(&person, "slip").await.is_empty());
        person.engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_deleted_can_no_longer_be_saved() {
    let (rig, secretary, mut director, message) = two(Tier::Official, "see the annex").await;
    let path = rig.dir.path().join("annex-2031.txt");
    std::fs::write(&path, vec![7; 3000]).unwrap();
    let send =
        Command::SendDocument { to: Target::Conversation(message.conversation), path, options: SendOptions::default() };
    let Reply::Sent { message: Some(sent), document: Some(document), .. } = secretary.ask(send).await else { panic!() };
    director.next_message().await;
    assert_eq!(found(&director, "ANNEX").await.len(), 2);
    let edit = Command::Edit {
        message: MessageRef { message: sent, ..message },
        text: "x".into(),
        consent: Default::default(),
    };
    assert_eq!(refused(&secretary, edit).await, FailureCode::NotAllowed);
    secretary.ask(Command::Delete { message: MessageRef { message: sent, ..message } }).await;
    until_changed(&mut director, |view| view.deleted).await;
    let out = rig.dir.path().join("out");
    assert_eq!(refused(&director, Command::Save { document, out }).await, FailureCode::Gone);
    assert_eq!(found(&director, "annex").await, [message.message]);
    let list = director.ask(Command::Documents { conversation: message.conversation }).await;
    assert!(matches!(list, Reply::Documents(list) if list.is_empty()));
}

// [CONV-64]
#[tokio::test(flavor = "multi_thread")]
async fn a_reaction_is_one_a_person_replaced_and_removed() {
    let (_rig, mut secretary, director, message) = two(Tier::Official, "well done").await;
    let said = |view: &MessageView| {
        view.reactions.iter().map(|(from, text)| format!("{} {text}", from.handle)).collect::<Vec<_>>()
    };
    director.ask(Command::React { message, text: "👍".into() }).await;
    until_changed(&mut secretary, |view| said(view) == ["director 👍"]).await;
    secretary.ask(Command::React { message, text: "شکریہ".into() }).await;
    director.ask(Command::React { message, text: "❤".into() }).await;
    until_changed(&mut secretary, |view| said(view).contains(&"director ❤".into())).await;
    director.sync().await;
    let mut both = said(&view(&director, message).await);
    both.sort();
    assert_eq!(both, ["director ❤", "secretary شکریہ"]);
    director.ask(Command::React { message, text: String::new() }).await;
    until_changed(&mut secretary, |view| said(view) == ["secretary شکریہ"]).await;
    let long = Command::React { message, text: "x".repeat(33) };
    assert_eq!(refused(&director, long).await, FailureCode::TooLarge);
}

// [CONV-65] [CONV-68]
#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_acknowledged_is_named_and_an_edit_asks_again() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let _officer = rig.person("officer", Tier::Secret).await;
    let members = ["director", "officer"].iter().map(|h| format!("{h}@interior.gov.pk").parse().unwrap()).collect();
    let new = Command::New { title: "Orders".into(), tier: Tier::Official, members };
    let Reply::Sent { conversation, .. } = secretary.ask(new).await else { panic!() };
    let options = SendOptions { ask_acknowledgement: true, ..SendOptions::default() };
    let message = send_with(&secretary, conversation, "Offices close at noon.", options).await;
    director.next_message().await;
    let handles = |view: &MessageView| {
        let asked = view.acknowledgement.clone().unwrap();
        let names = |people: Vec<amanat_identity::Address>| {
            people.into_iter().map(|one| one.handle.to_string()).collect::<Vec<_>>().join(" ")
        };
        (names(asked.by), names(asked.missing))
    };
    assert_eq!(handles(&view(&director, message).await), (String::new(), "director officer".into()));
    assert_eq!(refused(&secretary, Command::Acknowledge { message }).await, FailureCode::NotAllowed);
    director.ask(Command::Acknowledge { message }).await;
    let changed = until_changed(&mut secretary, |view| handles(view).0 == "director").await;
    assert_eq!(handles(&changed).1, "officer");

    secretary.ask(Command::Edit { message, text: "Offices close at one.".into(), consent: Default::default() }).await;
    let changed = until_changed(&mut director, |view| view.edited.is_some()).await;
    assert_eq!(handles(&changed), (String::new(), "director officer".into()));
    director.ask(Command::Acknowledge { message }).await;
    until_changed(&mut secretary, |view| handles(view).0 == "director").await;
    director.sync().await;
    assert_eq!(handles(&view(&director, message).await), ("director".into(), "officer".into()));

    let (_, plain) = secretary.say(&Target::Conversation(conversation), "no need").await;
    director.next_message().await;
    let message = MessageRef { conversation, message: plain };
    assert_eq!(refused(&director, Command::Acknowledge { message }).await, FailureCode::NotAllowed);
    assert!(view(&director, message).await.acknowledgement.is_none());
}

// [CONV-66]
#[tokio::test(flavor = "multi_thread")]
async fn what_expires_is_removed_from_the_vault_and_its_place_stays() {
    let (rig, secretary, mut director, first) = two(Tier::Official, "stays").await;
    let options = SendOptions { expires_after: Some(DAY), ..SendOptions::default() };
    let message = send_with(&secretary, first.conversation, "the code is 4711", options).await;
    let (_, received) = director.next_message().await;
    assert_eq!(received.body, MessageBody::Text("the code is 4711".into()));
    assert_eq!(received.expires_at, Some(received.at.after(DAY)));
    assert_eq!(found(&director, "4711").await, [message.message]);
    secretary.sync().await;
    secretary.engine.stop().await;

    // While the engine runs, and where it did not run: at its start.
    rig.clock.forward(DAY + Duration::from_secs(1));
    let at_start = rig.start_with("secretary", false).await;
    for person in [&director, &at_start] {
        let view = view(person, message).await;
        assert_eq!((view.body, view.state), (MessageBody::Gone, MessageState::Expired), "{}", person.handle);
        assert!(!view.deleted);
        assert!(found(person, "4711").await.is_empty(), "{}", person.handle);
        assert_eq!(person.messages(first.conversation).await[0].body, MessageBody::Text("stays".into()));
    }
    director.engine.stop().await;
    at_start.engine.stop().await;

    // It is not only hidden: a clock that is set back brings nothing back.
    rig.clock.back(DAY);
    for handle in ["secretary", "director"] {
        let person = rig.start_with(handle, false).await;
        assert_eq!(view(&person, message).await.body, MessageBody::Gone, "{handle}");
        person.engine.stop().await;
    }
}

// [CONV-66]
#[tokio::test(flavor = "multi_thread")]
async fn the_tier_bounds_how_long_a_message_stays() {
    let (rig, secretary, director, message) = two(Tier::TopSecret, "for your eyes").await;
    let limit = amanat_identity::policy::builtin(Tier::TopSecret).max_lifetime.unwrap();
    let longer = SendOptions { expires_after: Some(limit * 2), ..SendOptions::default() };
    let wished = send_with(&secretary, message.conversation, "and longer", longer).await;
    director.sync().await;
    for person in [&secretary, &director] {
        for message in [message, wished] {
            let view = view(person, message).await;
            assert_eq!(view.expires_at, Some(view.at.after(limit)), "{}", person.handle);
        }
    }
    let path = rig.dir.path().join("annex.txt");
    std::fs::write(&path, vec![7; 3000]).unwrap();
    let send =
        Command::SendDocument { to: Target::Conversation(message.conversation), path, options: SendOptions::default() };
    let Reply::Sent { message: Some(annex), document: Some(document), .. } = secretary.ask(send).await else {
        panic!()
    };
    let annex = MessageRef { message: annex, ..message };
    secretary.sync().await;
    director.sync().await;
    rig.clock.forward(limit + Duration::from_secs(60));
    for person in [&secretary, &director] {
        for message in [message, wished, annex] {
            let view = view(person, message).await;
            assert_eq!((view.state, view.body), (MessageState::Expired, MessageBody::Gone), "{}", person.handle);
        }
        assert!(found(person, "annex").await.is_empty(), "{}", person.handle);
    }
    // Nothing of it can be fetched any more.
    let out = rig.dir.path().join("out");
    assert_eq!(refused(&director, Command::Save { document, out }).await, FailureCode::Gone);
}

// [CONV-65] [CONV-66] [CONV-84]
#[tokio::test(flavor = "multi_thread")]
async fn a_document_asks_to_be_acknowledged_and_goes_with_its_key() {
    let (rig, mut secretary, mut director, first) = two(Tier::Official, "see the orders").await;
    let path = rig.dir.path().join("orders-2031.txt");
    std::fs::write(&path, vec![7; 3000]).unwrap();
    let conversation = first.conversation;
    let options = SendOptions { ask_acknowledgement: true, expires_after: Some(DAY), ..SendOptions::default() };
    let send = Command::SendDocument { to: Target::Conversation(conversation), path, options };
    let Reply::Sent { message: Some(sent), document: Some(document), .. } = secretary.ask(send).await else { panic!() };
    let message = MessageRef { conversation, message: sent };
    let (_, received) = director.next_message().await;
    assert!(matches!(&received.body, MessageBody::Document(view) if view.id == document));
    let at = view(&secretary, message).await.at;
    assert_eq!((received.at, received.expires_at), (at, Some(at.after(DAY))));
    assert_eq!(view(&secretary, message).await.expires_at, received.expires_at);
    assert_eq!(received.acknowledgement.unwrap().missing, ["director@interior.gov.pk".parse().unwrap()]);
    assert_eq!(refused(&secretary, Command::Acknowledge { message }).await, FailureCode::NotAllowed);
    let out = rig.dir.path().join("out");
    director.ask(Command::Save { document, out: out.clone() }).await;
    director.ask(Command::Acknowledge { message }).await;
    let by = |view: &MessageView| view.acknowledgement.as_ref().is_some_and(|asked| asked.by.len() == 1);
    until_changed(&mut secretary, by).await;
    assert_eq!(found(&director, "orders").await.len(), 2);

    secretary.sync().await;
    director.sync().await;
    rig.clock.forward(DAY + Duration::from_secs(1));
    for person in [&secretary, &director] {
        let view = view(person, message).await;
        assert_eq!((view.state, &view.body), (MessageState::Expired, &MessageBody::Gone), "{}", person.handle);
        assert!(by(&view), "who acknowledged it stays");
        assert_eq!(found(person, "orders").await, [first.message], "{}", person.handle);
        let out = rig.dir.path().join("again");
        assert_eq!(refused(person, Command::Save { document, out }).await, FailureCode::Gone, "{}", person.handle);
        let list = person.ask(Command::Documents { conversation }).await;
        assert!(matches!(list, Reply::Documents(list) if list.is_empty()), "{}", person.handle);
    }
}

// [CONV-84]
#[tokio::test(flavor = "multi_thread")]
async fn a_document_whose_time_is_over_before_it_is_sent_says_so_and_is_not_sent() {
    let (rig, secretary, director, first) = two(Tier::Official, "soon").await;
    secretary.sync().await;
    director.sync().await;
    secretary.engine.stop().await;
    let mut secretary = rig.start_with("secretary", false).await;
    let path = rig.dir.path().join("late.txt");
    std::fs::write(&path, vec![7; 3000]).unwrap();
    let options = SendOptions { expires_after: Some(DAY), ..SendOptions::default() };
    let send = Command::SendDocument { to: Target::Conversation(first.conversation), path, options };
    let Reply::Sent { message: Some(sent), document: Some(document), .. } = secretary.ask(send).await else { panic!() };
    rig.clock.forward(DAY + Duration::from_secs(1));
    secretary.ask(Command::Conversations).await;
    let failure = secretary
        .until("the document fails", |event| match event {
            Event::DocumentFailed { document: failed, failure } if *failed == document => Some(failure.clone()),
            _ => None,
        })
        .await;
    assert_eq!(failure.code, FailureCode::Gone);
    assert_eq!(view(&secretary, MessageRef { message: sent, ..first }).await.state, MessageState::Expired);
    secretary.engine.stop().await;
    let secretary = rig.start("secretary").await;
    secretary.sync().await;
    director.sync().await;
    assert_eq!(director.messages(first.conversation).await.len(), 1);
}

// [DELIV-212]
#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_the_relay_does_not_have_is_expired_or_lost_by_its_class() {
    let (mut rig, secretary, mut director, first) = two(Tier::Official, "see the annex").await;
    let path = rig.dir.path().join("annex.txt");
    std::fs::write(&path, vec![7; 3000]).unwrap();
    let options = SendOptions::default();
    let send = Command::SendDocument { to: Target::Conversation(first.conversation), path, options };
    let Reply::Sent { document: Some(document), .. } = secretary.ask(send).await else { panic!() };
    director.next_message().await;
    rig.stop_relay().await;
    std::fs::remove_dir_all(rig.relay_dir().join("data/documents")).unwrap();
    rig.start_relay().await;
    director.sync_when_linked().await;
    let save = |name: &str| Command::Save { document, out: rig.dir.path().join(name) };
    let lost = director.engine.ask(save("one")).await.unwrap_err();
    assert_eq!(lost.code, FailureCode::Gone);
    assert!(lost.failed.contains("its time is not over"), "{lost}");
    rig.clock.forward(31 * DAY);
    director.sync_when_linked().await;
    let expired = director.engine.ask(save("two")).await.unwrap_err();
    assert_eq!(expired.code, FailureCode::Gone);
    assert!(expired.failed.contains("has expired") && expired.failed.contains("30 days"), "{expired}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_relay_no_longer_keeps_for_someone_is_shown_as_expired() {
    let (rig, secretary, director, message) = two(Tier::Official, "first").await;
    director.sync().await;
    director.engine.stop().await;
    let (_, late) = secretary.say(&Target::Conversation(message.conversation), "while you are away").await;
    secretary.sync().await;
    let late = MessageRef { message: late, ..message };
    assert_eq!(view(&secretary, late).await.state, MessageState::Accepted);
    rig.clock.forward(31 * DAY);
    let view = view(&secretary, late).await;
    assert_eq!((view.state, view.body), (MessageState::Expired, MessageBody::Text("while you are away".into())));
}

// [CONV-36] Only receipts have expired.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_away_nothing_is_missing() {
    let (mut rig, secretary, mut director, message) = two(Tier::Official, "first").await;
    let to = Target::Conversation(message.conversation);
    secretary.sync().await;
    secretary.engine.stop().await;
    // Two receipts that the secretary does not fetch in time.
    director.sync().await;
    let read = Command::Read { conversation: message.conversation, since: 0, limit: 10, mark: true };
    director.ask(read).await;
    director.sync().await;
    director.engine.stop().await;
    rig.stop_relay().await;
    rig.clock.forward(Duration::from_secs(25 * 3600));
    rig.start_relay().await;
    director = rig.start("director").await;
    director.say(&to, "after a day").await;
    director.sync().await;
    let mut secretary = rig.start("secretary").await;
    let said = secretary.until("message", |event| match event {
        Event::Alarm { alarm, .. } => panic!("{alarm:?}"),
        Event::Message { message, .. } => Some(message.body.clone()),
        _ => None,
    });
    assert_eq!(said.await, MessageBody::Text("after a day".into()));
    secretary.sync().await;
    let (_, last) = director.say(&to, "and more").await;
    secretary.next_message().await;
    director.until_state(last, MessageState::Delivered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_found_by_its_id_over_all_conversations() {
    let (rig, secretary, _director, message) = two(Tier::Official, "here").await;
    let (_, other) = secretary.say(&rig.to("director", Tier::Secret), "there").await;
    let find = |prefix: String| Command::FindMessage { prefix };
    for prefix in [message.message.to_string(), message.message.to_string()[..8].to_owned()] {
        let Reply::FoundMessage(found) = secretary.ask(find(prefix)).await else { panic!() };
        assert_eq!(found, message);
    }
    let Reply::FoundMessage(found) = secretary.ask(find(other.to_string()[..10].to_owned())).await else { panic!() };
    assert_eq!(found.message, other);
    assert_eq!(refused(&secretary, find("0".repeat(32))).await, FailureCode::NotFound);
    assert_eq!(refused(&secretary, find("0123".into())).await, FailureCode::NotFound);
}

// [DELIV-103]
#[tokio::test(flavor = "multi_thread")]
async fn search_finds_all_words_in_any_spelling_the_newest_first() {
    let (rig, secretary, _director, first) = two(Tier::Official, "Budget summary for 2031").await;
    let mut sent = vec![first.message];
    for text in ["بجٹ کا خلاصہ ۲۰۳۱", "the budget, again", "كابينة كا اجلاس", "nothing of the kind"]
    {
        rig.clock.forward(Duration::from_secs(1));
        sent.push(secretary.say(&Target::Conversation(first.conversation), text).await.1);
    }
    rig.clock.forward(Duration::from_secs(1));
    sent.push(secretary.say(&rig.to("director", Tier::Secret), "BUDGET at another tier").await.1);
    for (query, hits) in [
        ("budget", vec![5, 2, 0]),
        ("budget summary", vec![0]),
        ("summary BUDGET", vec![0]),
        ("2031", vec![1, 0]),
        ("خلاصہ", vec![1]),
        ("خلاصة ٢٠٣١", vec![1]),
        ("کابینہ", vec![3]),
        ("budget خلاصہ", vec![]),
        ("  ", vec![]),
    ] {
        let hits: Vec<MessageId> = hits.into_iter().map(|hit: usize| sent[hit]).collect();
        assert_eq!(found(&secretary, query).await, hits, "{query}");
    }
    // Read in steps, as a face asks for it.
    secretary.sync().await;
    secretary.engine.stop().await;
    let secretary = rig.start("secretary").await;
    assert!(found(&secretary, "").await.is_empty());
    secretary.sync().await;
    assert_eq!(found(&secretary, "budget").await, [sent[5], sent[2], sent[0]]);
    let Reply::Hits(hits) =
        secretary.ask(Command::Search { query: "budget".into(), conversation: None, limit: 1 }).await
    else {
        panic!()
    };
    assert_eq!(hits.len(), 1);
}
