//! Members come and go while others write (protocol-spec/05-conversation, section 5): real engines, a real relay.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails, fails the test

use std::time::Duration;

use amanat_client::{
    Command, Event, FailureCode, Reply,
    api::{
        Change, ChangeView, ConversationState, ConversationView, Line, MemberChange, MessageBody, MessageState, Notice,
        Role, Target,
    },
};
use amanat_conversation::{KeyPackageMaker, Records};
use amanat_identity::Tier;
use amanat_primitives::ConversationId;
use amanat_tests::{Person, Rig, by_hand::Line as LinkByHand};
use amanat_wire::{
    List,
    client::{AddAgain, PutKeyPackages, Request},
    relay::Answer,
};
use rand_core::OsRng;

async fn view(person: &Person, id: ConversationId) -> ConversationView {
    let Reply::Conversations(list) = person.ask(Command::Conversations).await else { panic!() };
    list.into_iter().find(|view| view.id == id).unwrap_or_else(|| panic!("{} has no {id}", person.handle))
}

/// Waits until a conversation is as `wanted` says.
async fn until_view(person: &mut Person, id: ConversationId, what: &str, wanted: impl Fn(&ConversationView) -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        let Reply::Conversations(list) = person.ask(Command::Conversations).await else { panic!() };
        if list.iter().any(|view| view.id == id && wanted(view)) {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "{}: no {what} within 30 s: {list:?}", person.handle);
        // Something will happen; if not, it is looked at again.
        let _ = tokio::time::timeout(Duration::from_millis(200), person.events.next()).await;
    }
}

async fn add(rig: &Rig, by: &Person, id: ConversationId, handle: &str) {
    let members = vec![rig.address(handle)];
    assert!(matches!(by.ask(Command::Add { conversation: id, members }).await, Reply::ConversationChanged { .. }));
}

async fn make_moderator(rig: &Rig, by: &Person, id: ConversationId, handle: &str) {
    let command = Command::SetRole { conversation: id, person: rig.address(handle), moderator: true };
    assert!(matches!(by.ask(command).await, Reply::ConversationChanged { .. }));
}

/// Waits until a person is told of a change, by name.
async fn until_told(person: &mut Person, wanted: MemberChange, of: &str) {
    let told = async {
        loop {
            let event = person.events.next().await.unwrap();
            if let Event::Notice(Notice::Member { whom, change, .. }) = event
                && change == wanted
                && whom.name == format!("Name of {of}")
            {
                return;
            }
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(30), told).await;
    assert!(told.is_ok(), "{} was not told of {of}: {wanted:?}", person.handle);
}

// [CONV-47] [CONV-49] Who may do what is refused by name before anything is sent, shown, and told to everyone.
#[tokio::test(flavor = "multi_thread")]
async fn the_founder_and_moderators_change_a_group() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Official).await;
    let mut director = rig.person("director", Tier::Official).await;
    let mut clerk = rig.person("clerk", Tier::Official).await;
    rig.enrol("driver", Tier::Official).await;
    let id = rig.group(&secretary, &["director", "clerk"], Tier::Official).await;
    for person in [&mut director, &mut clerk] {
        until_view(person, id, "group", |view| view.members == 3 && view.title == "Budget").await;
    }
    let commands = [
        Command::Add { conversation: id, members: vec![rig.address("driver")] },
        Command::Remove { conversation: id, member: rig.address("clerk") },
        Command::Retitle { conversation: id, title: "Mine".into() },
        Command::SetRole { conversation: id, person: rig.address("clerk"), moderator: true },
    ];
    for command in commands {
        let refused = director.engine.ask(command).await.unwrap_err();
        assert_eq!(refused.code, FailureCode::NotAllowed);
        assert!(refused.failed.contains(&rig.address("secretary").to_string()), "{refused}");
    }
    make_moderator(&rig, &secretary, id, "director").await;
    until_told(&mut clerk, MemberChange::Moderator, "director").await;
    until_told(&mut director, MemberChange::Moderator, "director").await;
    let members = clerk.members(id).await;
    let roles: Vec<_> = members.iter().map(|member| (member.address.handle.as_str(), member.role)).collect();
    let all = [("clerk", Some(Role::Member)), ("director", Some(Role::Moderator)), ("secretary", Some(Role::Founder))];
    assert_eq!(roles, all);
    add(&rig, &director, id, "driver").await;
    until_told(&mut clerk, MemberChange::Added, "driver").await;
    let founder = Command::Remove { conversation: id, member: rig.address("secretary") };
    assert_eq!(director.engine.ask(founder).await.unwrap_err().code, FailureCode::NotAllowed);
    director.ask(Command::Remove { conversation: id, member: rig.address("driver") }).await;
    until_told(&mut secretary, MemberChange::Removed, "driver").await;
    // The founder goes; the moderators go on by themselves.
    secretary.ask(Command::Leave { conversation: id }).await;
    until_told(&mut clerk, MemberChange::Left, "secretary").await;
    until_view(&mut director, id, "two members", |view| view.members == 2).await;
    make_moderator(&rig, &director, id, "clerk").await;
    until_told(&mut clerk, MemberChange::Moderator, "clerk").await;
}

