//! What a relay refuses, and what follows it (protocol-spec/07-delivery, section 12).

use amanat_client::api::Notice;

use super::*;

// [DELIV-108] A relay that has room again between two of them would take the second first.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_refused_message_nothing_is_sent_before_it_is_taken() {
    let (_rig, mut secretary, target, script) = after_one_message().await;
    let mut scripted = script.session().await;
    secretary.say(&target, "two").await;
    let (_, three) = secretary.say(&target, "three").await;
    let (number, first) = scripted.append().await;
    let (next, second) = scripted.append().await;
    for number in [number, next] {
        scripted.answer(number, Answer::Refused(Refusal::Full)).await;
    }
    let (_, again) = scripted.append().await;
    assert_eq!(again, first);
    assert!(scripted.gets_no_append(&secretary).await, "sent behind one that was refused");
    drop(scripted);
    let mut scripted = script.session().await;
    for (position, expected) in [(4, first), (5, second)] {
        let (number, unit) = scripted.append().await;
        assert_eq!(unit, expected);
        scripted.answer(number, appended(position, Digest::ZERO)).await;
    }
    secretary.until_state(three, MessageState::Accepted).await;
}

// [DELIV-113] The vault stands at 3: the creation, a message and a receipt.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_taken_where_the_vault_has_been_stays_queued_and_is_said() {
    for position in [1, 3] {
        let (_rig, mut secretary, target, script) = after_one_message().await;
        let mut scripted = script.session().await;
        let (id, two) = secretary.say(&target, "two").await;
        let (number, _) = scripted.append().await;
        scripted.answer(number, appended(position, Digest::ZERO)).await;
        let behind = |event: &Event| match event {
            Event::Notice(Notice::RelayBehind { conversation, missing }) if *conversation == id => Some(*missing),
            Event::MessageState { message, state, .. } if *message == two => panic!("{state:?}"),
            _ => None,
        };
        assert_eq!(secretary.until("that the relay is behind", behind).await, 4 - position);
        let state = secretary.messages(id).await.into_iter().find(|view| view.id == two).unwrap().state;
        assert_eq!(state, MessageState::Queued);
    }
}
