//! What a relay refuses, and what follows it (protocol-spec/07-delivery, section 12).

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
    let more = tokio::time::timeout(Duration::from_secs(2), scripted.append()).await;
    assert!(more.is_err(), "sent behind one that was refused");
    drop(scripted);
    let mut scripted = script.session().await;
    for (position, expected) in [(4, first), (5, second)] {
        let (number, unit) = scripted.append().await;
        assert_eq!(unit, expected);
        scripted.answer(number, appended(position, Digest::ZERO)).await;
    }
    secretary.until_state(three, MessageState::Accepted).await;
}
