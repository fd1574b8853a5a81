//! What a relay has of this device's own and gives once more (protocol-spec/05-conversation, sections 5 and 8): known as one's
//! own, and no sign of a copy of this device.

use amanat_client::api::Notice;
use amanat_primitives::DeviceId;

use super::*;

/// An own message as an entry.
fn entry(position: u64, sender: DeviceId, unit: &Unit) -> Entry {
    Entry {
        sender,
        unit: unit.id,
        seen_commit: unit.seen_commit,
        accepted_commit: unit.accepted_commit,
        body: unit.body.clone(),
        ..of_another(position, UnitKind::Message)
    }
}

/// Waits for an alarm of a kind; nobody is told meanwhile that this device is a copy.
async fn until_alarm(secretary: &mut Person, kind: &str) {
    let alarm = |event: &Event| match event {
        Event::Alarm { alarm, .. } if alarm.kind() == kind => Some(()),
        Event::Notice(Notice::ProfileOutdated { .. }) => panic!("taken for a copy"),
        Event::Conversation(view) if view.state != ConversationState::Active => panic!("{view:?}"),
        _ => None,
    };
    secretary.until(kind, alarm).await;
}

async fn goes_on(secretary: &mut Person, target: &Target, scripted: &mut Scripted, position: u64) {
    let (_, message) = secretary.say(target, "three").await;
    let (number, _) = scripted.append().await;
    scripted.answer(number, appended(position, Digest::ZERO)).await;
    secretary.until_state(message, MessageState::Accepted).await;
}

// [CONV-91]
#[tokio::test(flavor = "multi_thread")]
async fn an_own_message_that_comes_again_is_a_replay() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let Target::Conversation(conversation) = target else { panic!() };
    let own = secretary.device().await;
    let mut scripted = script.session().await;
    let (_, message) = secretary.say(&target, "two").await;
    let (number, unit) = scripted.append().await;
    // The log has the creation, the first message and a receipt; this is the fourth entry.
    scripted.answer(number, appended(4, Digest::ZERO)).await;
    secretary.until_state(message, MessageState::Accepted).await;
    scripted.say(&FromRelay::Push(Push { conversation, entry: entry(5, own, &unit) })).await;
    until_alarm(&mut secretary, "undecryptable").await;
    goes_on(&mut secretary, &target, &mut scripted, 6).await;
    assert_eq!(secretary.texts(conversation).await, ["one", "two", "three"]);
}

// [CONV-91] The relay says that it did not take a message, and has both what it got then and what it gets instead.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_called_stale_and_stored_is_known() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let Target::Conversation(conversation) = target else { panic!() };
    let own = secretary.device().await;
    let mut scripted = script.session().await;
    let (_, message) = secretary.say(&target, "two").await;
    let (number, first) = scripted.append().await;
    scripted.answer(number, Answer::StaleEpoch(4)).await;
    let (number, read) = until_read(&mut scripted).await;
    assert_eq!(read.after, 3);
    let entries = List::new(vec![script.garbage(conversation, 4)]).unwrap();
    let answer = Entries { entries, running_before: Digest::ZERO, head: 4, first_kept: 1 };
    scripted.answer(number, Answer::Entries(answer)).await;
    let (_, second) = scripted.append().await;
    assert_ne!(first.body, second.body);
    scripted.say(&FromRelay::Push(Push { conversation, entry: entry(5, own, &first) })).await;
    secretary.until_state(message, MessageState::Accepted).await;
    scripted.say(&FromRelay::Push(Push { conversation, entry: entry(6, own, &second) })).await;
    until_alarm(&mut secretary, "replay").await;
    goes_on(&mut secretary, &target, &mut scripted, 7).await;
    assert_eq!(secretary.texts(conversation).await, ["one", "two", "three"]);
}
