//! A profile that was put back from an older copy, and one that was away for long (protocol-spec/07-delivery, section 12):
//! real engines, a real relay.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)]

use std::time::{Duration, Instant};

use amanat_client::{
    Command, Event, FailureCode, Reply,
    api::{Alarm, ConversationState, MessageBody, MessageState, Notice, Target},
};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_tests::{Person, Rig, copy_folder, put_back};

/// Waits for a state; what is alarming until then.
async fn until_state(person: &mut Person, id: ConversationId, wanted: ConversationState) -> Vec<Alarm> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut said = Vec::new();
    while person.state_of(id).await != wanted {
        assert!(Instant::now() < deadline, "{}: not {wanted:?} within 30 s", person.handle);
        // Something will happen; if not, it is looked at again.
        let next = tokio::time::timeout(Duration::from_millis(200), person.events.next()).await;
        if let Ok(Some(Event::Alarm { alarm, .. })) = next {
            said.push(alarm);
        }
    }
    said
}

/// What has been said until now that a person would look up at.
async fn alarms(person: &mut Person) -> Vec<String> {
    let mut said = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(200), person.events.next()).await {
        match event {
            Event::Alarm { alarm, .. } => said.push(format!("{alarm:?}")),
            // Who came and went is no alarm.
            Event::Notice(Notice::Member { .. }) => {}
            Event::Notice(notice) => said.push(format!("{notice:?}")),
            _ => {}
        }
    }
    said
}

// [DELIV-177] [DELIV-178] [DELIV-179] [DELIV-215]
#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_is_frozen_said_and_added_again() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let mut clerk = rig.person("clerk", Tier::Secret).await;
    let id = rig.group(&secretary, &["director", "clerk"], Tier::Secret).await;
    let to = Target::Conversation(id);
    secretary.say(&to, "first").await;
    director.next_message().await;
    clerk.next_message().await;
    secretary.sync().await;
    secretary.engine.stop().await;
    // Two messages wait in the copy; both went out afterwards.
    let offline = rig.start_with("secretary", false).await;
    let (_, queued) = offline.say(&to, "queued").await;
    let (_, second) = offline.say(&to, "queued too").await;
    offline.engine.stop().await;
    let (profile, old) = (rig.dir.path().join("secretary"), rig.dir.path().join("copy"));
    copy_folder(&profile, &old);

    let mut secretary = rig.start("secretary").await;
    secretary.until_state(second, MessageState::Accepted).await;
    secretary.say(&to, "after the copy").await;
    for _ in 0..3 {
        director.next_message().await;
    }
    director.say(&to, "an answer").await;
    secretary.next_message().await;
    for person in [&secretary, &director, &clerk] {
        person.sync().await;
    }
    secretary.engine.stop().await;
    assert!(alarms(&mut director).await.is_empty());
    assert!(alarms(&mut clerk).await.is_empty());
    // Nobody is there who would add it again at once.
    director.engine.stop().await;
    clerk.engine.stop().await;

    // Put back: it says so, and does nothing in that conversation.
    put_back(&old, &profile);
    let mut secretary = rig.start("secretary").await;
    let conversations = secretary
        .until("notice", |event| match event {
            Event::Notice(Notice::ProfileOutdated { conversations }) => Some(*conversations),
            _ => None,
        })
        .await;
    assert_eq!(conversations, 1);
    secretary.sync().await;
    assert_eq!(secretary.state_of(id).await, ConversationState::FellOut);
    let refused = secretary.engine.ask(Command::SendText { to: to.clone(), text: "x".into() }).await;
    assert_eq!(refused.unwrap_err().code, FailureCode::Conversation);
    // Over another link nothing is said again.
    secretary.engine.stop().await;
    let mut secretary = rig.start("secretary").await;
    secretary.sync().await;
    assert!(alarms(&mut secretary).await.is_empty());

    // Members who are there again see to it, without anybody doing anything.
    let (mut director, mut clerk) = (rig.start("director").await, rig.start("clerk").await);
    director.sync().await;
    assert_eq!(director.texts(id).await.len(), 5, "nothing was sent");
    assert_eq!(until_state(&mut secretary, id, ConversationState::Active).await, []);
    // It is the log that the copy knew: what stands in it is not queued any more.
    let states: Vec<_> = secretary.messages(id).await.iter().map(|view| (view.id, view.state)).collect();
    for message in [queued, second] {
        assert!(states.iter().any(|(id, state)| *id == message && *state == MessageState::Accepted), "{states:?}");
    }
    secretary.say(&to, "back again").await;
    assert_eq!(director.next_message().await.1.from, rig.address("secretary"));
    let expected = ["first", "queued", "queued too", "after the copy", "an answer", "back again"];
    for person in [&director, &clerk] {
        person.sync().await;
        assert_eq!(person.texts(id).await, expected, "{}", person.handle);
    }
    assert!(alarms(&mut director).await.is_empty(), "the others see its removal and addition alone");
    assert!(alarms(&mut clerk).await.is_empty());
    // The KeyPackages of the copy are replaced: one that is new is found.
    let (another, _) = clerk.say(&rig.to("secretary", Tier::Official), "a new conversation").await;
    assert_eq!(secretary.next_message().await.0, another);
}

