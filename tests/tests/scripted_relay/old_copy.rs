//! A vault that is older than what the relay knows of it, and a relay that pages as it likes (protocol-spec/07-delivery,
//! section 12).

use std::collections::{BTreeMap, BTreeSet};

use amanat_tests::{copy_folder, put_back};

use super::*;

/// More than one link takes at once.
const MANY: usize = 70;

impl Script {
    /// Accepts and greets, and leaves the rest to the test.
    async fn greeted(&self) -> Scripted {
        let mut scripted = Scripted { link: self.accept().await, chain: Vec::new() };
        scripted.link.receiver.recv().await.unwrap().unwrap();
        let now = Timestamp::from(std::time::SystemTime::now());
        scripted.say(&FromRelay::Ready(Ready { now, incarnation: self.incarnation, status: Bytes::default() })).await;
        scripted
    }
}

fn log(conversation: ConversationId, cursor: u64) -> LogState {
    LogState { conversation, cursor, head: cursor, first_kept: 1 }
}

fn page(logs: Vec<LogState>, more: Option<ConversationId>) -> Answer {
    Answer::Cursors(Cursors { logs: List::new(logs).unwrap(), more })
}

async fn cursors(scripted: &mut Scripted) -> (u32, Option<ConversationId>) {
    until_request(scripted, |request| match request {
        Request::Cursors(asked) => Ok(asked.after),
        other => Err(other),
    })
    .await
}

fn part(positions: std::ops::RangeInclusive<u64>, head: u64) -> Answer {
    let entries =
        List::new(positions.map(|position| of_another(position, UnitKind::Message)).collect::<Vec<_>>()).unwrap();
    Answer::Entries(Entries { entries, running_before: Digest::ZERO, head, first_kept: 1 })
}

// [DELIV-214]
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_go_in_a_circle_are_not_asked_for_and_not_believed() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let Target::Conversation(id) = target else { panic!() };
    let mut scripted = script.greeted().await;
    let (number, after) = cursors(&mut scripted).await;
    assert_eq!(after, None);
    scripted.answer(number, page(vec![log(id, 2)], Some(id))).await;
    let (number, after) = cursors(&mut scripted).await;
    assert_eq!(after, Some(id));
    // The same page again: neither a third question, nor anything that rests on the answer. It is said, and the link ends.
    scripted.answer(number, page(vec![log(id, 2)], Some(id))).await;
    let (_, message) = secretary.say(&target, "two").await;
    assert_eq!(until_down(&mut secretary).await, FailureCode::Refused);
    let ends = tokio::time::timeout(Duration::from_secs(20), async {
        while let Ok(Some(said)) = scripted.link.receiver.recv().await {
            if let Ok(ToRelay::Request(NumberedRequest { request, .. })) = ToRelay::from_bytes(&said) {
                let rests =
                    matches!(request, Request::Cursors(_) | Request::Append(_) | Request::News(_) | Request::Read(_));
                assert!(!rests, "it went on: {request:?}");
            }
        }
    });
    ends.await.expect("the link ends");
    // A link that is lost between two pages begins anew; a relay that answers as it should is gone by.
    drop(scripted);
    let mut scripted = script.greeted().await;
    let (number, after) = cursors(&mut scripted).await;
    assert_eq!(after, None);
    let whole = LogState { head: 1_000, ..log(id, 2) };
    scripted.answer(number, page(vec![whole], Some(id))).await;
    let (number, _) = cursors(&mut scripted).await;
    scripted.answer(number, page(Vec::new(), None)).await;
    let (_, unit) = scripted.append().await;
    assert_eq!(unit.conversation, id);
    let _ = message;
}

