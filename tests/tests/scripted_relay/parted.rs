//! A client that the others have left behind (protocol-spec/05-conversation, section 5): how it finds out.

use amanat_primitives::DeviceId;

use super::*;

/// A frame of an epoch that has not begun, as far as it can be read without its keys (RFC 9420, section 6.3).
fn of_epoch(conversation: ConversationId, epoch: u64) -> Vec<u8> {
    let mut frame = vec![0, 1, 0, 2, 16];
    frame.extend(conversation.as_bytes());
    frame.extend(epoch.to_be_bytes());
    frame.extend([1, 0]);
    for _ in 0..2 {
        frame.push(40);
        frame.extend([7; 40]);
    }
    frame
}

// [CONV-57]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_alone_in_an_epoch_falls_out_and_asks() {
    let mut rig = Rig::new().await;
    let mut secretary = rig.person("secretary", Tier::Secret).await;
    for other in ["director", "clerk", "driver"] {
        rig.person(other, Tier::Secret).await.engine.stop().await;
    }
    let conversation = rig.group(&secretary, &["director", "clerk", "driver"], Tier::Official).await;
    secretary.sync().await;
    let members = secretary.members(conversation).await;
    let others: Vec<DeviceId> = members.iter().filter(|member| !member.own).map(|member| member.device).collect();
    rig.stop_relay().await;
    let script = Script::in_place_of(&rig);
    let mut scripted = script.session().await;
    let entry = |position, sender| Entry {
        sender,
        body: Bytes::new(of_epoch(conversation, 99)).unwrap(),
        ..of_another(position, UnitKind::Message)
    };
    // One that skips, so that the log is read.
    scripted.say(&FromRelay::Push(Push { conversation, entry: entry(1_000, others[0]) })).await;
    let (number, after) = until_request(&mut scripted, |request| match request {
        Request::Read(read) => Ok(read.after),
        other => Err(other),
    })
    .await;
    // One person, however often, and a stranger: that says nothing. The second one is more than half.
    let stranger = DeviceId::from_bytes([1; 32]);
    let entries = (1..).zip([others[0], others[0], stranger]).map(|(place, sender)| entry(after + place, sender));
    let entries = List::new(entries.collect::<Vec<_>>()).unwrap();
    let answer = Entries { entries, running_before: Digest::ZERO, head: after + 3, first_kept: 1 };
    scripted.answer(number, Answer::Entries(answer)).await;
    for _ in 0..3 {
        let alarm = |event: &Event| match event {
            Event::Alarm { alarm: Alarm::Undecryptable { .. }, .. } => Some(()),
            Event::Conversation(view) if view.state == ConversationState::FellOut => panic!("{view:?}"),
            _ => None,
        };
        secretary.until("alarm", alarm).await;
    }
    // The pushed one is still far ahead, so the log is read again; what is pushed meanwhile would wait for the next news.
    let (number, after) = until_request(&mut scripted, |request| match request {
        Request::Read(read) => Ok(read.after),
        other => Err(other),
    })
    .await;
    scripted.answer(number, no_entries(after)).await;
    scripted.say(&FromRelay::Push(Push { conversation, entry: entry(after + 1, others[1]) })).await;
    let asked = until_request(&mut scripted, |request| match request {
        Request::AskAgain(asked) => Ok(asked.conversation),
        other => Err(other),
    });
    assert_eq!(asked.await.1, conversation);
}