// [DELIV-137] Whoever has left a 1:1, and whoever is alone in it, open another one by writing.
#[tokio::test(flavor = "multi_thread")]
async fn a_1_to_1_that_somebody_has_left_is_over() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Official).await;
    let mut director = rig.person("director", Tier::Official).await;
    let (old, _) = secretary.say(&rig.to("director", Tier::Official), "one").await;
    director.next_message().await;
    // Written without knowing it: held, as soon as the log says so.
    secretary.sync().await;
    secretary.engine.stop().await;
    let offline = rig.start_with("secretary", false).await;
    let (queued_in, queued) = offline.say(&rig.to("director", Tier::Official), "to nobody").await;
    assert_eq!(queued_in, old);
    offline.engine.stop().await;
    director.ask(Command::Leave { conversation: old }).await;
    director.sync().await;
    secretary = rig.start("secretary").await;
    until_view(&mut secretary, old, "end", |view| view.state == ConversationState::Over).await;
    until_view(&mut director, old, "end", |view| view.state == ConversationState::Left).await;
    for (person, other) in [(&secretary, "director"), (&director, "secretary")] {
        let send = Command::SendText { to: Target::Conversation(old), text: "to nobody".into() };
        let refused = person.engine.ask(send).await.unwrap_err();
        assert_eq!(refused.code, FailureCode::Conversation);
        assert!(refused.advice.contains(&format!("amanat send {}", rig.address(other))), "{refused:?}");
    }
    let held = secretary.messages(old).await.into_iter().find(|message| message.id == queued).unwrap();
    assert_eq!(held.state, MessageState::Queued);
    let (new, message) = director.say(&rig.to("secretary", Tier::Official), "two").await;
    assert_ne!(new, old);
    assert_eq!(secretary.next_message().await.1.id, message);
    let (again, message) = secretary.say(&rig.to("director", Tier::Official), "three").await;
    assert_eq!((again, director.next_message().await.1.id), (new, message));
}

// [DELIV-134] Whoever has left declines the log over the next link; not where somebody has added the device again meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn who_left_and_is_added_again_while_away_reads_on() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Official).await;
    let mut clerk = rig.person("clerk", Tier::Official).await;
    rig.enrol("director", Tier::Official).await;
    let id = rig.group(&secretary, &["clerk", "director"], Tier::Official).await;
    until_view(&mut clerk, id, "group", |view| view.state == ConversationState::Active).await;
    clerk.ask(Command::Leave { conversation: id }).await;
    until_told(&mut secretary, MemberChange::Left, "clerk").await;
    until_view(&mut clerk, id, "end", |view| view.state == ConversationState::Left).await;
    clerk.engine.stop().await;
    add(&rig, &secretary, id, "clerk").await;
    secretary.say(&Target::Conversation(id), "welcome back").await;
    secretary.sync().await;
    let clerk = rig.start("clerk").await;
    clerk.sync().await;
    assert_eq!(clerk.texts(id).await, ["welcome back"]);
}