// [DELIV-218] A conversation that came after the copy was made comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_the_copy_does_not_know_is_asked_for() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    secretary.sync().await;
    secretary.engine.stop().await;
    let (profile, old) = (rig.dir.path().join("secretary"), rig.dir.path().join("copy"));
    copy_folder(&profile, &old);
    let mut secretary = rig.start("secretary").await;
    let mut director = rig.person("director", Tier::Secret).await;
    let (id, message) = director.say(&rig.to("secretary", Tier::Official), "before").await;
    secretary.next_message().await;
    director.until_state(message, MessageState::Delivered).await;
    secretary.sync().await;
    secretary.engine.stop().await;
    put_back(&old, &profile);
    // A request from the moment in which a device was added counts as answered by that.
    rig.clock.forward(Duration::from_secs(3600));
    let mut secretary = rig.start("secretary").await;
    let joined = |event: &Event| matches!(event, Event::Conversation(view) if view.id == id).then_some(());
    secretary.until("conversation", joined).await;
    director.say(&Target::Conversation(id), "after").await;
    let (_, message) = secretary.next_message().await;
    assert_eq!(message.body, MessageBody::Text("after".into()));
}

// [DELIV-178] Where the relay was not told how far the vault was, the entry that it does not know says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_ones_own_that_is_not_known_says_that_the_copy_is_old() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let (id, _) = secretary.say(&rig.to("director", Tier::Secret), "first").await;
    let to = Target::Conversation(id);
    director.next_message().await;
    secretary.sync().await;
    secretary.engine.stop().await;
    let (profile, old) = (rig.dir.path().join("secretary"), rig.dir.path().join("copy"));
    copy_folder(&profile, &old);
    let mut secretary = rig.start("secretary").await;
    let (_, message) = secretary.say(&to, "after the copy").await;
    secretary.until_state(message, MessageState::Accepted).await;
    // In a moment the relay would be told.
    secretary.engine.stop().await;
    put_back(&old, &profile);
    let mut secretary = rig.start("secretary").await;
    secretary
        .until("notice", |event| matches!(event, Event::Notice(Notice::ProfileOutdated { .. })).then_some(()))
        .await;
    secretary.sync().await;
    assert_eq!(secretary.state_of(id).await, ConversationState::FellOut);
    assert_eq!(director.texts(id).await, ["first", "after the copy"]);
}

/// 300 epochs and as many messages, missed by one who was away: caught up within seconds, all of them in order.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_missed_epochs_are_caught_up() {
    const EPOCHS: u64 = 300;
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let mut clerk = rig.person("clerk", Tier::Secret).await;
    let id = rig.group(&secretary, &["director", "clerk"], Tier::Secret).await;
    let to = Target::Conversation(id);
    secretary.say(&to, "0").await;
    clerk.next_message().await;
    director.next_message().await;
    clerk.sync().await;
    clerk.engine.stop().await;
    rig.enrol("visitor", Tier::Secret).await;
    let visitor = rig.address("visitor");
    let mut expected = vec!["0".to_owned()];
    // Adding and removing somebody makes two epochs.
    for round in 0..EPOCHS / 2 {
        secretary.ask(Command::Add { conversation: id, members: vec![visitor.clone()] }).await;
        secretary.ask(Command::Remove { conversation: id, member: visitor.clone() }).await;
        let text = format!("{}", round + 1);
        secretary.say(&to, &text).await;
        expected.push(text);
    }
    secretary.sync().await;
    let clerk = rig.start("clerk").await;
    let begun = Instant::now();
    clerk.sync().await;
    println!("{EPOCHS} epochs caught up in {:?}", begun.elapsed());
    assert_eq!(clerk.texts(id).await, expected);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