// [DELIV-178] [DELIV-214]
#[tokio::test(flavor = "multi_thread")]
async fn many_logs_are_looked_through_over_a_link_that_is_lost_and_one_that_stands_still_is_said() {
    let mut rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    let director = rig.person("director", Tier::Secret).await;
    let mut ids = BTreeSet::new();
    for _ in 0..MANY {
        ids.insert(rig.group(&secretary, &["director"], Tier::Official).await);
    }
    secretary.sync().await;
    director.engine.stop().await;
    rig.stop_relay().await;
    let script = Script::in_place_of(&rig);

    // Two pages of cursors say that the vault is old, everywhere.
    let mut scripted = script.greeted().await;
    let all: Vec<ConversationId> = ids.iter().copied().collect();
    let (first, second) = all.split_at(MANY / 2);
    let (number, _) = cursors(&mut scripted).await;
    let logs = |ids: &[ConversationId]| ids.iter().map(|id| log(*id, 1_000)).collect::<Vec<_>>();
    scripted.answer(number, page(logs(first), first.last().copied())).await;
    let (number, after) = cursors(&mut scripted).await;
    assert_eq!(after, first.last().copied());
    scripted.answer(number, page(logs(second), None)).await;

    // Every log is asked for, though the link takes fewer at once. One page each, and the line is cut.
    let mut reached: BTreeMap<ConversationId, u64> = BTreeMap::new();
    while reached.len() < MANY {
        match scripted.request().await {
            (number, Request::Read(read)) => {
                let next = read.after + 1;
                // All but the first few are done with it.
                let head = if reached.len() < 3 { 1_000 } else { next };
                reached.insert(read.conversation, next);
                scripted.answer(number, part(next..=next, head)).await;
            }
            (number, request) => scripted.pass(number, request).await,
        }
    }
    drop(scripted);

    // Over the next link those that were not done go on, where they were; and one stands still.
    let mut scripted = script.greeted().await;
    let (number, _) = cursors(&mut scripted).await;
    scripted.answer(number, page(logs(first), first.last().copied())).await;
    let (number, _) = cursors(&mut scripted).await;
    scripted.answer(number, page(logs(second), None)).await;
    let mut asked: BTreeMap<ConversationId, Vec<u64>> = BTreeMap::new();
    let watched = async {
        loop {
            match scripted.request().await {
                (number, Request::Read(read)) => {
                    asked.entry(read.conversation).or_default().push(read.after);
                    // The same page, whatever was asked.
                    scripted.answer(number, part(1..=1, 1_000)).await;
                }
                (number, request) => scripted.pass(number, request).await,
            }
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(3), watched).await;
    assert!(!asked.is_empty() && asked.len() < MANY, "what was done is not asked for again: {}", asked.len());
    for (id, after) in &asked {
        assert_eq!(after.len(), 1, "asked in a circle: {after:?}");
        // What was answered last may have been lost with the line.
        assert!(after[0] + 1 >= reached[id], "it goes on where it was: {after:?}, {}", reached[id]);
    }
    let still = *asked.keys().next().unwrap();
    let position = secretary
        .until("alarm", |event| match event {
            Event::Alarm { conversation, alarm: Alarm::Excluded { position } } if *conversation == still => {
                Some(*position)
            }
            _ => None,
        })
        .await;
    assert_eq!(position, asked[&still][0] + 1);
}

/// Over a new link the relay says that the vault is old, and gives what follows it in the log: all of it is looked through,
/// and the secretary stops.
async fn falls_out(script: &Script, secretary: Person, id: ConversationId, entries: Vec<Entry>) {
    let mut scripted = script.greeted().await;
    let (number, _) = cursors(&mut scripted).await;
    scripted.answer(number, page(vec![log(id, 1_000)], None)).await;
    let (number, read) = until_read(&mut scripted).await;
    let head = entries.last().map_or(read.after, |entry| entry.position);
    let entries = List::new(entries).unwrap();
    scripted
        .answer(number, Answer::Entries(Entries { entries, running_before: Digest::ZERO, head, first_kept: 1 }))
        .await;
    // That comes when all logs are looked through.
    until_request(&mut scripted, |request| match request {
        Request::DropKeyPackages(_) => Ok(()),
        other => Err(other),
    })
    .await;
    drop(scripted);
    secretary.engine.stop().await;
}

/// The real relay is back. The secretary replaces the KeyPackages there, before any member could claim one, and stops; what
/// the device asked for is forgotten with the relay's memory.
async fn packages_replaced(rig: &mut Rig) {
    rig.start_relay().await;
    let secretary = rig.start("secretary").await;
    secretary.sync().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    secretary.engine.stop().await;
    rig.stop_relay().await;
    rig.start_relay().await;
}

/// Until the secretary is back in: whether it was said that there are two logs.
async fn back_in(secretary: &mut Person, id: ConversationId) -> bool {
    let (mut active, mut forked) = (false, false);
    while !active {
        let told = secretary.until("return", |event| match event {
            Event::Conversation(view) if view.id == id && view.state == ConversationState::Active => Some(true),
            Event::Alarm { conversation, alarm: Alarm::Fork { .. } } if *conversation == id => Some(false),
            _ => None,
        });
        match told.await {
            true => active = true,
            false => forked = true,
        }
    }
    forked
}

async fn state_of(person: &Person, id: ConversationId, text: &str) -> MessageState {
    let messages = person.messages(id).await;
    messages.iter().find(|view| view.body == amanat_client::api::MessageBody::Text(text.into())).unwrap().state
}

/// The relay leaves a message unanswered, says that the vault is old, and shows entries among which one is to pass for the
/// message. Whether two logs are told of.
async fn made_to_vanish(pass_for: impl Fn(Entry, &Unit) -> Vec<Entry>) -> bool {
    let (mut rig, secretary, target, script) = after_one_message().await;
    let Target::Conversation(id) = target else { panic!() };
    let mut scripted = script.session().await;
    secretary.say(&target, "two").await;
    let (_, unit) = scripted.append().await;
    drop(scripted);
    let device = secretary.messages(id).await[0].device;
    let made_up = Entry { sender: device, unit: unit.id, ..of_another(4, UnitKind::Message) };
    falls_out(&script, secretary, id, pass_for(made_up, &unit)).await;
    drop(script);

    let secretary = rig.start_with("secretary", false).await;
    assert_eq!(state_of(&secretary, id, "two").await, MessageState::Queued);
    secretary.engine.stop().await;
    packages_replaced(&mut rig).await;
    let mut director = rig.start("director").await;
    let mut secretary = rig.start("secretary").await;
    let forked = back_in(&mut secretary, id).await;
    director.next_message().await;
    assert_eq!(director.texts(id).await, ["one", "two"]);
    forked
}

// [DELIV-215]
#[tokio::test(flavor = "multi_thread")]
async fn a_made_up_entry_under_a_units_id_takes_nothing_from_the_queue() {
    assert!(made_to_vanish(|made_up, _| vec![made_up]).await);
}

// [DELIV-215]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_a_log_that_the_others_do_not_have_stays_queued() {
    assert!(made_to_vanish(|made_up, unit| vec![Entry { body: unit.body.clone(), ..made_up }]).await);
}