// [DELIV-137] Two who leave at once do not wait for each other.
#[tokio::test(flavor = "multi_thread")]
async fn both_may_leave_a_1_to_1_at_once() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Official).await;
    let mut director = rig.person("director", Tier::Official).await;
    let (id, _) = secretary.say(&rig.to("director", Tier::Official), "one").await;
    director.next_message().await;
    secretary.sync().await;
    secretary.engine.stop().await;
    let offline = rig.start_with("secretary", false).await;
    offline.ask(Command::Leave { conversation: id }).await;
    offline.engine.stop().await;
    director.ask(Command::Leave { conversation: id }).await;
    until_view(&mut director, id, "end", |view| view.state == ConversationState::Left).await;
    director.engine.stop().await;
    secretary = rig.start("secretary").await;
    until_view(&mut secretary, id, "end", |view| view.state == ConversationState::Left).await;
    secretary.sync().await;
}

/// What somebody's vault shows of a conversation: texts as they are, changes in brackets.
async fn lines(person: &Person, conversation: ConversationId, since: u64) -> Vec<(u64, String)> {
    let read = Command::Read { conversation, since, limit: 100, mark: false };
    let Reply::Lines(lines) = person.ask(read).await else { panic!() };
    let said = |line: &Line| match line {
        Line::Message(message) => match &message.body {
            MessageBody::Text(text) => text.clone(),
            other => panic!("{other:?}"),
        },
        Line::Change(ChangeView { by, change: Change::Title(title), .. }) => {
            format!("[{} calls it {title}]", by.address.handle)
        }
        Line::Change(ChangeView { by, change: Change::Member { whom, change, .. }, .. }) => {
            format!("[{} {} {}]", by.address.handle, change.name(), whom.address.handle)
        }
    };
    lines.iter().map(|line| (line.sequence(), said(line))).collect()
}