// [CONV-86] Whose title counts sends it again to somebody whom a plain member has added again.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_added_again_by_a_plain_member_gets_the_title() {
    async fn title(person: &Person, id: ConversationId) -> Option<String> {
        let Reply::Conversations(list) = person.ask(Command::Conversations).await else { panic!() };
        list.into_iter().find(|view| view.id == id).map(|view| view.title)
    }
    async fn until_title(person: &mut Person, id: ConversationId, wanted: &str) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while title(person, id).await.as_deref() != Some(wanted) {
            assert!(Instant::now() < deadline, "{}: not {wanted} within 30 s", person.handle);
            let _ = tokio::time::timeout(Duration::from_millis(200), person.events.next()).await;
        }
    }
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let mut clerk = rig.person("clerk", Tier::Secret).await;
    let id = rig.group(&secretary, &["director", "clerk"], Tier::Secret).await;
    for person in [&mut director, &mut clerk] {
        until_title(person, id, "Budget").await;
        person.sync().await;
    }
    director.engine.stop().await;
    let (profile, old) = (rig.dir.path().join("director"), rig.dir.path().join("copy"));
    copy_folder(&profile, &old);
    let mut director = rig.start("director").await;
    secretary.ask(Command::Retitle { conversation: id, title: "Budget 2032".into() }).await;
    until_title(&mut director, id, "Budget 2032").await;
    until_title(&mut clerk, id, "Budget 2032").await;
    director.say(&Target::Conversation(id), "seen").await;
    secretary.next_message().await;
    for person in [&secretary, &director, &clerk] {
        person.sync().await;
    }
    secretary.engine.stop().await;
    director.engine.stop().await;

    put_back(&old, &profile);
    let mut director = rig.start("director").await;
    director
        .until("that the clerk adds it again", |event| match event {
            Event::Notice(Notice::Member { by, .. }) if by.address == rig.address("clerk") => Some(()),
            _ => None,
        })
        .await;
    assert_eq!(title(&director, id).await.as_deref(), Some("Budget"));
    let secretary = rig.start("secretary").await;
    until_title(&mut director, id, "Budget 2032").await;
    secretary.sync().await;
    assert!(alarms(&mut clerk).await.is_empty());
}

// [CONV-88] Nobody whom the copy did not know leads it back in: it could be an outsider's conversation under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn only_who_was_a_member_then_leads_an_older_copy_back_in() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let clerk = rig.person("clerk", Tier::Secret).await;
    let id = rig.group(&secretary, &["director"], Tier::Secret).await;
    secretary.sync().await;
    director.sync().await;
    director.engine.stop().await;
    let offline = rig.start_with("director", false).await;
    let (_, queued) = offline.say(&Target::Conversation(id), "for members").await;
    offline.engine.stop().await;
    let (profile, old) = (rig.dir.path().join("director"), rig.dir.path().join("copy"));
    copy_folder(&profile, &old);
    director = rig.start("director").await;
    director.until_state(queued, MessageState::Accepted).await;
    secretary.ask(Command::Add { conversation: id, members: vec![rig.address("clerk")] }).await;
    clerk.sync().await;
    director.sync().await;
    director.engine.stop().await;
    secretary.sync().await;
    secretary.engine.stop().await;

    // Only the clerk is there, who came after the copy was made.
    put_back(&old, &profile);
    rig.clock.forward(Duration::from_secs(3600));
    let mut director = rig.start("director").await;
    let refused = |event: &Event| matches!(event, Event::Notice(Notice::JoinRefused { .. })).then_some(());
    director.until("refusal", refused).await;
    director.sync().await;
    assert_eq!(director.state_of(id).await, ConversationState::FellOut);
    clerk.engine.stop().await;

    // The secretary was a member then; it is asked again after a while.
    let secretary = rig.start("secretary").await;
    secretary.sync().await;
    rig.clock.forward(Duration::from_secs(3600));
    until_state(&mut director, id, ConversationState::Active).await;
    assert!(director.messages(id).await.iter().any(|view| view.id == queued && view.state == MessageState::Accepted));
}

// [DELIV-138] Nobody can add either of them again.
#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_from_which_both_have_fallen_out_can_be_left_for_another() {
    let rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let to = rig.to("director", Tier::Official);
    let (id, _) = secretary.say(&to, "first").await;
    director.next_message().await;
    for person in [&secretary, &director] {
        person.sync().await;
    }
    let handles = ["secretary", "director"];
    secretary.engine.stop().await;
    director.engine.stop().await;
    let copies = handles.map(|handle| (rig.dir.path().join(handle), rig.dir.path().join(format!("{handle}-copy"))));
    copies.iter().for_each(|(profile, copy)| copy_folder(profile, copy));
    let (mut secretary, mut director) = (rig.start("secretary").await, rig.start("director").await);
    secretary.say(&Target::Conversation(id), "after the copies").await;
    director.next_message().await;
    director.say(&Target::Conversation(id), "an answer").await;
    secretary.next_message().await;
    for person in [secretary, director] {
        person.sync().await;
        person.engine.stop().await;
    }
    copies.iter().for_each(|(profile, copy)| put_back(copy, profile));
    // One after the other: nobody is there who could add either of them again before it is known how old the other is.
    let mut secretary = rig.start("secretary").await;
    until_state(&mut secretary, id, ConversationState::FellOut).await;
    secretary.sync().await;
    secretary.ask(Command::Leave { conversation: id }).await;
    assert_eq!(secretary.state_of(id).await, ConversationState::Left);
    secretary.sync().await;
    let mut director = rig.start("director").await;
    until_state(&mut director, id, ConversationState::FellOut).await;
    // Its KeyPackages are replaced by then.
    director.sync().await;
    let (another, _) = secretary.say(&to, "once more").await;
    assert_ne!(another, id);
    assert_eq!(director.next_message().await.0, another);
    // For good.
    secretary.sync().await;
    secretary.engine.stop().await;
    let secretary = rig.start("secretary").await;
    assert_eq!(secretary.state_of(id).await, ConversationState::Left);
}