// [DELIV-215] What was shown beyond the Welcome's place is looked through once more, up to there: here the relay is honest by
// then.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_looked_through_too_far_is_looked_through_again() {
    let further = |made_up: Entry, unit: &Unit| {
        let entry = |position| Entry { position, body: unit.body.clone(), ..made_up.clone() };
        (4..=9).map(entry).collect()
    };
    assert!(!made_to_vanish(further).await);
}

// [DELIV-179] [DELIV-215] What had been encrypted in the copy is known in the log by its ciphertext.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_encrypted_in_the_copy_and_stands_in_the_log_is_not_sent_again() {
    let (mut rig, secretary, target, script) = after_one_message().await;
    let Target::Conversation(id) = target else { panic!() };
    let mut scripted = script.session().await;
    let (_, message) = secretary.say(&target, "two").await;
    scripted.append().await;
    drop(scripted);
    secretary.engine.stop().await;
    let (profile, old) = (rig.dir.path().join("secretary"), rig.dir.path().join("copy"));
    copy_folder(&profile, &old);
    drop(script);
    rig.start_relay().await;
    let mut secretary = rig.start("secretary").await;
    secretary.until_state(message, MessageState::Accepted).await;
    secretary.say(&target, "three").await;
    secretary.sync().await;
    // In a moment the relay knows how far this device is.
    tokio::time::sleep(Duration::from_secs(2)).await;
    secretary.engine.stop().await;

    put_back(&old, &profile);
    let secretary = rig.start("secretary").await;
    secretary.sync().await;
    assert_eq!(state_of(&secretary, id, "two").await, MessageState::Queued, "no Welcome has come yet");
    secretary.engine.stop().await;
    rig.stop_relay().await;
    packages_replaced(&mut rig).await;
    let mut director = rig.start("director").await;
    let mut secretary = rig.start("secretary").await;
    assert!(!back_in(&mut secretary, id).await);
    assert_eq!(state_of(&secretary, id, "two").await, MessageState::Accepted);
    secretary.say(&target, "four").await;
    let replay = |event: &Event| match event {
        Event::Alarm { alarm, .. } => Some(format!("{alarm:?}")),
        Event::Message { message, .. } if message.body == amanat_client::api::MessageBody::Text("four".into()) => {
            Some(String::new())
        }
        _ => None,
    };
    assert_eq!(director.until("what comes", replay).await, "", "nothing came twice");
    assert_eq!(director.texts(id).await, ["one", "two", "three", "four"]);
}