// [DELIV-210] [DELIV-211]
#[tokio::test(flavor = "multi_thread")]
async fn who_came_and_went_stands_among_the_messages() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Official).await;
    let mut director = rig.person("director", Tier::Official).await;
    let mut clerk = rig.person("clerk", Tier::Official).await;
    let id = rig.group(&secretary, &["director"], Tier::Official).await;
    let to = Target::Conversation(id);
    secretary.say(&to, "one").await;
    director.next_message().await;
    add(&rig, &secretary, id, "clerk").await;
    until_view(&mut clerk, id, "title", |view| view.title == "Budget" && view.members == 3).await;
    secretary.say(&to, "two").await;
    make_moderator(&rig, &secretary, id, "director").await;
    secretary.ask(Command::Retitle { conversation: id, title: "Budget 2032".into() }).await;
    for person in [&mut secretary, &mut director, &mut clerk] {
        until_view(person, id, "new title", |view| view.title == "Budget 2032").await;
    }
    clerk.ask(Command::Leave { conversation: id }).await;
    until_told(&mut secretary, MemberChange::Left, "clerk").await;
    until_told(&mut director, MemberChange::Left, "clerk").await;
    secretary.say(&to, "three").await;
    let last = MessageBody::Text("three".into());
    let is_last = |view: &ConversationView| view.last.as_ref().is_some_and(|message| message.body == last);
    until_view(&mut director, id, "last message", is_last).await;
    let all =
        ["one", "[secretary added clerk]", "two", "[secretary moderator director]", "[secretary calls it Budget 2032]"];
    for person in [&mut secretary, &mut director] {
        let lines = lines(person, id, 0).await;
        let (numbers, said): (Vec<u64>, Vec<String>) = lines.into_iter().unzip();
        assert_eq!(numbers, (1..=7).collect::<Vec<_>>(), "{}", person.handle);
        assert_eq!(said[..5], all, "{}", person.handle);
        assert!(said[5].ends_with(" left clerk]") && said[6] == "three", "{}: {said:?}", person.handle);
    }
    let texts = |lines: Vec<(u64, String)>| lines.into_iter().map(|(_, said)| said).collect::<Vec<_>>();
    until_view(&mut clerk, id, "end", |view| view.state == ConversationState::Left).await;
    let of_clerk = ["[secretary added clerk]", "two", all[3], all[4], "[clerk left clerk]"];
    assert_eq!(texts(lines(&clerk, id, 0).await), of_clerk);
    assert_eq!(texts(lines(&clerk, id, 2).await), of_clerk[2..]);

    // They count for nothing: three messages of others are unread, the last message is shown, nothing is found.
    let of_director = view(&director, id).await;
    assert_eq!((of_director.unread, of_director.last.map(|last| last.body)), (3, Some(last)));
    let of_clerk = view(&clerk, id).await;
    assert_eq!((of_clerk.unread, of_clerk.last.unwrap().body), (1, MessageBody::Text("two".into())));
    let Reply::Hits(hits) = director.ask(Command::Search { query: "clerk".into(), conversation: None, limit: 9 }).await
    else {
        panic!()
    };
    assert!(hits.is_empty());
    director.ask(Command::Read { conversation: id, since: 0, limit: 100, mark: true }).await;
    assert_eq!(view(&director, id).await.unread, 0);
    director.sync().await;
    secretary.sync().await;
    assert!(secretary.messages(id).await.iter().all(|message| message.state == MessageState::Read));

    // After a restart as before; and one page goes on behind the other.
    director.engine.stop().await;
    let director = rig.start("director").await;
    assert_eq!(texts(lines(&director, id, 0).await)[..5], all);
    let page = Command::Read { conversation: id, since: 1, limit: 2, mark: false };
    let Reply::Lines(page) = director.ask(page).await else { panic!() };
    assert_eq!(page.iter().map(Line::sequence).collect::<Vec<_>>(), [2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_come_go_and_come_back() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let mut director = rig.person("director", Tier::Secret).await;
    let mut clerk = rig.person("clerk", Tier::Secret).await;
    let id = rig.group(&secretary, &["director"], Tier::Secret).await;
    let to = Target::Conversation(id);
    secretary.say(&to, "before the clerk").await;
    director.next_message().await;

    // Added by a moderator who is not the founder; reads from then on, and has the title.
    make_moderator(&rig, &secretary, id, "director").await;
    add(&rig, &director, id, "clerk").await;
    until_view(&mut clerk, id, "title", |view| view.title == "Budget" && view.members == 3).await;
    secretary.say(&to, "to all").await;
    director.next_message().await;
    // Behind the line that says by whom he was added.
    assert_eq!(clerk.next_message().await.1.sequence, 2);
    assert_eq!(clerk.texts(id).await, ["to all"]);
    make_moderator(&rig, &secretary, id, "clerk").await;
    until_told(&mut clerk, MemberChange::Moderator, "clerk").await;
    let again = clerk.engine.ask(Command::Add { conversation: id, members: vec![rig.address("director")] }).await;
    assert_eq!(again.unwrap_err().code, FailureCode::NotFound);

    // A new title is everyone's.
    assert!(matches!(
        clerk.ask(Command::Retitle { conversation: id, title: "بجٹ ۲۰۳۲".into() }).await,
        Reply::ConversationChanged { .. }
    ));
    for person in [&mut secretary, &mut director, &mut clerk] {
        until_view(person, id, "new title", |view| view.title == "بجٹ ۲۰۳۲").await;
    }

    // Removed: keeps what was read, and gets nothing more.
    let member = rig.address("director");
    secretary.ask(Command::Remove { conversation: id, member: member.clone() }).await;
    until_view(&mut director, id, "removal", |view| view.state == ConversationState::Removed).await;
    until_view(&mut clerk, id, "two members", |view| view.members == 2).await;
    let refused = director.engine.ask(Command::SendText { to: to.clone(), text: "x".into() }).await;
    assert_eq!(refused.unwrap_err().code, FailureCode::Conversation);
    let (_, message) = secretary.say(&to, "without the director").await;
    secretary.until_state(message, MessageState::Delivered).await;
    director.sync().await;
    assert_eq!(director.texts(id).await, ["before the clerk", "to all"]);

    // Back again: the same conversation, with what was there before and what is written from now on.
    add(&rig, &clerk, id, "director").await;
    until_view(&mut director, id, "return", |view| view.state == ConversationState::Active && view.members == 3).await;
    director.say(&to, "back").await;
    // Four messages, and six changes between them.
    assert_eq!(secretary.next_message().await.1.sequence, 10);
    assert_eq!(director.texts(id).await, ["before the clerk", "to all", "back"]);
    assert_eq!(view(&director, id).await.title, "بجٹ ۲۰۳۲");
    for person in [secretary, director, clerk] {
        person.engine.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_removed_by_those_who_stay() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Official).await;
    let mut director = rig.person("director", Tier::Official).await;
    let mut clerk = rig.person("clerk", Tier::Official).await;
    let id = rig.group(&secretary, &["director", "clerk"], Tier::Official).await;
    until_view(&mut clerk, id, "group", |view| view.members == 3).await;
    clerk.ask(Command::Leave { conversation: id }).await;
    for person in [&mut secretary, &mut director] {
        until_view(person, id, "two members", |view| view.members == 2).await;
    }
    until_view(&mut clerk, id, "end", |view| view.state == ConversationState::Left).await;
}

// [CONV-41] Losers process the winner and try again, and nobody notices.
#[tokio::test(flavor = "multi_thread")]
async fn all_change_the_members_at_once() {
    let rig = Rig::new().await;
    let handles = ["a", "b", "c", "d", "e"];
    let mut people = Vec::new();
    for handle in handles {
        people.push(rig.person(handle, Tier::Official).await);
    }
    for handle in handles {
        rig.enrol(&format!("new-{handle}"), Tier::Official).await;
    }
    let id = rig.group(&people[0], &handles[1..], Tier::Official).await;
    for person in &mut people {
        until_view(person, id, "group", |view| view.members == handles.len()).await;
    }
    for handle in &handles[1..] {
        make_moderator(&rig, &people[0], id, handle).await;
        for person in &mut people {
            until_told(person, MemberChange::Moderator, handle).await;
        }
    }
    let asked = people.iter().map(|person| {
        let members = vec![rig.address(&format!("new-{}", person.handle))];
        let engine = person.engine.clone();
        tokio::spawn(async move {
            // Messages go on meanwhile.
            for number in 0..10 {
                let text = format!("{number}");
                engine.ask(Command::SendText { to: Target::Conversation(id), text }).await.unwrap();
            }
            engine.ask(Command::Add { conversation: id, members }).await
        })
    });
    for outcome in asked.collect::<Vec<_>>() {
        assert!(matches!(outcome.await.unwrap(), Ok(Reply::ConversationChanged { .. })));
    }
    for person in &mut people {
        until_view(person, id, "everyone", |view| view.members == 2 * handles.len()).await;
        person.sync().await;
    }
    for person in &mut people {
        person.sync().await;
        assert_eq!(person.messages(id).await.len(), 10 * handles.len(), "{}", person.handle);
        while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(10), person.events.next()).await {
            assert!(!matches!(event, Event::Alarm { .. }), "{event:?}");
        }
    }
}

// [DELIV-108] A message that the relay refuses as stale is not overtaken by one that was encrypted after it.
#[tokio::test(flavor = "multi_thread")]
async fn messages_keep_their_order_where_commits_overtake_them() {
    let (rig, line) = Rig::behind_a_line().await;
    let founder = rig.person("founder", Tier::Official).await;
    let mut writer = rig.person("writer", Tier::Official).await;
    let id = rig.group(&founder, &["writer"], Tier::Official).await;
    until_view(&mut writer, id, "group", |view| view.members == 2).await;
    founder.engine.stop().await;
    writer.engine.stop().await;
    let before = line.connections();
    let mut writer = rig.start("writer").await;
    writer.sync().await;
    let mut founder = rig.start("founder").await;
    line.hold(before);
    let (_, one) = writer.say(&Target::Conversation(id), "one").await;
    for moderator in [true, false, true, false] {
        let command = Command::SetRole { conversation: id, person: rig.address("writer"), moderator };
        founder.ask(command).await;
        let told = if moderator { MemberChange::Moderator } else { MemberChange::NotModerator };
        until_told(&mut writer, told, "writer").await;
    }
    let (_, two) = writer.say(&Target::Conversation(id), "two").await;
    line.release();
    for (message, text) in [(one, "one"), (two, "two")] {
        let came = founder.until(text, |event| match event {
            Event::Alarm { alarm, .. } => panic!("{alarm:?}"),
            Event::Message { message, .. } if !message.own => Some(message.id),
            _ => None,
        });
        assert_eq!(came.await, message);
    }
}