/// The relay accepts messages that the others never get, and says that the vault is old; the others have written meanwhile.
/// Whether two logs are told of when a member adds the device again.
async fn accepted_for_nobody(accepted: u64, others: u64) -> bool {
    let (mut rig, mut secretary, target, script) = after_one_message().await;
    let Target::Conversation(id) = target else { panic!() };
    let mut scripted = script.session().await;
    for n in 0..accepted {
        let (_, message) = secretary.say(&target, &format!("lost {n}")).await;
        let (number, _) = scripted.append().await;
        scripted.answer(number, appended(4 + n, Digest::ZERO)).await;
        secretary.until_state(message, MessageState::Accepted).await;
    }
    drop(scripted);
    falls_out(&script, secretary, id, Vec::new()).await;
    drop(script);

    packages_replaced(&mut rig).await;
    let mut director = rig.start("director").await;
    for n in 0..others {
        let (_, message) = director.say(&target, &format!("theirs {n}")).await;
        director.until_state(message, MessageState::Accepted).await;
    }
    let mut secretary = rig.start("secretary").await;
    let forked = back_in(&mut secretary, id).await;
    // More than were sent before, so that by their count the lost ones would have come too.
    for n in 0..=accepted + 1 {
        let (_, message) = secretary.say(&target, &format!("back {n}")).await;
        director.next_message().await;
        secretary.until_state(message, MessageState::Delivered).await;
    }
    assert_eq!(state_of(&secretary, id, "one").await, MessageState::Delivered);
    for n in 0..accepted {
        assert_eq!(state_of(&secretary, id, &format!("lost {n}")).await, MessageState::Accepted);
    }
    forked
}

// [DELIV-215] [DELIV-216] The Welcome stands where this vault stood, behind it, and before it.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_this_vault_does_not_know_is_a_fork_wherever_the_welcome_stands() {
    assert!(accepted_for_nobody(1, 0).await);
    assert!(accepted_for_nobody(1, 3).await);
    assert!(accepted_for_nobody(3, 0).await);
}

// [DELIV-215]
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_goes_on_is_no_fork() {
    assert!(!accepted_for_nobody(0, 0).await);
    assert!(!accepted_for_nobody(0, 3).await);
}

/// Whether a queued message is sent to a relay that names this head; the log is asked for, and nothing is answered to that.
async fn sends_where_the_head_is(head: u64) -> bool {
    let (_rig, secretary, target, script) = after_one_message().await;
    let Target::Conversation(id) = target else { panic!() };
    let mut scripted = script.greeted().await;
    secretary.say(&target, "two").await;
    let (number, _) = cursors(&mut scripted).await;
    scripted.answer(number, page(vec![log(id, head)], None)).await;
    let mut read = false;
    let served = async {
        loop {
            match scripted.request().await {
                (_, Request::Append(_)) => return,
                (_, Request::Read(_)) => read = true,
                (number, request) => scripted.pass(number, request).await,
            }
        }
    };
    let sent = tokio::time::timeout(Duration::from_secs(2), served).await.is_ok();
    assert!(sent || read, "the log is neither written nor asked for");
    sent
}

// [DELIV-251] The vault stands at 3: the creation, a message and a receipt.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_in_a_log_before_the_relay_has_its_end_again() {
    assert!(!sends_where_the_head_is(2).await);
    assert!(sends_where_the_head_is(3).await);
}