// Keys are renewed a day after they came into use, where something was sent or received, and not otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_renewed_daily_where_they_were_used() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Official).await;
    let mut director = rig.person("director", Tier::Official).await;
    let (id, message) = secretary.say(&rig.to("director", Tier::Official), "one").await;
    director.next_message().await;
    secretary.until_state(message, MessageState::Delivered).await;
    let before = view(&secretary, id).await.epoch;
    rig.clock.forward(Duration::from_secs(25 * 3600));
    // Whatever wakes the engines: each renews its own keys once.
    secretary.say(&Target::Conversation(id), "two").await;
    director.next_message().await;
    for person in [&mut secretary, &mut director] {
        until_view(person, id, "renewal", |view| view.epoch == before + 2).await;
    }
    secretary.say(&Target::Conversation(id), "three").await;
    director.next_message().await;
    assert_eq!(view(&secretary, id).await.epoch, before + 2);
}

// [CONV-54] [CONV-75] Whoever asks to be added again and is removed holds up nobody's renewal.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_and_is_removed_holds_nothing_up() {
    let rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Official).await;
    let mut director = rig.person("director", Tier::Official).await;
    let now = rig.clock.now();
    let (keys, chain, own) = rig.office.enrol(&mut OsRng, "driver", Tier::Official, now);
    let mut line = LinkByHand::connect(&rig, &keys, &chain).await;
    let maker = KeyPackageMaker { device: &own, signing: keys.signing() };
    let made = maker.one_time(5, &mut Records::default(), now, &mut OsRng).unwrap();
    let put = PutKeyPackages { one_time: List::new(made).unwrap(), last_resort: None };
    assert!(matches!(line.ask(Request::PutKeyPackages(put)).await, Answer::Done(_)));
    let id = rig.group(&secretary, &["director", "driver"], Tier::Official).await;
    director.until("joined", |event| matches!(event, Event::Conversation(view) if view.id == id).then_some(())).await;

    let asked = AddAgain::sign(id, own.id(), now, keys.signing());
    assert!(matches!(line.ask(Request::AskAgain(asked)).await, Answer::Done(_)));
    // They have it, and have mostly not seen to it.
    tokio::time::sleep(Duration::from_millis(200)).await;
    secretary.ask(Command::Remove { conversation: id, member: own.address().clone() }).await;
    let removed = view(&secretary, id).await.epoch;
    until_view(&mut director, id, "removal", |view| view.epoch == removed).await;
    rig.clock.forward(Duration::from_secs(25 * 3600));
    secretary.say(&Target::Conversation(id), "one").await;
    director.next_message().await;
    for person in [&mut secretary, &mut director] {
        until_view(person, id, "both renewals", |view| view.epoch == removed + 2).await;
    }
}

// A commit that was durable when the process ended is sent by the next one, and what it was for is done once.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_on_its_way_survives_the_end_of_the_process() {
    let mut rig = Rig::new().await;
    let secretary = rig.person("secretary", Tier::Official).await;
    let mut director = rig.person("director", Tier::Official).await;
    rig.enrol("clerk", Tier::Official).await;
    let id = rig.group(&secretary, &["director"], Tier::Official).await;
    until_view(&mut director, id, "group", |view| view.members == 2).await;
    // The relay goes while the change is on its way; so do both processes.
    let asked = tokio::spawn({
        let (engine, members) = (secretary.engine.clone(), vec![rig.address("clerk")]);
        async move { engine.ask(Command::Add { conversation: id, members }).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    rig.stop_relay().await;
    secretary.engine.stop().await;
    let done = asked.await.unwrap().is_ok();
    rig.start_relay().await;
    let mut secretary = rig.start("secretary").await;
    secretary.sync().await;
    let members = view(&secretary, id).await.members;
    assert!(members == 3 || (members == 2 && !done), "{members} members, done: {done}");
    until_view(&mut director, id, "the same members", |view| view.members == members).await;
    secretary.say(&Target::Conversation(id), "on").await;
    director.next_message().await;
    until_view(&mut secretary, id, "active", |view| view.state == ConversationState::Active).await;
}
